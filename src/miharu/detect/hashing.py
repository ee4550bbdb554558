"""Columns of texts → hashes of their values, and of these 128-bit keys of rows.

A key is the sum of what each value adds to it, a missing one nothing: equal rows have equal keys whatever columns
were absent. A value adds a seeded 64-bit hash to one half and a non-linear mix of it to the other. Two rows that
differ in one value meet with a chance of 2⁻⁶⁴, that differ in more of 2⁻¹²⁸.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.ma  # Polars wants it with the first array; better now than within a batch
import numpy.typing as npt
import polars as pl

from miharu.detect.columns import TextColumn
from miharu.detect.ragged import Numbers, places_by

Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

_SEED_BITS: Final = 63
_SHIFT: Final = np.uint64(32)
_FACTOR: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
"""An odd number with well spread bits: 2⁶⁴ divided by the golden ratio."""
_MOST_SEEDS: Final = 100_000
_EVERYWHERE: Final[Mapping[str, Mask]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows of a batch in which a column has a value, ascending, and the hashes of the values."""

    column: TextColumn
    rows: Numbers
    hashes: Words


class Hasher:
    """Hashes values. Its seeds are drawn once, so that nobody can prepare values that collide."""

    def __init__(self) -> None:
        self._seeds: dict[str, int] = {}

    def cells(self, columns: Mapping[str, TextColumn], masks: Mapping[str, Mask] = _EVERYWHERE) -> dict[str, Cells]:
        """Return the cells of columns, by name; the same name gives the same hashes in every batch.

        Of a column with a mask only the rows of the mask count.
        """
        if not columns:
            return {}
        if len(self._seeds) > _MOST_SEEDS:
            self._seeds.clear()
        frame = pl.DataFrame([column.texts.alias(str(nth)) for nth, column in enumerate(columns.values())])
        # All values at once: to pick those of a mask first costs more than to hash the others.
        hashed = frame.select(
            pl.col(str(nth)).hash(self._seed(name, lists=column.lists))
            for nth, (name, column) in enumerate(columns.items())
        )
        gaps = [nth for nth, column in enumerate(columns.values()) if column.texts.null_count()]
        present = frame.select(pl.col(str(nth)).is_not_null() for nth in gaps).to_dict()
        every = np.arange(len(frame))
        found: dict[str, Cells] = {}
        for nth, (name, column) in enumerate(columns.items()):
            here = masks.get(name)
            if (some := present.get(str(nth))) is not None:
                here = some.to_numpy() if here is None else here & some.to_numpy()
            rows = every if here is None else np.flatnonzero(here)
            if len(rows):
                words = hashed.to_series(nth).to_numpy()
                found[name] = Cells(column, rows, words if len(rows) == len(every) else words[rows])
        return found

    def _seed(self, name: str, *, lists: bool) -> int:
        return self._seeds.setdefault(f"{name}[]" if lists else name, secrets.randbits(_SEED_BITS))


class RowKeys:
    """Sums up the keys of the rows of one batch."""

    def __init__(self, height: int) -> None:
        self._first = np.zeros(height, dtype=np.uint64)
        self._second = np.zeros(height, dtype=np.uint64)

    def add(self, rows: Numbers, hashes: Words) -> None:
        """Add values to the keys of their rows; a row must not be named twice."""
        mixed = (hashes ^ (hashes >> _SHIFT)) * _FACTOR
        if len(rows) == len(self._first):
            self._first += hashes
            self._second += mixed
        else:
            self._first[rows] += hashes
            self._second[rows] += mixed

    def add_words(self, rows: list[int] | slice, words: Sequence[Any] | Words) -> None:
        """Add both halves of something to the keys of rows."""
        self._first[rows] += words[0]
        self._second[rows] += words[1]

    def add_each(self, rows: Numbers, words: Words) -> None:
        """Add a column of words to the key of each row; a row may be named many times."""
        np.add.at(self._first, rows, words[0])
        np.add.at(self._second, rows, words[1])

    def distinct(self, rows: Numbers) -> tuple[Numbers, Numbers, list[bytes]]:
        """Return places in `rows` of each distinct key, for every place the number of its key, and the keys."""
        first, second = self._first[rows], self._second[rows]
        places, numbers = places_by(first)
        if not np.array_equal(second, second[places][numbers]):
            pairs = np.stack((first, second), axis=1)
            _, places, numbers = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
            numbers = numbers.reshape(-1)
        keys: list[bytes] = np.stack((first[places], second[places]), axis=1).view("V16").reshape(-1).tolist()
        return places, numbers, keys


def distinct_rows(columns: Mapping[str, TextColumn], height: int) -> tuple[Numbers, Numbers]:
    """Return one place of each distinct row of some columns, and for every row the number of its own."""
    keys = RowKeys(height)
    for cells in Hasher().cells(columns).values():
        keys.add(cells.rows, cells.hashes)
    places, numbers, _ = keys.distinct(np.arange(height))
    return places, numbers


def random_words(count: int) -> Words:
    """Return `count` columns of two random words."""
    return np.frombuffer(secrets.token_bytes(16 * count), dtype=np.uint64).reshape(2, count)
