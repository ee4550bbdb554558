"""Records in envelopes → the inner records to be opened, and what the envelopes say about them.

The inner records are ordinary records: whatever opens a line of a file opens them. Each keeps in the column
AT the number of its row in `outer`, which holds what the envelope says:

* under `record.adopted.` by ECS name: taken where the inner record itself says nothing else;
* under `record.kept.`: kept among what is left over, under the envelope's own prefix.

The envelope's time becomes `record.reference`: it is the time of an inner record that tells none, and tells
the year where only that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from miharu.catalog import ADOPTED, ENVELOPE_STAMP, ENVELOPE_ZONE, KEPT
from miharu.core.columns import RECORD_RAW, RECORD_REFERENCE, RECORD_SCHEMA
from miharu.parse.envelope_columns import Reading
from miharu.parse.envelope_table import ANYTHING, Envelope
from miharu.parse.json_columns import agree
from miharu.parse.text import TAGS, TEXT

AT: Final = "record.at"
"""Column of an inner record: the row of `outer` that belongs to it."""

WHOLE: Final = "record.whole"
"""Column of `outer`: the record as received."""

TRUST: Final = "record.trust"
"""Column of `outer`: see `Envelope.trust`."""

HEADLESS: Final = "record.headless"
"""Column of `outer`: an inner record without a header is the message of a syslog record."""

HOST: Final = ADOPTED + "host.name"
PROGRAM: Final = ADOPTED + "process.name"
PID: Final = ADOPTED + "process.pid"
FACILITY: Final = ADOPTED + "log.syslog.facility.code"
SEVERITY: Final = ADOPTED + "log.syslog.severity.code"

_LOOKS_LIKE_RECORD: Final = r'^(?:(?:@cee: ?)?\s*\{\s*"|<Event[ >])'
_COOKIE: Final = "@cee:"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Records that are envelopes of one kind; `whole` says that they hold nothing that such an envelope has not."""

    frame: pl.DataFrame
    envelope: Envelope
    whole: bool


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """`records` (with TEXT and AT) and `objects` (frames of JSON records, with AT) are the inner records.

    `outer` has a row for every row of the wrapped frames in their order, opened or not.
    """

    records: pl.DataFrame
    objects: list[pl.DataFrame]
    outer: pl.DataFrame


def unwrap(wrapped: Sequence[Wrapped], before: pl.DataFrame | None) -> Unwrapped:
    """Return the inner records; `before` is the `outer` of the level above where these were inner ones there."""
    records: list[pl.DataFrame] = []
    objects: list[pl.DataFrame] = []
    outers: list[pl.DataFrame] = []
    begin = 0
    for one in wrapped:
        frame, text, outer = _read(one, before)
        numbers = pl.arange(begin, begin + frame.height, dtype=pl.UInt32, eager=True).alias(AT)
        begin += frame.height
        outers.append(outer)
        filled = text.is_not_null()
        if filled.any():
            records.append(_texts(frame, text, numbers, filled))
        if one.whole and one.envelope.inside and not filled.all():
            objects.extend(_object(frame, one.envelope.inside, numbers, ~filled))
    return Unwrapped(
        _stacked(records) if records else pl.DataFrame(), objects, _stacked(agree(outers) if begin else outers)
    )


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")


def _texts(frame: pl.DataFrame, text: pl.Series, numbers: pl.Series, filled: pl.Series) -> pl.DataFrame:
    names = [*RECORD_SCHEMA, TAGS] if TAGS in frame.columns else list(RECORD_SCHEMA)
    records = frame.select(names).with_columns(text.cast(pl.Binary).alias(RECORD_RAW), text.alias(TEXT), numbers)
    return records if filled.all() else records.filter(filled)


def _object(frame: pl.DataFrame, inside: str, numbers: pl.Series, rows: pl.Series) -> list[pl.DataFrame]:
    names = [name for name in frame.columns if name.startswith(inside)]
    if not names:
        return []
    base = [name for name in (*RECORD_SCHEMA, TAGS) if name in frame.columns]
    inner = frame.select(*base, numbers, *(pl.col(name).alias(_inner_name(name, inside)) for name in names))
    chosen = rows & frame.select(pl.any_horizontal(pl.col(names).is_not_null())).to_series()
    return [inner.filter(chosen)] if chosen.any() else []


