"""A condition and a column → where it holds."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from miharu.catalog.logsource import Condition


def text_of(series: pl.Series) -> pl.Series:
    """Return values as the text that conditions look at; the items of a list with a blank between them."""
    if isinstance(series.dtype, pl.List):
        return series.cast(pl.List(pl.String)).list.join(" ", ignore_nulls=True)
    return series.cast(pl.String, strict=False)


def apply_test(series: pl.Series, condition: Condition) -> pl.Series:
    """Return where a String series passes a test; null counts as no."""
    test, values = condition.test, condition.values
    if test == "exists":
        found = series.is_not_null() if values == ("true",) else series.is_null()
    elif test == "in":
        found = series == values[0] if len(values) == 1 else series.is_in(values)
    elif test == "lacks":
        found = ~_one_of(series, "contains", values)
    else:
        found = _one_of(series, test, values)
    return found.fill_null(value=False) if found.null_count() else found


def _one_of(series: pl.Series, test: str, values: Sequence[str]) -> pl.Series:
    found: pl.Series | None = None
    for value in values:
        if test == "starts":
            hit = series.str.starts_with(value)
        elif test == "ends":
            hit = series.str.ends_with(value)
        else:
            hit = series.str.contains(value, literal=test == "contains")
        found = hit if found is None else found | hit
    assert found is not None
    return found
