"""Columns of written times → instants in UTC, microseconds; null where a value is no time.

Work is done once per distinct text where texts repeat. Years 1601 to 2999 (and beyond) survive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from miharu.catalog import TimeSpec
from miharu.core.columns import RECORD_REFERENCE, UTC_MICROS
from miharu.normalise.distinct import repeats

_NAIVE: Final = pl.Datetime("us")
_ISO_FAST: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
# ISO 8601 and RFC 3339, blank or T between date and time, comma or point before the fraction.
_ISO: Final = (
    r"^\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<clock>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?"
    r"(?P<fraction>[.,][0-9]+)?\s*(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?\s*$"
)
_BSD: Final = (
    r"^(?:(?P<before>[0-9]{4}) )?(?P<month>[A-Z][a-z]{2}) +(?P<day>[0-9]{1,2})(?: (?P<between>[0-9]{4}))? "
    r"(?P<clock>[0-9]{1,2}:[0-9]{2}:[0-9]{2})(?P<fraction>[.,][0-9]{1,9})?(?: (?P<after>[0-9]{4}))?$"
)
_OFFSET: Final = r"^([+-])([0-9]{2}):?([0-9]{2})?$"
_LEAP_SEARCH: Final = 8
_FILETIME_EPOCH: Final = 11_644_473_600_000_000
"""Microseconds from 1601-01-01 to 1970-01-01 (MS-DTYP 2.3.3)."""
_SECONDS_LIMIT: Final = 32_503_680_000
"""Seconds of the year 3000: a larger number is not meant as seconds."""


@dataclass(frozen=True, slots=True)
class TimeContext:
    """`reference` is read against where a year is missing, `zone` (texts) where a zone is, then `timezone`."""

    reference: pl.Series
    zone: pl.Series | None
    timezone: str
    zones: Mapping[str, str]


TimeFormat: TypeAlias = Callable[[pl.Series, TimeContext], pl.Series]


def read_times(
    frame: pl.DataFrame,
    spec: TimeSpec,
    formats: Mapping[str, TimeFormat],
    timezone: str,
    zones: Mapping[str, str],
) -> tuple[pl.Series, dict[str, pl.Series]]:
    """Return the first time that a field and a format give, per row; and for each field the rows it told.

    `timezone` is an IANA name; `zones` gives the minutes east of UTC of zones' abbreviations.
    """
    found = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, frame.height)
    told: dict[str, pl.Series] = {}
    zone = frame.get_column(spec.zone) if spec.zone in frame.columns else None
    context = TimeContext(frame.get_column(RECORD_REFERENCE), zone, timezone, zones)
    for name in spec.fields:
        if name not in frame.columns or not found.null_count():
            continue
        series = frame.get_column(name)
        if series.dtype.is_nested():
            continue
        if isinstance(series.dtype, pl.Datetime):
            times = _as_utc(series, timezone)
        else:
            times = _read_texts(series.cast(pl.String, strict=False), spec.formats, formats, context)
        told[name] = found.is_null() & times.is_not_null()
        found = _filled(found, times)
    return found, told


def _read_texts(
    text: pl.Series, wanted: Sequence[str], formats: Mapping[str, TimeFormat], context: TimeContext
) -> pl.Series:
    """Read texts by the first format that can; each distinct one once where nothing else decides."""
    if context.zone is None and repeats(text) and context.reference.n_unique() == 1:
        keys = text.unique()
        reference = context.reference.head(1).new_from_index(0, len(keys))
        once = TimeContext(reference, None, context.timezone, context.zones)
        return _mapped_back(text, keys, _read_texts_each(keys, wanted, formats, once))
    return _read_texts_each(text, wanted, formats, context)


def _read_texts_each(
    text: pl.Series, wanted: Sequence[str], formats: Mapping[str, TimeFormat], context: TimeContext
) -> pl.Series:
    found = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, len(text))
    for name in wanted:
        if not found.null_count():
            break
        read = formats[name] if name in formats else _strftime(name)
        found = _filled(found, read(text, context))
    return found


def read_iso8601(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read ISO 8601 and RFC 3339 stamps; without a zone they are local."""
    fast = text.str.to_datetime(_ISO_FAST, strict=False, time_unit="us").dt.replace_time_zone("UTC")
    missing = fast.is_null() & text.is_not_null()
    if not missing.any():
        return fast
    slow = _read_iso_slowly(text.filter(missing), _part(context, missing))
    return fast.scatter(missing.arg_true(), slow)


