"""A batch → which rows belong to which logsources, judged once per distinct combination of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.hashing import RowHasher, distinct
from miharu.detect.model import RouteSpec
from miharu.detect.remembering import Remembered

Routes: TypeAlias = tuple[int, ...]
"""Numbers of the routes a row belongs to."""

_Cells: TypeAlias = tuple[str | None, ...]
_COMBINATIONS = 20_000


class Router:
    """Tells rows apart by the columns that logsource conditions look at."""

    def __init__(self, routes: Sequence[RouteSpec]) -> None:
        self._routes = routes
        self._columns = sorted({test[0] for route in routes for part in route.conditions for all_ in part for test in all_})
        self._hasher = RowHasher()
        self._known: Remembered[_Cells, Routes] = Remembered(_COMBINATIONS)

    def split(self, batch: BatchColumns, height: int) -> dict[Routes, Rows]:
        """Return the rows of each combination of routes; rows of none are left out."""
        every = np.arange(height, dtype=np.uint32)
        columns = batch.at(self._columns, every)
        keys = self._hasher.keys(
            (((place, 0), columns[name].texts) for place, name in enumerate(self._columns) if name in columns), height
        )
        first, inverse = distinct(keys)
        cells = [
            columns[name].texts.gather(first).to_list() if name in columns else [None] * len(first)
            for name in self._columns
        ]
        rows_of: dict[Routes, list[int]] = {}
        for number, row in enumerate(zip(*cells, strict=True)):
            rows_of.setdefault(self._routes_of(row), []).append(number)
        rows_of.pop((), None)
        return {routes: np.flatnonzero(np.isin(inverse, numbers)).astype(np.uint32) for routes, numbers in rows_of.items()}

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
