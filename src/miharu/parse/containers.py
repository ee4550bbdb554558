"""Records with text → frames by container: how each record is wrapped decides how it is opened.

Records of a mixed file are sorted line by line. Every container takes from the rows that are left what it
can open; the last takes all, so that nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import polars as pl

from miharu.core.chunk import Format
from miharu.core.columns import RECORD_HEADER, RECORD_PAIRS, empty_rejects
from miharu.parse.delimited import read_delimited
from miharu.parse.journal_entries import open_entries
from miharu.parse.json_shapes import read_json
from miharu.parse.kernel_ring import read_ring
from miharu.parse.login_records import open_login_records
from miharu.parse.pairs import COMMAS_PART_PAIRS, LOOKS_LIKE_PAIRS, pairs_apart, read_pairs, spread
from miharu.parse.splitting import Dialect
from miharu.parse.syslog import read_syslog
from miharu.parse.text import TEXT
from miharu.parse.windows_dates import DateOrder
from miharu.parse.windows_shapes import flatten_windows
from miharu.parse.windows_text import read_windows_text
from miharu.parse.windows_xml import read_windows_xml

JSON_OBJECT: Final = r'^\s*\{\s*["}]'
WINDOWS_XML: Final = r"^\s*(?:<\?xml|<Event[\s>])"

Frames: TypeAlias = dict[str, list[pl.DataFrame]]


@dataclass(frozen=True, slots=True)
class Opened:
    """`frames` by container, `rejects`, and the rows of `rest` that this container cannot open."""

    frames: Frames = field(default_factory=dict)
    rejects: pl.DataFrame = field(default_factory=empty_rejects)
    rest: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """`mark` tells from the text which rows to try (None: all), `open` reads them, in chunks of `formats`."""

    name: str
    mark: Callable[[pl.Series], pl.Series] | None
    open: Callable[[pl.DataFrame, str], Opened]
    formats: tuple[Format, ...] = ("lines", "json")


def open_all(records: pl.DataFrame, containers: Sequence[Container], timezone: str) -> Opened:
    """Open every row of `records` (with TEXT) by the first container that can."""
    frames: Frames = {}
    rejects: list[pl.DataFrame] = []
    for container in containers:
        if records.is_empty():
            break
        chosen, records = _chosen(records, container)
        if chosen.is_empty():
            continue
        opened = container.open(chosen, timezone)
        for name, made in opened.frames.items():
            frames.setdefault(name, []).extend(made)
        if opened.rejects.height:
            rejects.append(opened.rejects)
        if opened.rest is not None and opened.rest.height:
            records = pl.concat([records, opened.rest], how="diagonal") if records.height else opened.rest
    return Opened(frames, pl.concat(rejects) if rejects else empty_rejects())


def _chosen(records: pl.DataFrame, container: Container) -> tuple[pl.DataFrame, pl.DataFrame]:
    if container.mark is None:
        return records, records.clear()
    mask = container.mark(records.get_column(TEXT))
    if mask.all():
        return records, records.clear()
    if not mask.any():
        return records.clear(), records
    return records.filter(mask), records.filter(~mask)


def is_json_object(text: pl.Series) -> pl.Series:
    """Return which texts begin like a JSON object."""
    return text.str.contains(JSON_OBJECT)


def is_windows_xml(text: pl.Series) -> pl.Series:
    """Return which texts begin like a Windows event in XML."""
    return text.str.contains(WINDOWS_XML)


def is_pairs(text: pl.Series) -> pl.Series:
    """Return which texts begin with two `key=value` pairs."""
    return text.str.contains(LOOKS_LIKE_PAIRS)


def open_json(records: pl.DataFrame, timezone: str) -> Opened:
    """Open JSON objects; those that are Windows events come as such."""
    frames, rejects = read_json(records.drop(TEXT))
    windows, others = flatten_windows(frames, timezone)
    return Opened({"windows": windows, "json": others}, rejects)


def open_windows_xml(records: pl.DataFrame, timezone: str) -> Opened:
    """Open Windows events in XML."""
    windows, rejects = read_windows_xml(records.drop(TEXT), timezone)
    return Opened({"windows": windows}, rejects)


def open_delimited(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open lines under a header that names their columns; those it does not fit are the rest."""
    if RECORD_HEADER not in records.columns or records.get_column(RECORD_HEADER).null_count() == records.height:
        return Opened(rest=records)
    frames, rest = read_delimited(records)
    return Opened({"delimited": frames}, rest=records.filter(rest))


def open_windows_text(records: pl.DataFrame, timezone: str, order: DateOrder = "auto") -> Opened:
    """Open Windows events in words; those that only look so are the rest."""
    windows, rest = read_windows_text(records, timezone, order)
    return Opened({"windows": windows}, rest=rest)


def open_syslog(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open lines with a syslog header; the others are the rest."""
    found, rest = read_syslog(records.get_column(TEXT))
    base = records.drop(TEXT)
    frames = [_rows(base, rows).hstack(fields) for rows, fields in found]
    return Opened({"syslog": frames}, rest=records[rest])


def _rows(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    return frame if len(rows) == frame.height else frame[rows]


def open_pairs(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open lines of `key=value` pairs, which blanks or commas part; the line itself stays in `message`."""
    base = records.rename({TEXT: "message"})
    commas = base.get_column("message").str.contains(COMMAS_PART_PAIRS)
    parts = [base] if not commas.any() else [base.filter(~commas), base.filter(commas)]
    return Opened({"keyvalue": [_with_pairs(part, apart=part is not parts[0]) for part in parts if part.height]})


def _with_pairs(base: pl.DataFrame, *, apart: bool) -> pl.DataFrame:
    text = base.get_column("message")
    read = spread(pairs_apart(text, Dialect(",", '"', "backslash"), "="), base.height) if apart else read_pairs(text)
    pairs = [series for series in read if series.name not in base.columns]
    return base.hstack(pairs).with_columns(pl.lit(value=True).alias(RECORD_PAIRS))


def open_audit(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open records of the audit daemon, whose pairs have a reader of their own."""
    return Opened({"keyvalue": [records.rename({TEXT: "message"})]})


def open_journal(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open entries of a journal's export as the JSON objects that they are with `-o json`."""
    return Opened({"json": [open_entries(records)]})


def open_logins(kind: str, records: pl.DataFrame, _timezone: str) -> Opened:
    """Open binary records of logins; their fields come as those of a JSON object."""
    return Opened({"json": open_login_records(records.drop(TEXT), kind)})


def open_ring(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open lines of the kernel's ring buffer (dmesg) as if syslog had passed them on."""
    return Opened({"syslog": [read_ring(records)]})


def open_line(records: pl.DataFrame, _timezone: str) -> Opened:
    """Open anything: the line is the `message`."""
    return Opened({"line": [records.rename({TEXT: "message"})]})