def read_syslog_stamp(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read the stamps of RFC 3164 in their variants, and ISO 8601.

    A missing year is the latest that does not put the time more than a day after the reference.
    """
    parts = text.str.extract_groups(_BSD).struct.unnest()
    bsd = parts.get_column("month").is_not_null()
    if not bsd.any():
        return read_iso8601(text, context)
    if not bsd.all():
        done = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, len(text))
        done = done.scatter(bsd.arg_true(), read_syslog_stamp(text.filter(bsd), _part(context, bsd)))
        return done.scatter((~bsd).arg_true(), read_iso8601(text.filter(~bsd), _part(context, ~bsd)))
    fraction = pl.col("fraction").fill_null("").str.replace(",", ".", literal=True)
    stamp, year = parts.select(
        (pl.col("month") + " " + pl.col("day") + " " + pl.col("clock") + fraction).alias("stamp"),
        pl.coalesce("before", "between", "after").cast(pl.Int32).alias("year"),
    ).get_columns()
    return _with_year(stamp, "%b %d %H:%M:%S%.f", year, context)


def read_apache(text: pl.Series, _context: TimeContext) -> pl.Series:
    """Read `day/month/year:clock offset`, the time of the common log format."""
    return _per_distinct(
        text, lambda part: part.str.to_datetime("%d/%b/%Y:%H:%M:%S %z", strict=False, time_unit="us").cast(UTC_MICROS)
    )


def epoch(per_second: int) -> TimeFormat:
    """Return the reader of numbers counted from 1970-01-01 UTC, `per_second` of them a second."""

    def read(text: pl.Series, _context: TimeContext) -> pl.Series:
        whole = text.cast(pl.Int64, strict=False)
        limit = _SECONDS_LIMIT * per_second if per_second <= 10**6 else None
        if whole.null_count() == text.null_count():
            micros = whole * (10**6 // per_second) if per_second <= 10**6 else whole // (per_second // 10**6)
        else:
            whole = text.cast(pl.Float64, strict=False)
            whole = whole.set(~whole.is_finite(), None)
            micros = (whole * (10**6 / per_second)).round(0)
        if limit is not None:
            micros = micros.set(whole.abs() >= limit, None)
        return micros.cast(pl.Int64, strict=False).cast(UTC_MICROS)

    return read


def read_filetime(text: pl.Series, _context: TimeContext) -> pl.Series:
    """Read Windows FILETIME: 100-nanosecond intervals since 1601-01-01 UTC, decimal or 0x hexadecimal."""
    ticks = text.cast(pl.Int64, strict=False)
    if ticks.null_count() > text.null_count():
        hexadecimal = text.str.strip_prefix("0x").str.to_integer(base=16, strict=False)
        ticks = ticks.zip_with(~text.str.starts_with("0x").fill_null(value=False), hexadecimal)
    ticks = ticks.set(ticks <= 0, None)
    return (ticks // 10 - _FILETIME_EPOCH).cast(UTC_MICROS)


def _strftime(pattern: str) -> TimeFormat:
    def read(text: pl.Series, context: TimeContext) -> pl.Series:
        if "%z" in pattern or "%:z" in pattern:
            return text.str.to_datetime(pattern, strict=False, time_unit="us").cast(UTC_MICROS)
        if not any(year in pattern for year in ("%Y", "%y", "%F", "%D", "%x", "%c", "%s", "%G", "%+")):
            none = pl.Series([None], dtype=pl.Int32).new_from_index(0, len(text))
            return _with_year(text, pattern, none, context)
        return _localised(_per_distinct(text, lambda part: _naive(part, pattern)), context)

    return read


def _with_year(stamp: pl.Series, pattern: str, year: pl.Series, context: TimeContext) -> pl.Series:
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
        older = _dated(stamp.gather(rows), pattern, chosen.gather(rows), _part(context, again))
        if older.null_count() == len(rows) and not stamp.gather(rows).str.contains("29", literal=True).any():
            break
        read = read.scatter(rows, older)
    return read


def _dated(stamp: pl.Series, pattern: str, year: pl.Series, context: TimeContext) -> pl.Series:
    parts = pl.DataFrame([year.alias("year"), stamp.alias("stamp")])
    text = parts.select(pl.col("year").cast(pl.String).str.zfill(4) + " " + pl.col("stamp")).to_series()
    return _localised(_per_distinct(text, lambda part: _naive(part, f"%Y {pattern}")), context)


def _naive(text: pl.Series, pattern: str) -> pl.Series:
    return text.str.to_datetime(pattern, strict=False, time_unit="us").cast(_NAIVE)


def _read_iso_slowly(text: pl.Series, context: TimeContext) -> pl.Series:
    parts = text.str.extract_groups(_ISO).struct.unnest()
    stamp = parts.select(
        pl.col("date")
        + "T"
        + pl.col("clock")
        + pl.col("second").fill_null(":00")
        + pl.col("fraction").fill_null("").str.replace(",", ".", literal=True)
    ).to_series()
    naive = _naive(stamp, "%Y-%m-%dT%H:%M:%S%.f")
    own = parts.get_column("zone").str.to_uppercase()
    zone = own if context.zone is None else own.fill_null(context.zone.cast(pl.String))
    return _localised(naive, TimeContext(context.reference, zone, context.timezone, context.zones))


def _localised(naive: pl.Series, context: TimeContext) -> pl.Series:
    """Return local times as instants, by their zone's text where there is one that is known."""
    local = _in_zone(naive, context.timezone)
    if context.zone is None or context.zone.null_count() == len(context.zone):
        return local
    zone = context.zone.cast(pl.String)
    for name in zone.unique().drop_nulls():
        rows = (zone == name).fill_null(value=False).arg_true()
        local = local.scatter(rows, _in_named_zone(naive.gather(rows), name, context))
    return local


def _in_named_zone(naive: pl.Series, name: str, context: TimeContext) -> pl.Series:
    minutes = zone_minutes(name, context.zones)
    if minutes is not None:
        return (naive - timedelta(minutes=minutes)).dt.replace_time_zone("UTC")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _in_zone(naive, context.timezone)
    return _in_zone(naive, name)


def zone_minutes(name: str, zones: Mapping[str, str]) -> int | None:
    """Return minutes east of UTC of an offset or an abbreviation of `zones`; None if it is neither."""
    if name in {"Z", "UTC", "GMT"}:
        return 0
    if name in zones:
        return int(zones[name])
    sign, hours, minutes = name[:1], name[1:3], name[3:].lstrip(":") or "0"
    if sign in {"+", "-"} and len(hours) == len("hh") and hours.isdecimal() and minutes.isdecimal():
        return (1 if sign == "+" else -1) * (int(hours) * 60 + int(minutes))
    return None


def _in_zone(naive: pl.Series, timezone: str) -> pl.Series:
    """Attach a zone. An hour that exists twice is the first; one that is skipped counts as if it were not."""
    if timezone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    local = _attached(naive, timezone)
    if local.null_count() > naive.null_count():
        local = local.fill_null(_attached(naive + timedelta(hours=1), timezone))
    return local.dt.convert_time_zone("UTC")


def _attached(naive: pl.Series, timezone: str) -> pl.Series:
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")


def _as_utc(series: pl.Series, timezone: str) -> pl.Series:
    aware = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None
    return (series if aware else _in_zone(series, timezone)).cast(UTC_MICROS)


def _per_distinct(text: pl.Series, read: Callable[[pl.Series], pl.Series]) -> pl.Series:
    if not repeats(text):
        return read(text)
    keys = text.unique()
    return _mapped_back(text, keys, read(keys))


def _mapped_back(text: pl.Series, keys: pl.Series, times: pl.Series) -> pl.Series:
    table = pl.DataFrame([keys.alias("text"), times.alias("time")])
    joined = text.alias("text").to_frame().join(table, on="text", how="left", nulls_equal=True, maintain_order="left")
    return joined.get_column("time")


def _filled(found: pl.Series, more: pl.Series) -> pl.Series:
    more = more.cast(UTC_MICROS)
    return more if found.null_count() == len(found) else found.fill_null(more)


def _part(context: TimeContext, rows: pl.Series) -> TimeContext:
    zone = None if context.zone is None else context.zone.filter(rows)
    return TimeContext(context.reference.filter(rows), zone, context.timezone, context.zones)
