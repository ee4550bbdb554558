"""A column and expressions over it → their values, worked out once per distinct value where values repeat."""

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


def evaluate(series: pl.Series, expressions: Sequence[pl.Expr]) -> list[pl.Series]:
    """Return the values of `expressions` over the column `series`, as long as it."""
    if not repeats(series):
        return series.to_frame().select(expressions).get_columns()
    keys = series.unique()
    if len(keys) * 2 > len(series):  # only its first values repeat
        return series.to_frame().select(expressions).get_columns()
    made = keys.to_frame().select(expressions)
    table = pl.DataFrame([keys.alias(_VALUE)]).with_row_index(_AT)
    joined = series.alias(_VALUE).to_frame().join(table, on=_VALUE, how="left", nulls_equal=True, maintain_order="left")
    at = joined.get_column(_AT)
    return [column.gather(at) for column in made.get_columns()]
