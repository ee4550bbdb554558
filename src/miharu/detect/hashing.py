"""Columns of texts → 128-bit keys of their rows, equal for equal rows whatever columns were absent."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.ma  # Polars wants it with the first array; better now than within a batch
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.void]

_SEED_BITS: Final = 63
_RECIPES: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How columns at certain places are hashed: two expressions each, and what nulls in all of them would give."""

    hashes: list[pl.Expr]
    of_nulls: npt.NDArray[np.uint64]


class RowHasher:
    """Sums independent 64-bit hashes per column, twice; a null adds nothing.

    The seeds are drawn once per hasher, so that nobody can prepare rows that collide.
    """

    def __init__(self) -> None:
        self._seeds: dict[str, tuple[int, int]] = {}
        self._recipes: dict[tuple[str, ...], _Recipe] = {}

    def keys(self, columns: Mapping[str, pl.Series], height: int) -> Keys:
        """Return one 16-byte key per row; each column of texts comes with its name, the same in every batch."""
        words = np.zeros((height, 2), dtype=np.uint64)
        if columns:
            recipe = self._recipe(tuple(columns))
            frame = pl.DataFrame([column.alias(str(nth)) for nth, column in enumerate(columns.values())])
            halves = (words[:, 0], words[:, 1])
            for nth, hashes in enumerate(frame.select(recipe.hashes).get_columns()):
                total = halves[nth % 2]
                total += hashes.to_numpy()
            words -= recipe.of_nulls
        return words.view("V16").reshape(height)

    def _recipe(self, names: tuple[str, ...]) -> _Recipe:
        recipe = self._recipes.get(names)
        if recipe is None:
            if len(self._recipes) >= _RECIPES:
                self._recipes.clear()
            recipe = self._recipes[names] = self._new_recipe(names)
        return recipe

    def _new_recipe(self, names: tuple[str, ...]) -> _Recipe:
        for name in names:
            if name not in self._seeds:
                self._seeds[name] = (secrets.randbits(_SEED_BITS), secrets.randbits(_SEED_BITS))
        hashes = [
            pl.nth(nth).hash(seed).alias(f"{nth}.{half}")
            for nth, name in enumerate(names)
            for half, seed in enumerate(self._seeds[name])
        ]
        nothing = pl.DataFrame([pl.Series(str(nth), [None], dtype=pl.String) for nth in range(len(names))])
        of_nulls = nothing.select(hashes).to_numpy().reshape(-1, 2)
        return _Recipe(hashes, of_nulls.sum(axis=0, dtype=np.uint64))


def distinct(keys: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return places of the first row of each distinct key, and for every row the number of its key."""
    words = keys.view(np.uint64).reshape(-1, 2)
    _, first, inverse = np.unique(words[:, 0], return_index=True, return_inverse=True)
    if np.array_equal(words[:, 1], words[first[inverse], 1]):
        return first, inverse
    _, first, inverse = np.unique(words, axis=0, return_index=True, return_inverse=True)
    return first, inverse.reshape(-1)
