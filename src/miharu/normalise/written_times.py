"""Columns of times written in words and figures → instants in UTC, whatever the order, language and zone.

A regular expression with groups named year, month, day, hour, minute, second, fraction, half and zone takes a text
apart; what is put together again is one canonical stamp. A month may be a figure or a name in any language of
`content/lookups/month_names.tsv`; a zone an offset, an abbreviation or a name of the IANA database.
"""

from __future__ import annotations

from functools import cache
from re import Match, escape, finditer
from typing import Final

import polars as pl

from miharu.normalise.clocks import TimeContext, localised, naive_times, with_year

_PARTS: Final = ("year", "month", "day", "hour", "minute", "second", "fraction", "half", "zone")
_CENTURY: Final = 69
"""A year of two figures below this one is of this century (POSIX strptime, %y)."""

_MONTH: Final = r"(?P<month>[\p{L}]{2,}\.?|[0-9]{1,2}(?:月|월)?)"
_CLOCK: Final = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>[.,][0-9]{1,9})?)?"
_HALF: Final = r"(?P<half>(?i)[ap]\.?\s?m\.?|午前|午後|上午|下午|오전|오후|vorm\.|nachm\.)"
_AFTERNOON: Final = r"^(?i)(?:p|午後|下午|오후|nachm)"
_OFFSET: Final = r"(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?"
_ZONE: Final = rf"(?P<zone>[Zz]|{_OFFSET}|[A-Z]{{2,5}}|[A-Z][A-Za-z]+/[A-Za-z_/+-]+)"
# ISO 8601, RFC 3339 and what is written like them: other marks between, none at all, a comma before the fraction.
_ISO: Final = (
    r"^\s*(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"|/(?P<month_slash>[0-9]{2})/(?P<day_slash>[0-9]{2})|(?P<month_bare>[0-9]{2})(?P<day_bare>[0-9]{2}))[Tt _]\s?"
    r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2}))?"
    rf"(?P<fraction>[.,][0-9]+)?\s*{_ZONE}?\s*$"
)
_CTIME: Final = (
    rf"^\s*(?:[\p{{L}}]{{2,}}\.?,?\s+)?{_MONTH}\s+(?P<day>[0-9]{{1,2}}),?\s+(?:(?P<year_first>[0-9]{{4}})\s+)?{_CLOCK}"
    rf"(?:\s+{_HALF})?(?:\s+{_ZONE})?(?:\s+(?P<year>[0-9]{{4}}))?\s*$"
)
_RFC2822: Final = (
    rf"^\s*(?:[\p{{L}}]{{2,}}\.?,?\s+)?(?P<day>[0-9]{{1,2}})[ -]{_MONTH}[ -](?P<year>[0-9]{{4}}|[0-9]{{2}}),?[ :]"
    rf"{_CLOCK}(?:\s*{_ZONE})?(?:\s*\([^)]*\))?\s*$"
)
_US: Final = (
    r"^\s*(?P<month>[0-9]{1,2})[/-](?P<day>[0-9]{1,2})[/-](?P<year>[0-9]{4}|[0-9]{2}),?[ T-]+"
    rf"{_CLOCK}(?:\s*{_HALF})?(?:\s*{_ZONE})?\s*$"
)
_EU: Final = (
    r"^\s*(?P<day>[0-9]{1,2})[./-](?P<month>[0-9]{1,2})[./-](?P<year>[0-9]{4}|[0-9]{2}),?[ T-]+"
    rf"{_CLOCK}(?:\s*{_HALF})?(?:\s*{_ZONE})?\s*$"
)
_COMMON: Final = rf"^\s*(?P<day>[0-9]{{1,2}})/{_MONTH}/(?P<year>[0-9]{{4}}):{_CLOCK}(?:\s*{_ZONE})?\s*$"
_DIRECTIVES: Final = {
    "Y": r"(?P<year>[0-9]{4})",
    "y": r"(?P<year>[0-9]{2})",
    "m": r"(?P<month>[0-9]{1,2})",
    "b": _MONTH,
    "B": _MONTH,
    "h": _MONTH,
    "d": r"\s?(?P<day>[0-9]{1,2})",
    "e": r"\s?(?P<day>[0-9]{1,2})",
    "a": r"[\p{L}]+\.?",
    "A": r"[\p{L}]+\.?",
    "H": r"(?P<hour>[0-9]{1,2})",
    "k": r"\s?(?P<hour>[0-9]{1,2})",
    "I": r"(?P<hour>[0-9]{1,2})",
    "l": r"\s?(?P<hour>[0-9]{1,2})",
    "M": r"(?P<minute>[0-9]{2})",
    "S": r"(?P<second>[0-9]{2})",
    "p": _HALF,
    "P": _HALF,
    ".f": r"(?P<fraction>[.,][0-9]+)?",
    ".3f": r"(?P<fraction>[.,][0-9]{3})",
    ".6f": r"(?P<fraction>[.,][0-9]{6})",
    ".9f": r"(?P<fraction>[.,][0-9]{9})",
    "z": rf"(?P<zone>[Zz]|{_OFFSET})",
    ":z": rf"(?P<zone>[Zz]|{_OFFSET})",
    "#z": rf"(?P<zone>[Zz]|{_OFFSET})",
    "Z": _ZONE,
    "%": "%",
}
_SHORT: Final = {"T": "%H:%M:%S", "D": "%m/%d/%y", "F": "%Y-%m-%d", "R": "%H:%M", "r": "%I:%M:%S %p"}
_PIECES: Final = r"%(?P<directive>[.:#]?[0-9]?[A-Za-z%])|(?P<blank>\s+)|(?P<text>[^%\s]+)"
_YEARS: Final = ("%Y", "%y", "%F", "%D", "%x", "%c", "%s", "%G", "%+")


