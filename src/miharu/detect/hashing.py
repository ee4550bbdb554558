"""Columns of texts → 128-bit keys of their rows, equal for equal rows whatever columns were absent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.void]
Words = npt.NDArray[np.uint64]

_SEED_BITS = 63


class RowHasher:
    """Sums independent 64-bit hashes per column, twice; a null adds nothing.

    The seeds are drawn once per hasher, so that nobody can prepare rows that collide.
    """

    def __init__(self) -> None:
        self._seeds: dict[tuple[int, int], tuple[int, int]] = {}

    def keys(self, columns: Iterable[tuple[tuple[int, int], pl.Series]], height: int) -> Keys:
        """Return one 16-byte key per row; each column comes with the place it has in every batch."""
        words = np.zeros((height, 2), dtype=np.uint64)
        for place, column in columns:
            seeds = self._seeds.get(place)
            if seeds is None:
                seeds = self._seeds[place] = (secrets.randbits(_SEED_BITS), secrets.randbits(_SEED_BITS))
            nulls = column.is_null().to_numpy() if column.null_count() else None
            for half, seed in enumerate(seeds):
                hashes: Words = column.hash(seed).to_numpy()
                words[:, half] += hashes if nulls is None else np.where(nulls, np.uint64(0), hashes)
        return words.view("V16").reshape(height)


def distinct(keys: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return places of the first row of each distinct key, and for every row the number of its key."""
    words = keys.view(np.uint64).reshape(-1, 2)
    _, first, inverse = np.unique(words[:, 0], return_index=True, return_inverse=True)
    if np.array_equal(words[:, 1], words[first[inverse], 1]):
        return first, inverse
    _, first, inverse = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)
