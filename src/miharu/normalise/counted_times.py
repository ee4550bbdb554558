"""Columns of counted times → instants in UTC: so many units since an epoch."""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.core.columns import UTC_MICROS
from miharu.normalise.clocks import TimeContext, TimeFormat, localised, naive_times

_FILETIME_EPOCH: Final = 11_644_473_600_000_000
"""Microseconds from 1601-01-01 to 1970-01-01 (MS-DTYP 2.3.3)."""
_COCOA_EPOCH: Final = 978_307_200_000_000
"""Microseconds from 1970-01-01 to 2001-01-01 (Apple's NSDate)."""
_SECONDS_LIMIT: Final = 32_503_680_000
"""Seconds of the year 3000: a larger number is not meant as seconds."""
_TAI_SECONDS: Final = 2**62 + 10
"""The TAI64 label of 1970-01-01, as multilog writes it (https://cr.yp.to/libtai/tai64.html)."""
_HEXED: Final = r"^([0-9A-Fa-f]{2})(0[0-9ABab])([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})$"
_TAI: Final = r"^@(4[0-9A-Fa-f]{15})([0-9A-Fa-f]{8})"


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


def read_epoch(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read numbers counted from 1970-01-01 UTC whose size tells their unit: s, ms, us or ns."""
    size = text.cast(pl.Float64, strict=False).abs()
    found = pl.Series([None], dtype=UTC_MICROS).new_from_index(0, len(text))
    bounds = (0.0, 1e11, 1e14, 1e17, 1e20)
    for low, high, unit in zip(bounds, bounds[1:], (1, 10**3, 10**6, 10**9), strict=False):
        rows = ((size >= low) & (size < high)).fill_null(value=False)
        if rows.any():
            found = found.scatter(rows.arg_true(), epoch(unit)(text.filter(rows), context))
    return found


def read_webkit(text: pl.Series, _context: TimeContext) -> pl.Series:
    """Read microseconds since 1601-01-01 UTC (WebKit, Chromium)."""
    micros = text.cast(pl.Int64, strict=False)
    return (micros.set(micros <= 0, None) - _FILETIME_EPOCH).cast(UTC_MICROS)


def read_cocoa(text: pl.Series, _context: TimeContext) -> pl.Series:
    """Read seconds since 2001-01-01 UTC, with a fraction (Apple's NSDate)."""
    seconds = text.cast(pl.Float64, strict=False)
    seconds = seconds.set(~(seconds.is_finite() & (seconds.abs() < _SECONDS_LIMIT)), None)
    return ((seconds * 10**6).round(0).cast(pl.Int64, strict=False) + _COCOA_EPOCH).cast(UTC_MICROS)


def read_tai64n(text: pl.Series, _context: TimeContext) -> pl.Series:
    """Read TAI64N labels (`@4000000068…`): daemontools' multilog, qmail."""
    parts = text.str.extract_groups(_TAI).struct.unnest().get_columns()
    seconds, nanos = (part.str.to_integer(base=16, strict=False) for part in parts)
    seconds -= _TAI_SECONDS
    seconds = seconds.set((seconds.abs() >= _SECONDS_LIMIT).fill_null(value=True), None)
    return (seconds * 10**6 + nanos // 10**3).cast(UTC_MICROS)


def read_symantec_hex(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read six hexadecimal bytes: years since 1970, months since January, day, hour, minute, second (local)."""
    parts = text.str.extract_groups(_HEXED).struct.unnest().get_columns()
    year, month, *rest = (part.str.to_integer(base=16, strict=False, dtype=pl.Int32) for part in parts)
    numbers = [series.alias(str(place)) for place, series in enumerate((year + 1970, month + 1, *rest))]
    padded = pl.DataFrame(numbers).select(pl.concat_str(pl.all().cast(pl.String).str.zfill(2), separator=" "))
    return localised(naive_times(padded.to_series(), "%Y %m %d %H %M %S"), context)
