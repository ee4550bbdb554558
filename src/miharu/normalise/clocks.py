"""Written local times, zones and years → instants in UTC: what all formats of times share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from miharu.core.distinct import places, repeats

_NAIVE: Final = pl.Datetime("us")
_LEAP_SEARCH: Final = 8
_ZONE_PREFIXES: Final = ("UTC", "GMT")


@dataclass(frozen=True, slots=True)
class TimeNames:
    """`zones`: minutes east of UTC of zones' abbreviations; `months`: numbers of months' names, in lower case."""

    zones: Mapping[str, str]
    months: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TimeContext:
    """`reference` is read against where a year is missing, `zone` (texts) where a zone is, then `timezone`."""

    reference: pl.Series
    zone: pl.Series | None
    timezone: str
    names: TimeNames


TimeFormat: TypeAlias = Callable[[pl.Series, TimeContext], pl.Series]


def with_year(stamp: pl.Series, pattern: str, year: pl.Series, context: TimeContext) -> pl.Series:
    """Read stamps by a pattern without a year; a missing year is the latest not over a day after the reference."""
    if not year.null_count():
        return _dated(stamp, pattern, year, context)
    limit = context.reference + timedelta(days=1)
    chosen = year.fill_null(limit.dt.year())
    read = _dated(stamp, pattern, chosen, context)
    for _ in range(_LEAP_SEARCH):
        again = year.is_null() & stamp.is_not_null() & ((read > limit) | read.is_null())
        rows = again.fill_null(value=False).arg_true()
        if rows.is_empty():
            break
        chosen = chosen.scatter(rows, chosen.gather(rows) - 1)
        older = _dated(stamp.gather(rows), pattern, chosen.gather(rows), part_of(context, again))
        if older.null_count() == len(rows) and not stamp.gather(rows).str.contains("29", literal=True).any():
            break
        read = read.scatter(rows, older)
    return read


def _dated(stamp: pl.Series, pattern: str, year: pl.Series, context: TimeContext) -> pl.Series:
    parts = pl.DataFrame([year.alias("year"), stamp.alias("stamp")])
    text = parts.select(pl.col("year").cast(pl.String).str.zfill(4) + " " + pl.col("stamp")).to_series()
    return localised(per_distinct(text, lambda part: naive_times(part, f"%Y {pattern}")), context)


def naive_times(text: pl.Series, pattern: str) -> pl.Series:
    """Read texts by a strftime pattern, without a zone."""
    return text.str.to_datetime(pattern, strict=False, time_unit="us").cast(_NAIVE)


def localised(naive: pl.Series, context: TimeContext) -> pl.Series:
    """Return local times as instants, by their zone's text where there is one that is known."""
    local = in_zone(naive, context.timezone)
    if context.zone is None or context.zone.null_count() == len(context.zone):
        return local
    zone = context.zone.cast(pl.String)
    names = zone.unique().drop_nulls()
    minutes = [zone_minutes(name, context.names.zones) for name in names]
    east = zone.replace_strict(names, pl.Series(minutes, dtype=pl.Int64), default=None, return_dtype=pl.Int64)
    known = (naive - pl.select(pl.duration(minutes=pl.lit(east))).to_series()).dt.replace_time_zone("UTC")
    local = known.zip_with(east.is_not_null(), local)
    for name, found in zip(names, minutes, strict=True):
        if found is None and _is_zone(name):
            rows = (zone == name).fill_null(value=False).arg_true()
            local = local.scatter(rows, in_zone(naive.gather(rows), name))
    return local


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_minutes(name: str, zones: Mapping[str, str]) -> int | None:
    """Return minutes east of UTC of an offset or an abbreviation of `zones`; None if it is neither."""
    upper = name.upper()
    if upper in {"Z", *_ZONE_PREFIXES}:
        return 0
    if upper in zones:
        return int(zones[upper])
    offset = upper[len("UTC") :] if upper.startswith(_ZONE_PREFIXES) else name
    sign, figures = offset[:1], offset[1:].replace(":", "", 1)
    if sign not in {"+", "-"} or not (figures.isascii() and figures.isdecimal()) or len(figures) > len("hhmm"):
        return None
    hours, minutes = (figures, "0") if len(figures) <= len("hh") else (figures[:-2], figures[-2:])
    return (1 if sign == "+" else -1) * (int(hours) * 60 + int(minutes))


def in_zone(naive: pl.Series, timezone: str) -> pl.Series:
    """Attach a zone. An hour that exists twice is the first; one that is skipped counts as if it were not."""
    if timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    local = _attached(naive, timezone)
    if local.null_count() > naive.null_count():
        local = local.fill_null(_attached(naive + timedelta(hours=1), timezone))
    return local.dt.convert_time_zone("UTC")


def _attached(naive: pl.Series, timezone: str) -> pl.Series:
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")


def per_distinct(text: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Read each distinct text once where they repeat."""
    if not repeats(text):
        return read(text)
    keys = text.unique()
    return mapped_back(text, keys, read(keys))


def mapped_back(text: pl.Series, keys: pl.Series, times: pl.Series) -> pl.Series:
    """Return for each text the time of its key."""
    return times.gather(places(text, keys))


def part_of(context: TimeContext, rows: pl.Series) -> TimeContext:
    """Return the context of the rows where `rows` holds."""
    zone = None if context.zone is None else context.zone.filter(rows)
    return TimeContext(context.reference.filter(rows), zone, context.timezone, context.names)
