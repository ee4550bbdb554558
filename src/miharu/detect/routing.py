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

_Cells: TypeAlias = tuple[str | None, ...]
_COMBINATIONS = 20_000


class Router:
    """Tells rows apart by the columns that logsource conditions look at."""

    def __init__(self, routes: Sequence[RouteSpec]) -> None:
        self._routes = routes
        conditions = [condition for route in routes for condition in route.conditions]
        self._columns = sorted({test[0] for condition in conditions for tests in condition for test in tests})
        self._hasher = RowHasher()
        self._known: Remembered[_Cells, Routes] = Remembered(Budget(_COMBINATIONS))

    def split(self, batch: BatchColumns, height: int) -> dict[Routes, Rows]:
        """Return the rows of each combination of routes; rows of none are left out."""
        if not self._columns:
            return {}
        every = np.arange(height, dtype=np.uint32)
        columns = batch.at(self._columns, every)
        keyed = {(place, 0): columns[name].texts for place, name in enumerate(self._columns) if name in columns}
        keys = self._hasher.keys(keyed, height)
        first, inverse = distinct(keys)
        cells = [
            columns[name].texts.gather(first).to_list() if name in columns else [None] * len(first)
            for name in self._columns
        ]
        numbers: dict[Routes, int] = {}
        of_combination = [numbers.setdefault(self._routes_of(row), len(numbers)) for row in zip(*cells, strict=True)]
        of_row = np.array(of_combination, dtype=np.intp)[inverse]
        order = np.argsort(of_row, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(of_row, minlength=len(numbers)))
        parts = np.split(order, ends[:-1])
        return {routes: parts[number] for routes, number in numbers.items() if routes}

    def _routes_of(self, cells: _Cells) -> Routes:
        routes = self._known.get(cells)
        if routes is None:
            row = dict(zip(self._columns, cells, strict=True))
            routes = tuple(number for number, route in enumerate(self._routes) if _belongs(route, row))
            self._known.put(cells, routes)
        return routes


def _belongs(route: RouteSpec, row: dict[str, str | None]) -> bool:
    return all(
        any(all(_holds(row[column], values, starts=starts) for column, values, starts in tests) for tests in condition)
        for condition in route.conditions
    )


def _holds(value: str | None, wanted: tuple[str, ...], *, starts: bool) -> bool:
    if value is None:
        return False
    folded = value.casefold()
    return folded.startswith(wanted) if starts else folded in wanted
