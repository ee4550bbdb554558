"""Expressions of values as servers write them into their logs → lists and plain texts."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

import polars as pl

from miharu.normalise.addresses import BETWEEN

_ARGUMENTS: Final = "|args="


def address_list(value: pl.Expr) -> pl.Expr:
    """Return the addresses of a list as they are written."""
    return value.str.replace_all(BETWEEN, " ").str.strip_chars(" ").str.split(" ")


def bar_list(value: pl.Expr) -> pl.Expr:
    """Return the items parted by bars, as HAProxy parts captured headers; without those at the end that are empty."""
    items = value.str.strip_chars_end("|")
    return pl.when(items != "").then(items.str.split("|"))


def doubled_quotes(value: pl.Expr) -> pl.Expr:
    """Return what stood between quotes in a CSV file, where a quote is written twice (RFC 4180)."""
    return value.str.replace_all('""', '"', literal=True)


def executable_arguments(value: pl.Expr) -> pl.Expr:
    """Return the arguments of Santa's `<executable>|args=<arguments>`: the executable first, blanks in it kept."""
    parts = value.str.splitn(_ARGUMENTS, 2)
    first, others = parts.struct.field("field_0"), parts.struct.field("field_1")
    return pl.when(value.is_not_null()).then(
        pl.concat_list(first, others.str.split(" ").fill_null(pl.lit([], dtype=pl.List(pl.String))))
    )


def form_text(value: pl.Expr) -> pl.Expr:
    """Return the text that a form's encoding stands for (`+` for a blank, `%2B` for a plus), as IIS writes headers."""
    return value.map_batches(_decoded, return_dtype=pl.String)


def _decoded(text: pl.Series) -> pl.Series:
    plain = text.str.replace_all("+", " ", literal=True)
    encoded = text.str.contains("%", literal=True).fill_null(value=False)
    if not encoded.any():
        return plain
    values = text.filter(encoded)
    known = {value: unquote_plus(value) for value in values.unique().to_list()}
    return plain.scatter(encoded.arg_true(), pl.Series([known[value] for value in values], dtype=pl.String))
