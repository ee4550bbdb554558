"""Syslog records whose message begins with a header of its own → the inner header's fields, and what the relay said.

A relay that does not read what it passes on writes its own header (its clock, its name) before the sender's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import polars as pl

from miharu.catalog import ENVELOPE_STAMP, ENVELOPE_ZONE, KEPT

MAX_RELAYS: Final = 3
"""So many headers before a message are read at most, besides its own."""

Found: TypeAlias = list[tuple[pl.Series, pl.DataFrame]]
Read: TypeAlias = Callable[[pl.Series], tuple[Found, pl.Series]]

_RELAYED: Final = (
    r"^(?:<[0-9]{1,3}>(?:1 )?)?(?:[0-9]{4} )?"
    r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]?[0-9] (?:[0-9]{4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"
)
_OUTER: Final = {
    "hostname": f"{KEPT}envelope.host.name",
    "priority": f"{KEPT}envelope.log.syslog.priority",
    "timestamp": ENVELOPE_STAMP,
    "timezone": ENVELOPE_ZONE,
}
_SAID: Final = ("message", "program", "facility", "severity", "version")
"""What needs not be kept of a relay's header: it is told otherwise, or says nothing."""
_LEVELS: Final = ("priority", "facility", "severity")


def is_relayed(fields: pl.DataFrame) -> pl.Series:
    """Return which records have no program and a message that begins with a stamp."""
    message = fields.get_column("message")
    if "program" not in fields.columns:
        return message.str.contains(_RELAYED)
    nobody = fields.get_column("program").is_null()
    return message.str.contains(_RELAYED) & nobody if nobody.any() else nobody


def split_relayed(rows: pl.Series, fields: pl.DataFrame, read: Read) -> Found:
    """Return the records in frames, with the inner header's fields where there is one."""
    relayed = is_relayed(fields)
    if not relayed.any():
        return [(rows, fields)]
    places = relayed.arg_true()
    made: Found = []
    left = pl.Series([True]).new_from_index(0, len(rows))
    inner, _ = read(fields.get_column("message").gather(places))
    for at, frame in inner:
        good = _is_header(frame)
        if not good.any():
            continue
        own = places.gather(at.filter(good))
        made.append((rows.gather(own), _with_outer(frame.filter(good), fields[own])))
        left = left.scatter(own, False)
    if left.any():
        made.append((rows.filter(left), _filled(fields.filter(left))))
    return made


def _is_header(frame: pl.DataFrame) -> pl.Series:
    """Return which inner headers are no chance: words of a message may follow a stamp too."""
    have = set(frame.columns)
    sure = pl.col("priority").is_not_null() if "priority" in have else pl.lit(value=False)
    if "hostname" in have:
        named = pl.col("hostname").str.contains(r"[.:0-9]") | pl.col("message").str.starts_with("<")
        named |= pl.col("program").is_not_null() if "program" in have else False
        sure |= pl.col("hostname").is_not_null() & named.fill_null(value=False)
    return frame.select((sure & pl.col("message").is_not_null()).fill_null(value=False).alias("sure")).to_series()


def _with_outer(inner: pl.DataFrame, outer: pl.DataFrame) -> pl.DataFrame:
    columns = {series.name: series for series in inner.get_columns()}
    kept = {series.name: series for series in outer.get_columns()}
    if "priority" not in columns:
        columns.update({name: kept.pop(name) for name in _LEVELS if name in kept})
    elif columns["priority"].null_count():
        columns.update({name: columns[name].fill_null(kept[name]) for name in _LEVELS if name in kept})
    if "hostname" not in columns and "hostname" in kept:
        columns["hostname"] = kept.pop("hostname")
    for name, series in kept.items():
        own = _OUTER.get(name) or (name if name.startswith("record.") else f"{KEPT}envelope.{name}")
        if name not in _SAID and own not in columns:
            columns[own] = series.alias(own)
    return _filled(pl.DataFrame(list(columns.values())))


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(series for series in frame.get_columns() if series.null_count() < frame.height)