def _inner_name(name: str, inside: str) -> str:
    bare = name.removeprefix(inside)
    return f"json.{bare}" if bare.startswith("record.") or not bare else bare


def _read(one: Wrapped, before: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
    """Return the frame with the envelope's time as its reference, the inner texts, and what the envelope says."""
    frame, envelope = one.frame, one.envelope
    reading = Reading(frame, envelope.drop)
    text = _line(reading, envelope, frame.height)
    time, stamp = reading.instants(envelope.time)
    if time is not None and time.null_count() < len(time):
        frame = frame.with_columns(time.fill_null(frame.get_column(RECORD_REFERENCE)).alias(RECORD_REFERENCE))
    columns = {series.name: series for series in _told(reading, envelope)}
    if stamp is not None and stamp.null_count() < len(stamp):
        columns[ENVELOPE_STAMP] = stamp.alias(ENVELOPE_STAMP)
    zone = reading.text((envelope.zone,)) if envelope.zone else None
    if zone is not None:
        columns[ENVELOPE_ZONE] = zone.alias(ENVELOPE_ZONE)
    columns.update(_rest(reading, envelope))
    columns[HEADLESS] = _constant(HEADLESS, envelope.syslog, frame.height)
    if PROGRAM in columns and not envelope.syslog:
        columns[HEADLESS] = columns[PROGRAM].is_not_null().alias(HEADLESS)
    columns[TRUST] = _constant(TRUST, ANYTHING if one.whole else envelope.trust, frame.height)
    return frame, text, _with_earlier(frame, pl.DataFrame(list(columns.values())), before)


def _line(reading: Reading, envelope: Envelope, height: int) -> pl.Series:
    text = reading.numbered(envelope.line) if envelope.numbered else reading.text(envelope.line)
    if text is None:
        return pl.Series([None], dtype=pl.String).new_from_index(0, height)
    if envelope.marks:
        return text.str.strip_chars_end("\r\n")
    text = text.set(~text.str.contains(_LOOKS_LIKE_RECORD).fill_null(value=False), None)
    return text.str.strip_prefix(_COOKIE).str.strip_chars_start(" ")


def _told(reading: Reading, envelope: Envelope) -> list[pl.Series]:
    """Return what an envelope says about host, program and level."""
    host, program, pid = (reading.text(names) for names in (envelope.host, envelope.program, envelope.pid))
    tag = reading.tag(envelope.tag)
    if tag is not None:
        program = tag[0] if program is None else program.fill_null(tag[0])
        pid = tag[1] if pid is None else pid.fill_null(tag[1])
    facility = reading.codes(envelope.facility, "facility")
    severity = reading.codes(envelope.severity, "severity")
    columns = {HOST: host, PROGRAM: program, PID: pid, FACILITY: facility, SEVERITY: severity}
    return [
        series.alias(name)
        for name, series in columns.items()
        if series is not None and series.null_count() < len(series)
    ]


def _rest(reading: Reading, envelope: Envelope) -> dict[str, pl.Series]:
    """Return what says nothing of the kind, under the names it is kept by."""
    place = KEPT + envelope.prefix if envelope.prefix else ADOPTED
    rest: dict[str, pl.Series] = {}
    for series in reading.left():
        if envelope.inside and series.name.startswith(envelope.inside):
            continue
        name = place + (series.name.removeprefix("_") if envelope.prefix == "gelf." else series.name)
        rest[name] = series.alias(name)
    return rest


def _constant(name: str, value: object, height: int) -> pl.Series:
    return pl.Series(name, [value]).new_from_index(0, height)


def _with_earlier(frame: pl.DataFrame, outer: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Add the record as received, and what the envelope around this envelope says."""
    if before is None or AT not in frame.columns:
        return outer.with_columns(frame.get_column(RECORD_RAW).alias(WHOLE))
    above = before[frame.get_column(AT)].drop(TRUST, HEADLESS, AT, strict=False)
    added = [frame.get_column(AT)]
    for series in above.get_columns():
        if series.name not in outer.columns:
            added.append(series)
        elif series.dtype == outer.schema[series.name]:
            added.append(outer.get_column(series.name).fill_null(series))
    return outer.with_columns(added)
