"""Text and a table of `content/lookups` → words: of the whole value, of each set bit, or of each item.

Codes take few values, so each distinct one is translated once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from miharu.normalise.conversions import integer

_ITEM: Final = r"[^\s,]+"


def translated(value: pl.Expr, table: Mapping[str, str], each: str = "") -> pl.Expr:
    """Return the table's word for the value, null for one it does not have; a list of words with `each`.

    * `bits`: the value is a number, decimal or `0x` hexadecimal; a key of the table is a hexadecimal set of
      bits, which counts where the number has all of them. Words come in the table's order.
    * `items`: blanks and commas part the value; items that the table does not have are left out.

    A value without any word gives null.
    """
    if each == "bits":
        return value.map_batches(lambda texts: _by_distinct(texts, _BitTable(table)), return_dtype=pl.List(pl.String))
    if each == "items":
        return value.map_batches(lambda texts: _by_distinct(texts, _ItemTable(table)), return_dtype=pl.List(pl.String))
    return value.replace_strict(dict(table), default=None, return_dtype=pl.String)


class _BitTable:
    def __init__(self, table: Mapping[str, str]) -> None:
        self._bits = np.array([int(key, 16) for key in table], dtype=np.uint64)
        self._words = pl.Series(list(table.values()), dtype=pl.String)

    def words(self, texts: pl.Series) -> pl.Series:
        """Return the words of each number."""
        numbers = pl.select(integer(pl.lit(texts))).to_series().fill_null(0)
        have = numbers.to_numpy().astype(np.uint64)[:, np.newaxis] & self._bits
        held = have == self._bits
        ends = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(held.sum(axis=1), out=ends[1:])
        words = self._words.gather(pl.Series(np.nonzero(held)[1].astype(np.uint32)))
        # Arrow arrays are made by Polars: `pyarrow.array` would import pandas, 0.7 s.
        array = pa.LargeListArray.from_arrays(
            pl.Series(ends).to_arrow(), words.to_arrow(compat_level=pl.CompatLevel.newest())
        )
        return pl.Series(pl.from_arrow(array))


class _ItemTable:
    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = dict(table)

    def words(self, texts: pl.Series) -> pl.Series:
        """Return the words of each text's items."""
        word = pl.element().replace_strict(self._table, default=None, return_dtype=pl.String)
        items = pl.lit(texts).str.extract_all(_ITEM).list.eval(word).list.drop_nulls()
        return pl.select(items).to_series()


def _by_distinct(texts: pl.Series, table: _BitTable | _ItemTable) -> pl.Series:
    keys = texts.unique()
    words = table.words(keys)
    words = words.set(words.list.len() == 0, None)
    at = texts.to_frame("v").join(
        pl.DataFrame({"v": keys}).with_row_index("at"), on="v", how="left", nulls_equal=True, maintain_order="left"
    )
    return words.gather(at.get_column("at")).alias(texts.name)
