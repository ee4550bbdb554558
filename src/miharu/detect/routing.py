"""A batch → which rows belong to which logsources, judged once per distinct combination of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.hashing import RowHasher, distinct
from miharu.detect.model import RouteSpec
from miharu.detect.remembering import Budget, Remembered

Routes: TypeAlias = tuple[int, ...]
"""Numbers of the routes a row belongs to."""

_Test: TypeAlias = tuple[str, tuple[str, ...], bool]
_Passed: TypeAlias = frozenset[_Test]
_VALUES = 200_000
"""Values of tested columns that are remembered."""
_COMBINATIONS = 20_000
_NONE: _Passed = frozenset()


class Router:
    """Tells rows apart by the columns that logsource conditions look at."""

    def __init__(self, routes: Sequence[RouteSpec]) -> None:
        self._routes = routes
        tests = {
            test
            for route in routes
            for condition in route.conditions
            for conjunction in condition
            for test in conjunction
        }
        self._columns = sorted({test[0] for test in tests})
        self._tests = [[test for test in sorted(tests) if test[0] == column] for column in self._columns]
        self._hasher = RowHasher()
        values = Budget(_VALUES)
        self._passed: list[Remembered[str, _Passed]] = [Remembered(values) for _ in self._columns]
        self._known: Remembered[tuple[_Passed, ...], Routes] = Remembered(Budget(_COMBINATIONS))

    def split(self, batch: BatchColumns, height: int) -> dict[Routes, Rows]:
        """Return the rows of each combination of routes; rows of none are left out."""
        if not self._columns:
            return {}
        every = np.arange(height, dtype=np.uint32)
        columns = batch.at(self._columns, every)
        keyed = {name: columns[name].texts for name in self._columns if name in columns}
        keys = self._hasher.keys(keyed, height)
        first, inverse = distinct(keys)
        passed = [
            self._passed_by(place, columns[name].texts.gather(first).to_list())
            if name in columns
            else [_NONE] * len(first)
            for place, name in enumerate(self._columns)
        ]
        numbers: dict[Routes, int] = {}
        of_combination = [numbers.setdefault(self._routes_of(row), len(numbers)) for row in zip(*passed, strict=True)]
        of_row = np.array(of_combination, dtype=np.intp)[inverse]
        order = np.argsort(of_row, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(of_row, minlength=len(numbers)))
        parts = np.split(order, ends[:-1])
        return {routes: parts[number] for routes, number in numbers.items() if routes}

    def _passed_by(self, place: int, values: Sequence[str | None]) -> list[_Passed]:
        """Return which tests of a column each value passes."""
        known = self._passed[place].young.get
        return [_NONE if value is None else known(value) or self._test(place, value) for value in values]

    def _test(self, place: int, value: str) -> _Passed:
        folded = value.casefold()
        passed = frozenset(
            test for test in self._tests[place] if (folded.startswith(test[1]) if test[2] else folded in test[1])
        )
        self._passed[place].put(value, passed)
        return passed

    def _routes_of(self, passed: tuple[_Passed, ...]) -> Routes:
        routes = self._known.get(passed)
        if routes is None:
            held = frozenset().union(*passed)
            routes = tuple(number for number, route in enumerate(self._routes) if _belongs(route, held))
            self._known.put(passed, routes)
        return routes


def _belongs(route: RouteSpec, passed: _Passed) -> bool:
    return all(any(passed.issuperset(tests) for tests in condition) for condition in route.conditions)
