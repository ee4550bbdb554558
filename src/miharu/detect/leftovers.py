"""The leftovers of a batch → the rows in which some names stand, found by one scan."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import orjson
import polars as pl

from miharu.detect.ragged import Numbers
from miharu.detect.rawscan import RawColumn, RawScanner


class NameSearch:
    """Looks for the names that rules know, of which those without a column of their own are wanted."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = list(dict.fromkeys(names))
        self._scanner = RawScanner([orjson.dumps(name).decode() for name in self._names]) if self._names else None

    def rows(self, texts: pl.Series, wanted: Collection[str]) -> Numbers:
        """Return the rows that may name any of the wanted."""
        if self._scanner is None:
            return np.empty(0, dtype=np.intp)
        found = self._scanner.scan(RawColumn(texts.cast(pl.Binary)))
        numbers = {number for number, name in enumerate(self._names) if name in wanted}
        return np.array(sorted(row for row, hits in found.items() if not hits.isdisjoint(numbers)), dtype=np.intp)
