"""Columns of values → one column of lists of each row's distinct values, null for a row without.

Polars builds such lists row by row (1.5 µs a row for one column); here positions are worked out for whole
columns and the list column is laid over the values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Flags = npt.NDArray[np.bool_]


def distinct_lists(columns: Sequence[pl.Series]) -> pl.Series:
    """Return lists of the distinct non-null values of `columns` (String, equal length), in their order."""
    keep = [_new(column, columns[:at]) for at, column in enumerate(columns)]
    return lists_by_row([kept(column, flags) for column, flags in zip(columns, keep, strict=True)], keep)


def kept(column: pl.Series, flags: Flags) -> pl.Series:
    """Return the values of a column in the rows that `flags` names."""
    return column.filter(pl.Series(flags))


def lists_by_row(values: Sequence[pl.Series], keep: Sequence[Flags]) -> pl.Series:
    """Return one list for each row, null for a row without values.

    `values` are what each column holds in the rows that its flags of `keep` name; a row has them in that order.
    """
    ends = np.zeros(len(keep[0]) + 1, dtype=np.int64)
    np.cumsum(np.sum(keep, axis=0, dtype=np.int64), out=ends[1:])
    # Arrow arrays are made by Polars: `pyarrow.array` would import pandas, 0.7 s.
    array = pa.LargeListArray.from_arrays(
        pl.Series(ends).to_arrow(),
        _row_by_row(values, keep, ends).to_arrow(compat_level=pl.CompatLevel.newest()),
        mask=pl.Series(ends[1:] == ends[:-1]).to_arrow(),
    )
    return pl.Series(pl.from_arrow(array))


def _new(column: pl.Series, earlier: Sequence[pl.Series]) -> Flags:
    """Return in which rows the column has a value that no earlier column has."""
    new = column.is_not_null()
    for other in earlier:
        if other.null_count() < len(other):
            new &= (column != other).fill_null(value=True)
    return new.to_numpy()


def _row_by_row(values: Sequence[pl.Series], keep: Sequence[Flags], ends: npt.NDArray[np.int64]) -> pl.Series:
    """Return the values of the first row, then those of the second, and so on."""
    if len(values) == 1:
        return values[0]
    order = np.empty(int(ends[-1]), dtype=np.uint32)
    place, begin = ends[:-1].copy(), 0
    for flags in keep:
        rows = np.flatnonzero(flags)
        order[place[rows]] = np.arange(begin, begin + len(rows), dtype=np.uint32)
        place[rows] += 1
        begin += len(rows)
    return pl.concat([column.alias("v") for column in values]).gather(pl.Series(order))