def read_iso_variants(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read what is written like ISO 8601; without a zone it is local."""
    return read_parts(_ISO, text, context)


def read_ctime(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `[day of the week] month day clock [zone] [year]`: ctime(3), Apple's and Apache's logs."""
    return read_parts(_CTIME, text, context)


def read_rfc2822(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `[Day, ]day month year clock [zone]`: RFC 5322 3.3, RFC 9110 5.6.7, and its kin with hyphens."""
    return read_parts(_RFC2822, text, context)


def read_us(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `month/day/year clock [AM|PM] [zone]`."""
    return read_parts(_US, text, context)


def read_eu(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `day.month.year clock [zone]`, also with slashes or hyphens."""
    return read_parts(_EU, text, context)


def read_common_log(text: pl.Series, context: TimeContext) -> pl.Series:
    """Read `day/month/year:clock [zone]` with a month of any language and a fraction."""
    return read_parts(_COMMON, text, context)


def says_year(pattern: str) -> bool:
    """Return whether a strftime pattern holds a year."""
    return any(year in pattern for year in _YEARS)


def read_named(pattern: str, text: pl.Series, context: TimeContext) -> pl.Series | None:
    """Read texts of a strftime pattern whose names are of any language; None for a pattern without names."""
    regex = _regex_of(pattern)
    return None if regex is None else read_parts(regex, text, context)


def read_parts(regex: str, text: pl.Series, context: TimeContext) -> pl.Series:
    """Read the times that `regex` takes apart; a second group of a name with `_` and more stands for the first."""
    groups = text.str.extract_groups(regex).struct.unnest()
    parts = groups.select(_part(name, groups.columns) for name in _PARTS)
    month = pl.col("month").str.to_lowercase().str.strip_chars_end(".")
    year = pl.col("year").cast(pl.Int32, strict=False)
    hour = pl.col("hour").cast(pl.Int32, strict=False)
    late = pl.when(pl.col("half").str.contains(_AFTERNOON)).then(12).otherwise(0)
    two = pl.col("year").str.len_chars() == 2  # noqa: PLR2004 - figures
    made = parts.select(
        year=pl.when(~two).then(year).when(year < _CENTURY).then(year + 2000).otherwise(year + 1900),
        stamp=pl.concat_str(
            _figures(month, context),
            pl.lit(" "),
            pl.col("day"),
            pl.lit(" "),
            pl.when(pl.col("half").is_null()).then(hour).when(hour.is_between(1, 12)).then(hour % 12 + late),
            pl.lit(":"),
            pl.col("minute"),
            pl.lit(":"),
            pl.col("second").fill_null("00"),
            pl.col("fraction").fill_null("").str.replace(",", ".", literal=True),
        ),
        zone=pl.col("zone"),
    )
    own = made.get_column("zone")
    zone = own if context.zone is None else own.fill_null(context.zone.cast(pl.String))
    inner = TimeContext(context.reference, zone, context.timezone, context.names)
    stamp, years = made.get_column("stamp"), made.get_column("year")
    if years.null_count() == stamp.null_count():
        dated = pl.select(years.cast(pl.String).str.zfill(4) + " " + stamp).to_series()
        return localised(naive_times(dated, "%Y %m %d %H:%M:%S%.f"), inner)
    return with_year(stamp, "%m %d %H:%M:%S%.f", years, inner)


def _part(name: str, columns: list[str]) -> pl.Expr:
    found = [pl.col(column) for column in columns if column == name or column.startswith(f"{name}_")]
    return (pl.coalesce(found) if found else pl.lit(None, dtype=pl.String)).alias(name)


def _figures(month: pl.Expr, context: TimeContext) -> pl.Expr:
    named = month.replace_strict(dict(context.names.months), default=None, return_dtype=pl.String)
    return pl.coalesce(month.str.extract(r"^([0-9]{1,2})[月월]?$"), named)


@cache
def _regex_of(pattern: str) -> str | None:
    """Return the regular expression of a strftime pattern with names, None for others."""
    for short, long in _SHORT.items():
        pattern = pattern.replace(f"%{short}", long)
    if not any(name in pattern for name in ("%b", "%B", "%h", "%a", "%A", "%p", "%P", "%Z")):
        return None
    pieces = [_regex_piece(piece) for piece in finditer(_PIECES, pattern)]
    return None if None in pieces else rf"^\s*{''.join(piece or '' for piece in pieces)}\s*$"


def _regex_piece(piece: Match[str]) -> str | None:
    if piece["directive"]:
        return _DIRECTIVES.get(piece["directive"])
    return r"\s+" if piece["blank"] else escape(piece["text"])
