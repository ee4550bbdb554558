"""Columns of texts → 128-bit keys of their rows, equal for equal rows whatever columns were absent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.ma  # Polars wants it with the first array; better now than within a batch
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.void]
Place: TypeAlias = tuple[int, int]
"""Where a column stands, the same in every batch."""

_SEED_BITS: Final = 63


@dataclass(frozen=True, slots=True)
class _Seed:
    value: int
    of_null: np.uint64


class RowHasher:
    """Sums independent 64-bit hashes per column, twice; a null adds nothing.

    The seeds are drawn once per hasher, so that nobody can prepare rows that collide.
    """

    def __init__(self) -> None:
        self._seeds: dict[Place, tuple[_Seed, _Seed]] = {}

    def keys(self, columns: Mapping[Place, pl.Series], height: int) -> Keys:
        """Return one 16-byte key per row; each column of texts comes with the place it has in every batch."""
        words = np.zeros((height, 2), dtype=np.uint64)
        if columns:
            frame = pl.DataFrame([column.alias(str(place)) for place, column in columns.items()])
            seeds = [self._seeds_of(place) for place in columns]
            hashed = frame.select(
                pl.nth(nth).hash(seed.value).alias(f"{nth}.{half}")
                for nth, pair in enumerate(seeds)
                for half, seed in enumerate(pair)
            )
            for nth, pair in enumerate(seeds):
                for half, seed in enumerate(pair):
                    total = words[:, half]
                    total += hashed.to_series(2 * nth + half).to_numpy()
                    total -= seed.of_null
        return words.view("V16").reshape(height)

    def _seeds_of(self, place: Place) -> tuple[_Seed, _Seed]:
        if place not in self._seeds:
            self._seeds[place] = (_draw(), _draw())
        return self._seeds[place]


def _draw() -> _Seed:
    value = secrets.randbits(_SEED_BITS)
    return _Seed(value, pl.Series([None], dtype=pl.String).hash(value).to_numpy()[0])


def distinct(keys: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return places of the first row of each distinct key, and for every row the number of its key."""
    words = keys.view(np.uint64).reshape(-1, 2)
    _, first, inverse = np.unique(words[:, 0], return_index=True, return_inverse=True)
    if np.array_equal(words[:, 1], words[first[inverse], 1]):
        return first, inverse
    _, first, inverse = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)
