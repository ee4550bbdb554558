"""Columns of written times → instants in UTC, microseconds; null where a value is no time.

Work is done once per distinct text where texts repeat. Years 1601 to 2999 (and beyond) survive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from miharu.catalog import TimeSpec
from miharu.core.columns import RECORD_REFERENCE, UTC_MICROS
from miharu.core.distinct import repeats
from miharu.normalise.clocks import (
    TimeContext,
    TimeFormat,
    TimeNames,
    in_zone,
    localised,
    mapped_back,
    naive_times,
    part_of,
    per_distinct,
    with_year,
)
from miharu.normalise.written_times import read_common_log, read_iso_variants, read_named, says_year

_ISO_FAST: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
_BSD: Final = (
    r"^(?:(?P<before>[0-9]{4}) )?(?P<month>[A-Z][a-z]{2}) +(?P<day>[0-9]{1,2})(?: (?P<between>[0-9]{4}))? "
    r"(?P<clock>[0-9]{1,2}:[0-9]{2}:[0-9]{2})(?P<fraction>[.,][0-9]{1,9})?(?: (?P<after>[0-9]{4}))?$"
)


def read_times(
    frame: pl.DataFrame,
    spec: TimeSpec,
    formats: Mapping[str, TimeFormat],
    timezone: str,
    names: TimeNames,
) -> tuple[pl.Series, dict[str, pl.Series]]:
    """Return the first time that a field and a format give, per row; and for each field the rows it told.

    `timezone` is an IANA name.
    """
    found = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, frame.height)
    told: dict[str, pl.Series] = {}
    zone = frame.get_column(spec.zone) if spec.zone in frame.columns else None
    context = TimeContext(frame.get_column(RECORD_REFERENCE), zone, timezone, names)
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
        once = TimeContext(reference, None, context.timezone, context.names)
        return mapped_back(text, keys, _read_texts_each(keys, wanted, formats, once))
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
    slow = read_iso_variants(text.filter(missing), part_of(context, missing))
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
        done = done.scatter(bsd.arg_true(), read_syslog_stamp(text.filter(bsd), part_of(context, bsd)))
        return done.scatter((~bsd).arg_true(), read_iso8601(text.filter(~bsd), part_of(context, ~bsd)))
    fraction = pl.col("fraction").fill_null("").str.replace(",", ".", literal=True)
    stamp, year = parts.select(
        (pl.col("month") + " " + pl.col("day") + " " + pl.col("clock") + fraction).alias("stamp"),
        pl.coalesce("before", "between", "after").cast(pl.Int32).alias("year"),
    ).get_columns()
    return with_year(stamp, "%b %d %H:%M:%S%.f", year, context)


def read_apache(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `day/month/year:clock offset`, the time of the common log format."""
    plain = per_distinct(
        text, lambda part: part.str.to_datetime("%d/%b/%Y:%H:%M:%S %z", strict=False, time_unit="us").cast(UTC_MICROS)
    )
    missing = plain.is_null() & text.is_not_null()
    if not missing.any():
        return plain
    named = read_common_log(text.filter(missing), part_of(context, missing))
    return plain.scatter(missing.arg_true(), named)


def _strftime(pattern: str) -> TimeFormat:
    def read(text: pl.Series, context: TimeContext) -> pl.Series:
        plain = _read_plainly(text, pattern, context)
        missing = plain.is_null() & text.is_not_null()
        if not missing.any():
            return plain
        named = read_named(pattern, text.filter(missing), part_of(context, missing))
        return plain if named is None else plain.scatter(missing.arg_true(), named)

    return read


def _read_plainly(text: pl.Series, pattern: str, context: TimeContext) -> pl.Series:
    if "%Z" in pattern:
        return pl.Series([None], dtype=UTC_MICROS).new_from_index(0, len(text))
    if "%z" in pattern or "%:z" in pattern:
        return text.str.to_datetime(pattern, strict=False, time_unit="us").cast(UTC_MICROS)
    if not says_year(pattern):
        none = pl.Series([None], dtype=pl.Int32).new_from_index(0, len(text))
        return with_year(text, pattern, none, context)
    return localised(per_distinct(text, lambda part: naive_times(part, pattern)), context)


def _as_utc(series: pl.Series, timezone: str) -> pl.Series:
    aware = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None
    return (series if aware else in_zone(series, timezone)).cast(UTC_MICROS)


def _filled(found: pl.Series, more: pl.Series) -> pl.Series:
    more = more.cast(UTC_MICROS)
    return more if found.null_count() == len(found) else found.fill_null(more)
