"""Lists of numbers laid end to end, taken many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.NDArray[np.intp]


class Ragged:
    """One list for each number from 0 on."""

    def __init__(self, lists: Sequence[Sequence[int]] = ()) -> None:
        self._counts = np.array([len(items) for items in lists], dtype=np.intp)
        self._starts = np.cumsum(self._counts) - self._counts
        self._flat = np.array([item for items in lists for item in items], dtype=np.intp)

    def extend(self, count: int, pairs: Sequence[tuple[int, int]]) -> None:
        """Add lists, of which there are `count`: the items of `pairs`, each after the place of its list among them."""
        places, items = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        order = np.argsort(places, kind="stable")
        self._counts = np.concatenate([self._counts, np.bincount(places, minlength=count)])
        self._starts = np.cumsum(self._counts) - self._counts
        self._flat = np.concatenate([self._flat, items[order]])

    def __bool__(self) -> bool:
        """Say whether any list has an item."""
        return len(self._flat) > 0

    def take(self, which: npt.NDArray[Any]) -> tuple[Numbers, Numbers]:
        """Return the items of the lists `which` names, each after the place in `which` that it belongs to."""
        counts = self._counts[which]
        owners = np.repeat(np.arange(len(which)), counts)
        within = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        return owners, self._flat[self._starts[which][owners] + within]


def no_pairs() -> tuple[Numbers, Numbers]:
    """Return nothing, of two numbers each."""
    return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)


def places_by(values: npt.NDArray[Any]) -> tuple[Numbers, Numbers]:
    """Return one place of each distinct value, and for every place the number of its value."""
    if not len(values):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    order = np.argsort(values)
    ordered = values[order]
    begins = np.empty(len(values), dtype=np.bool_)
    begins[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    numbers = np.empty(len(values), dtype=np.intp)
    numbers[order] = np.cumsum(begins) - 1
    return order[begins], numbers


def once(these: Numbers, those: Numbers) -> tuple[Numbers, Numbers]:
    """Return pairs of numbers, each pair once, ordered."""
    if not len(these):
        return these, those
    width = int(those.max()) + 1
    code = np.sort(these * width + those)
    code = code[np.flatnonzero(np.diff(code, prepend=-1))]
    return code // width, code % width


def spread(found: Numbers, predicates: Numbers, inverse: Numbers, rows: Numbers) -> tuple[Numbers, Numbers]:
    """Return the rows of the values numbered `found`, each with its predicate; `inverse` gives the value of a row."""
    order = np.argsort(inverse, kind="stable")
    counts = np.bincount(inverse)
    starts = np.cumsum(counts) - counts
    repeats = counts[found]
    owners = np.repeat(np.arange(len(found)), repeats)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return rows[order[starts[found][owners] + within]], predicates[owners]


def by_number(rows: Numbers, numbers: Numbers) -> dict[int, Numbers]:
    """Return the rows of each number."""
    if not len(rows):
        return {}
    order = np.argsort(numbers, kind="stable")
    rows, numbers = rows[order], numbers[order]
    begins = np.flatnonzero(np.diff(numbers, prepend=-1))
    return dict(zip(numbers[begins].tolist(), np.split(rows, begins[1:]), strict=True))
