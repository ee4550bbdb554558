"""A column → its distinct values, where they are few, and where each row's value stands among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

SAMPLE: Final = 256
_VALUE: Final = "value"
_AT: Final = "at"


def repeats(series: pl.Series) -> bool:
    """Return whether the first values of a column show that it pays to look at distinct ones."""
    return len(series) >= SAMPLE and series.head(SAMPLE).n_unique() * 2 <= SAMPLE


def places(series: pl.Series, keys: pl.Series) -> pl.Series:
    """Return the place of each value among `keys`, the distinct values of the column (null may be one)."""
    table = pl.DataFrame([keys.alias(_VALUE)]).with_row_index(_AT)
    values = series.alias(_VALUE).to_frame()
    return values.join(table, on=_VALUE, how="left", nulls_equal=True, maintain_order="left").get_column(_AT)


def evaluate(series: pl.Series, expressions: Sequence[pl.Expr]) -> list[pl.Series]:
    """Return the values of `expressions` over a column, worked out once per distinct value where values repeat."""
    keys = series.unique() if repeats(series) else series
    if len(keys) * 2 > len(series):
        return series.to_frame().select(expressions).get_columns()
    at = places(series, keys)
    return [column.gather(at) for column in keys.to_frame().select(expressions).get_columns()]
