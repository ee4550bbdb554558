"""A batch → which rows belong to which logsources, judged once per distinct combination of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.hashing import Cells, Hasher, RowKeys
from miharu.detect.model import RouteSpec
from miharu.detect.ragged import Numbers
from miharu.detect.remembering import Budget, Remembered

Routes: TypeAlias = tuple[int, ...]
"""Numbers of the routes a row belongs to."""

_Test: TypeAlias = tuple[str, tuple[str, ...], bool]
_Passed: TypeAlias = frozenset[_Test]
_ROWS: Final = 200_000
"""Combinations of values, and of what they pass, that are remembered."""
_VALUES: Final = 200_000
"""Values of tested columns that are remembered."""
_NONE: _Passed = frozenset()


class Router:
    """Tells rows apart by the columns that logsource conditions look at."""

    def __init__(self, routes: Sequence[RouteSpec], hasher: Hasher) -> None:
        self._routes = routes
        self._hasher = hasher
        tests = {
            test
            for route in routes
            for condition in route.conditions
            for conjunction in condition
            for test in conjunction
        }
        self.columns = sorted({test[0] for test in tests})
        self._tests = {name: [test for test in sorted(tests) if test[0] == name] for name in self.columns}
        values, rows = Budget(_VALUES), Budget(_ROWS)
        self._passed: dict[str, Remembered[str, _Passed]] = {name: Remembered(values) for name in self.columns}
        self._known: Remembered[bytes, Routes] = Remembered(rows)
        self._combinations: Remembered[tuple[_Passed, ...], Routes] = Remembered(rows)

    def split(self, columns: BatchColumns, height: int) -> dict[Routes, Rows]:
        """Return the rows of each set of routes; rows of none are left out."""
        sets, numbers = self.assign(self._hasher.cells(columns.held(self.columns)), height)
        return {
            routes: np.flatnonzero(numbers == number).astype(np.uint32) for number, routes in enumerate(sets) if routes
        }

    def assign(self, cells: Mapping[str, Cells], height: int) -> tuple[list[Routes], Numbers]:
        """Return sets of routes, and for every row of a batch the place of its own among them."""
        keys = RowKeys(height)
        for name in self.columns:
            if name in cells:
                keys.add(cells[name].rows, cells[name].hashes)
        places, inverse, names = keys.distinct(np.arange(height))
        routes = [self._known.get(name) for name in names]
        new = [number for number, found in enumerate(routes) if found is None]
        if new:
            for number, found in zip(new, self._new(cells, places[new]), strict=True):
                routes[number] = found
                self._known.put(names[number], found)
        numbers: dict[Routes, int] = {}
        of_name = [numbers.setdefault(found or (), len(numbers)) for found in routes]
        return list(numbers), np.array(of_name, dtype=np.intp)[inverse]

    def _new(self, cells: Mapping[str, Cells], rows: Numbers) -> list[Routes]:
        passed = [
            self._passed_by(name, cells[name].column.texts[rows].to_list()) if name in cells else [_NONE] * len(rows)
            for name in self.columns
        ]
        if not passed:
            return [()] * len(rows)
        return [self._routes_of(row) for row in zip(*passed, strict=True)]

    def _passed_by(self, name: str, values: Sequence[str | None]) -> list[_Passed]:
        """Return which tests of a column each value passes."""
        known = self._passed[name]
        found = []
        for value in values:
            passed = _NONE if value is None else known.get(value)
            if passed is None and value is not None:
                passed = self._test(name, value)
                known.put(value, passed)
            found.append(passed or _NONE)
        return found

    def _test(self, name: str, value: str) -> _Passed:
        folded = value.casefold()
        return frozenset(
            test for test in self._tests[name] if (folded.startswith(test[1]) if test[2] else folded in test[1])
        )

    def _routes_of(self, passed: tuple[_Passed, ...]) -> Routes:
        routes = self._combinations.get(passed)
        if routes is None:
            held = frozenset().union(*passed)
            routes = tuple(number for number, route in enumerate(self._routes) if _belongs(route, held))
            self._combinations.put(passed, routes)
        return routes


def _belongs(route: RouteSpec, passed: _Passed) -> bool:
    return all(any(passed.issuperset(tests) for tests in condition) for condition in route.conditions)
