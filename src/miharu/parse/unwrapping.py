"""Frames by container → claims of log sources, with the records that are envelopes opened.

A record that only a log source for unknown logs takes may be an envelope. The records inside go the same way
as those of a file, and may be envelopes again, up to MAX_LEVELS. An inner record that nobody knows any better
stays in its envelope (how much better is for `Envelope.trust` to say).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from miharu.catalog import ADOPTED, KEPT, LogSource
from miharu.core.columns import RECORD_RAW, RECORD_ROW, RECORD_SCHEMA
from miharu.parse.containers import Container, Frames, open_all
from miharu.parse.envelope_table import ANYTHING, HEADED, NAMED, SYSLOG, Envelope, envelope_of, may_be_envelope
from miharu.parse.envelopes import (
    AT,
    FACILITY,
    HEADLESS,
    HOST,
    PID,
    PROGRAM,
    SEVERITY,
    TRUST,
    WHOLE,
    Unwrapped,
    Wrapped,
    unwrap,
)
from miharu.parse.line_envelopes import LIKELY, SURE, line_envelopes
from miharu.parse.recognition import Claim, recognise
from miharu.parse.text import TAGS, TEXT, with_text
from miharu.parse.windows_shapes import flatten_windows

MAX_LEVELS: Final = 3
"""Envelopes within envelopes that are opened."""

REBUILT: Final = "record.rebuilt"
"""Column of records that are given the header which their envelope took from them."""

_UNKNOWN: Final = 900
"""Log sources of this priority and above take what nobody knows better."""

_OBJECTS: Final = frozenset({"json", "windows_xml"})
_MAY_BE_RECORD: Final = ("{", "@cee:", " {", "<Event>", "<Event ")
_REBUILT: Final = {"hostname": HOST, "program": PROGRAM, "pid": PID, "facility": FACILITY, "severity": SEVERITY}
_GENERIC_TRUST: Final[Mapping[str, int]] = {"windows": NAMED, "json": HEADED, "syslog": HEADED}
_SEVERITIES: Final = 8


@dataclass(frozen=True, slots=True)
class Settled:
    """A claim; `at` are the rows of `outer` (what the envelopes around its records say), if it has any."""

    container: str
    claim: Claim
    outer: pl.DataFrame | None = None
    at: pl.Series | None = None


class Unwrapper:
    """Recognises records by the log sources of each container; `containers` are those of lines."""

    def __init__(
        self, by_container: Mapping[str, Sequence[LogSource]], containers: Sequence[Container], timezone: str
    ) -> None:
        self._by_container = by_container
        self._containers = containers
        self._bare = [one for one in containers if one.name not in _OBJECTS]
        self._timezone = timezone

    def settle(self, frames: Frames, outer: pl.DataFrame | None = None, level: int = 0) -> list[Settled]:
        """Return every row of `frames` in exactly one claim."""
        settled: list[Settled] = []
        wrapped: list[tuple[Settled, Wrapped]] = []
        for container, given in frames.items():
            parts: Sequence[pl.DataFrame] = given
            if container == "line" and level < MAX_LEVELS:
                opened, parts = self._surely_opened(given, outer, level)
                settled += opened
            for claim in recognise(parts, self._by_container[container]):
                if container == "delimited" and not claim.source.recognise.where:
                    settled += self._perhaps_lines(claim)
                    continue
                at = claim.frame.get_column(AT) if outer is not None else None
                one = Settled(container, claim, outer, at)
                found, rest = _envelopes(one) if level < MAX_LEVELS else ([], one)
                wrapped += found
                if rest is not None:
                    settled.append(rest)
        return settled + self._opened(wrapped, outer, level) if wrapped else settled

    def _perhaps_lines(self, claim: Claim) -> list[Settled]:
        """Return a claim of delimited lines that nobody knows, without those that somebody knows as bare lines.

        What looks like the header of a table may be none.
        """
        records = with_text(claim.frame.select(list(RECORD_SCHEMA)))
        opened = open_all(records, [one for one in self._bare if one.name != "delimited"], self._timezone)
        known = [one for one in self.settle(opened.frames) if one.claim.source.recognise.where]
        taken = [one.claim.frame.get_column(RECORD_ROW) for one in known]
        if not taken:
            return [Settled("delimited", claim)]
        left = claim.frame.filter(~pl.col(RECORD_ROW).is_in(pl.concat(taken).implode()))
        return [*known, *([Settled("delimited", Claim(claim.source, left))] if left.height else [])]

    def _surely_opened(
        self, frames: Sequence[pl.DataFrame], outer: pl.DataFrame | None, level: int
    ) -> tuple[list[Settled], list[pl.DataFrame]]:
        """Open the lines that are envelopes whoever their record belongs to; return also what stays a line."""
        nobody = replace(self._by_container["line"][-1])  # a claim of nobody but this call's
        opened: list[Settled] = []
        others: list[pl.DataFrame] = []
        for frame in frames:
            at = frame.get_column(AT) if outer is not None else None
            wrapped, rest = _by_line(Settled("line", Claim(nobody, frame), outer, at), SURE)
            for one in self._opened(wrapped, outer, level) if wrapped else ():
                whole = one.container == "line" and one.claim.source is nobody
                (others.append(one.claim.frame) if whole else opened.append(one))
            if rest is not None:
                others.append(rest.claim.frame)
        return opened, others

    def _opened(
        self, wrapped: Sequence[tuple[Settled, Wrapped]], outer: pl.DataFrame | None, level: int
    ) -> list[Settled]:
        unwrapped = unwrap([envelope for _, envelope in wrapped], outer)
        kept = pl.Series([False]).new_from_index(0, unwrapped.outer.height)
        settled: list[Settled] = []
        for inner in self.settle(self._frames(unwrapped), unwrapped.outer, level + 1):
            good = _trusted(inner, unwrapped.outer)
            if good is None:
                continue
            assert good.at is not None
            kept = kept.scatter(good.at, True)
            above = unwrapped.outer.get_column(AT).gather(good.at) if AT in unwrapped.outer.columns else None
            settled.append(replace(good, at=above))
        begin = 0
        for one, _ in wrapped:
            height = one.claim.frame.height
            left = _part(one, ~kept.slice(begin, height))
            begin += height
            if left is not None:
                settled.append(left)
        return settled

    def _frames(self, unwrapped: Unwrapped) -> Frames:
        frames: Frames = {}
        records = unwrapped.records
        if records.height:
            opened = open_all(records, self._containers, self._timezone)
            _extend(frames, opened.frames)
            if opened.rejects.height:
                # Cut or broken: no record of its own, but perhaps a line.
                broken = records.get_column(RECORD_ROW).is_in(opened.rejects.get_column(RECORD_ROW).implode())
                _extend(frames, open_all(records.filter(broken), self._bare, self._timezone).frames)
            _rebuild(frames, unwrapped.outer)
        if unwrapped.objects:
            windows, others = flatten_windows(unwrapped.objects, self._timezone)
            _extend(frames, {"windows": windows, "json": others})
        return frames


def _extend(frames: Frames, more: Frames) -> None:
    for name, made in more.items():
        frames.setdefault(name, []).extend(made)


def _envelopes(one: Settled) -> tuple[list[tuple[Settled, Wrapped]], Settled | None]:
    """Return the rows of a claim that are envelopes, by kind, and the others."""
    frame, source = one.claim.frame, one.claim.source
    if one.container == "json" and source.priority >= _UNKNOWN and may_be_envelope(frame.columns):
        return _by_envelope(one)
    if one.container == "syslog" and source.priority >= _UNKNOWN and REBUILT not in frame.columns:
        begins = [pl.col("message").str.starts_with(begin) for begin in _MAY_BE_RECORD]
        if frame.select(pl.any_horizontal(begins).any()).item():
            return [(one, Wrapped(frame, SYSLOG, whole=False))], None
    if one.container == "line" and source.priority >= _UNKNOWN:
        return _by_line(one, LIKELY)
    return [], one


def _by_line(
    one: Settled, envelopes: Sequence[tuple[str, Envelope]]
) -> tuple[list[tuple[Settled, Wrapped]], Settled | None]:
    """Split lines by what stands before the record in them."""
    wrapped: list[tuple[Settled, Wrapped]] = []
    left = pl.Series([True]).new_from_index(0, one.claim.frame.height)
    for rows, frame, envelope in line_envelopes(one.claim.frame, envelopes):
        part = _part(one, rows)
        assert part is not None
        wrapped.append((part, Wrapped(frame, envelope, whole=False)))
        left &= ~rows
    return wrapped, _part(one, left) if wrapped else one


def _by_envelope(one: Settled) -> tuple[list[tuple[Settled, Wrapped]], Settled | None]:
    """Split JSON records by what they are: records of nearly the same keys may be in one frame."""
    frame = one.claim.frame
    columns = [series for series in frame.get_columns() if not series.name.startswith("record.")]
    always = frozenset(series.name for series in columns if not series.null_count())
    partly = [series for series in columns if series.null_count()]
    if not partly:
        found = envelope_of(always)
        return ([], one) if found is None else ([(one, _wrapped(one, frame, found))], None)
    presence = pl.DataFrame([series.is_not_null() for series in partly])
    kinds = presence.unique(maintain_order=True)
    envelopes = [
        envelope_of(always.union(name for name, there in zip(kinds.columns, row, strict=True) if there))
        for row in kinds.iter_rows()
    ]
    distinct = list(dict.fromkeys(envelopes))
    numbered = kinds.with_columns(pl.Series("record.kind", [distinct.index(each) for each in envelopes]))
    kind = presence.join(numbered, on=kinds.columns, how="left", maintain_order="left").get_column("record.kind")
    wrapped: list[tuple[Settled, Wrapped]] = []
    rest: Settled | None = None
    for number, found in enumerate(distinct):
        part = _part(one, kind == number)
        if found is None:
            rest = part
        elif part is not None:
            wrapped.append((part, _wrapped(part, _filled(part.claim.frame), found)))
    return wrapped, rest


def _wrapped(one: Settled, frame: pl.DataFrame, found: tuple[Envelope, bool]) -> Wrapped:
    """Return an envelope; where a log source with conditions takes it else, what is inside must be known better."""
    envelope, whole = found
    return Wrapped(frame, envelope, whole and not one.claim.source.recognise.where)


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(s for s in frame.get_columns() if s.null_count() < frame.height or s.name.startswith("record."))


def _trusted(inner: Settled, outer: pl.DataFrame) -> Settled | None:
    """Return the part of a claim that says more than the envelopes do, None if none does."""
    if inner.claim.source.recognise.where:
        return inner
    rebuilt = REBUILT in inner.claim.frame.columns
    needed = ANYTHING if rebuilt else _GENERIC_TRUST.get(inner.container, ANYTHING)
    assert inner.at is not None
    return _part(inner, outer.get_column(TRUST).gather(inner.at) >= needed)


def _part(one: Settled, rows: pl.Series) -> Settled | None:
    if rows.all():
        return one
    if not rows.any():
        return None
    at = None if one.at is None else one.at.filter(rows)
    return Settled(one.container, Claim(one.claim.source, one.claim.frame.filter(rows)), one.outer, at)


def _rebuild(frames: Frames, outer: pl.DataFrame) -> None:
    """Give lines without a header what their envelope says the header said."""
    if not outer.get_column(HEADLESS).any():
        return
    for container in ("line", "keyvalue"):
        lines = frames.pop(container, [])
        for frame in lines:
            headless = outer.get_column(HEADLESS).gather(frame.get_column(AT))
            if headless.any():
                whole = bool(headless.all())
                frames.setdefault("syslog", []).append(_rebuilt(frame if whole else frame.filter(headless), outer))
                frame = frame.clear() if whole else frame.filter(~headless)  # noqa: PLW2901 - what is left of it
            if frame.height:
                frames.setdefault(container, []).append(frame)


def _rebuilt(frame: pl.DataFrame, outer: pl.DataFrame) -> pl.DataFrame:
    at = frame.get_column(AT)
    header = [outer.get_column(name).gather(at).alias(own) for own, name in _REBUILT.items() if name in outer.columns]
    kept = [name for name in (*RECORD_SCHEMA, TAGS, AT) if name in frame.columns]
    made = frame.select(*kept, pl.col("message").str.strip_prefix(" "), pl.lit(True).alias(REBUILT)).hstack(header)
    if {"facility", "severity"} <= set(made.columns):
        made = made.with_columns(priority=pl.col("facility") * _SEVERITIES + pl.col("severity"))
    return made.select(series for series in made.get_columns() if series.null_count() < made.height)


def bare(frame: pl.DataFrame, settled: Settled) -> pl.DataFrame:
    """Return a frame of a claim with the records as received and with what the envelopes around them say."""
    outer = settled.outer
    if outer is None:
        return frame
    rebuilt = REBUILT in frame.columns
    left_out = {AT, TRUST, HEADLESS, *(_REBUILT.values() if rebuilt else ())}
    says = _rows(outer.select(name for name in outer.columns if name not in left_out), frame.get_column(AT))
    columns = {series.name: series for series in says.get_columns() if series.null_count() < says.height}
    columns[RECORD_RAW] = columns.pop(WHOLE).alias(RECORD_RAW)
    if settled.container == "syslog" and HOST in columns:
        columns.update(_hostname(frame, columns.pop(HOST)))
    return frame.drop(AT, REBUILT, TEXT, strict=False).with_columns(columns.values())


def _rows(outer: pl.DataFrame, at: pl.Series) -> pl.DataFrame:
    return outer if len(at) == outer.height and at.is_sorted() else outer[at]


def _hostname(frame: pl.DataFrame, host: pl.Series) -> dict[str, pl.Series]:
    """Return the header's own host where it has one: what it means is for the log source to say."""
    if "hostname" not in frame.columns:
        return {"hostname": host.alias("hostname")}
    own = frame.get_column("hostname")
    other = host.set((own == host).fill_null(value=True), None)
    found = {"hostname": own.fill_null(host)}
    if other.null_count() < len(other):
        name = f"{KEPT}envelope.{HOST.removeprefix(ADOPTED)}"
        found[name] = other.alias(name)
    return found
