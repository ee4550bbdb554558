"""Text of delimited values → one column for each value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

_MOST_QUOTES: Final = 2


@dataclass(frozen=True, slots=True)
class Dialect:
    """How values are told apart: by `separator`, which counts for nothing inside a pair of `quote`.

    `escape` says how a quote inside is written: `double` (twice) or `backslash`. `plain_first`: quotes have a meaning
    only in a line that without them has another number of values.
    """

    separator: str
    quote: str = ""
    escape: str = "double"
    plain_first: bool = False


def split(text: pl.Series, dialect: Dialect, count: int) -> tuple[pl.DataFrame, pl.Series]:
    """Return `count` columns of values (without their quotes), and which texts have exactly as many."""
    fits = (text.str.count_matches(dialect.separator, literal=True) == count - 1).fill_null(value=False)
    values = text.str.splitn(dialect.separator, count).struct.unnest()
    if not dialect.quote:
        return values, fits
    quoted = text.str.contains(dialect.quote, literal=True).fill_null(value=False)
    if dialect.plain_first:
        quoted &= ~fits
    if not quoted.any():
        return values, fits
    rows = quoted.arg_true()
    pieces = _pieces(text.gather(rows), dialect)
    right = pieces.list.len() == count
    unquoted = pieces.list.to_struct(fields=values.columns).struct.unnest()
    unquoted = pl.DataFrame(_all_bare(unquoted.get_columns(), dialect))
    columns = [
        series.scatter(rows, unquoted.get_column(series.name) if series.name in unquoted.columns else None)
        for series in values.get_columns()
    ]
    return pl.DataFrame(columns), fits.scatter(rows, right)


def pieces_of(text: pl.Series, dialect: Dialect, assign: str = "") -> pl.Series:
    """Return the values of each text as a list, with their quotes; with `assign` pairs whose values have them."""
    if not dialect.quote or not text.str.contains(dialect.quote, literal=True).any():
        return text.str.split(dialect.separator)
    return _pieces(text, dialect, assign)


def named_values(text: pl.Series, dialect: Dialect, names: list[str]) -> list[pl.Series]:
    """Return the values of each text under the names of their places, those beyond the names together as `more`."""
    pieces = pieces_of(text, dialect)
    beyond = pieces.list.slice(len(names)).list.join(dialect.separator).alias("more")
    values = pieces.list.to_struct(fields=names).struct.unnest().get_columns()
    said = [series for series in map(without_empty, (*values, beyond)) if series.null_count() < len(series)]
    bare = map(without_empty, _all_bare(said, dialect) if dialect.quote else said)
    return [series for series in bare if series.null_count() < len(series)]


def without_empty(series: pl.Series) -> pl.Series:
    """Return texts; one that is empty says nothing."""
    empty = series == ""
    return series.set(empty.fill_null(value=False), None) if empty.any() else series


def unquoted(series: pl.Series, dialect: Dialect) -> pl.Series:
    """Return values without the quotes around them."""
    return _bare(series, dialect) if dialect.quote else series


def _pieces(text: pl.Series, dialect: Dialect, assign: str = "") -> pl.Series:
    mark = dialect.separator
    found = (mark + text).str.extract_all(_piece(dialect, assign))
    return found.list.eval(pl.element().str.slice(len(mark)))


@cache
def _piece(dialect: Dialect, assign: str) -> str:
    """Return the pattern of a separator and a value.

    Quotes are opened at the beginning of a value only. A quote that opens one is no escaped one, so it would close
    another: that keeps the search linear where quotes are left open.
    """
    separator, quote, equals = (re.escape(mark) for mark in (dialect.separator, dialect.quote, assign))
    inside = rf"(?:[^{quote}]|{quote}{quote})*" if dialect.escape == "double" else rf"(?:[^{quote}\\]|\\.)*"
    lead = rf"(?:[^{separator}{quote}\\]*?{equals})?\ *" if assign else r"\ *"
    return rf"(?s){separator}(?:{lead}{quote}{inside}{quote}[^{separator}]*|[^{separator}]*)"


def _all_bare(columns: Sequence[pl.Series], dialect: Dialect) -> list[pl.Series]:
    """Return columns of values without quotes; which hold any is asked of all by one call."""
    if not columns:
        return []
    held = pl.DataFrame(columns).select(pl.all().str.contains(dialect.quote, literal=True).any()).row(0)
    return [_bare(series, dialect) if has else series for series, has in zip(columns, held, strict=True)]


def _bare(series: pl.Series, dialect: Dialect) -> pl.Series:
    """Take the quotes off values that have them, and undo the escapes in them."""
    quote = dialect.quote
    if not series.str.contains(quote, literal=True).any():
        return series
    trimmed = series.str.strip_chars(" ")
    quoted = trimmed.str.starts_with(quote) & trimmed.str.ends_with(quote) & (trimmed.str.len_chars() >= _MOST_QUOTES)
    if not quoted.any():
        return series
    inner = trimmed.str.slice(1, trimmed.str.len_chars() - _MOST_QUOTES)
    if dialect.escape == "double":
        inner = inner.str.replace_all(quote * 2, quote, literal=True)
    else:
        inner = inner.str.replace_all(r"(?s)\\(.)", "$1")
    return series.zip_with(~quoted.fill_null(value=False), inner)
