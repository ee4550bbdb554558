"""Rows never seen before → the rules that hold for each.

First all values are screened for keys, field by field; then each rule that a key names is tried on the rows in which
the key was found. The work grows with the values and with what is found in them, not with rows times rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miharu.detect.grouping import NOTHING, Group, RowVerdict
from miharu.detect.hashing import Cells
from miharu.detect.plan import Plan
from miharu.detect.ragged import Numbers, once
from miharu.detect.sheet import Sheet, Uses

Keywords = Mapping[int, frozenset[int]]
"""Keyword predicates that hold, by row of a batch; rows without any are left out."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch cut into columns, and which group each of its rows belongs to."""

    cells: Mapping[str, Cells]
    groups: Sequence[Group]
    group_of: Numbers
    keywords: Keywords

    @property
    def height(self) -> int:
        """Return the number of rows."""
        return len(self.group_of)

    def rows_of(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which rows belong to the groups of a mask."""
        return mask[self.group_of]


class Trials:
    """Tries the rules of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._routes = np.array([case.route for case in plan.cases], dtype=np.intp)

    def verdicts(self, placed: Placed, rows: Numbers) -> list[RowVerdict]:
        """Return the verdict of each of some rows of a batch."""
        sheet = self._screened(placed, rows)
        cases, tried = self._candidates(placed, rows, sheet)
        held: dict[int, set[int]] = defaultdict(set)
        sheet.choose(np.unique(tried))
        for number, some in _by_case(cases, tried):
            case = self._plan.cases[number]
            for row in case.narrow(self._plan.given)(sheet, some):
                held[row].add(case.rule)
        found = dict.fromkeys(rows.tolist(), NOTHING)
        for row, rules in held.items():
            group = placed.groups[int(placed.group_of[row])]
            found[row] = group.verdict(rules, row, placed.cells, placed.keywords.get(row, ()))
        return list(found.values())

    def _screened(self, placed: Placed, rows: Numbers) -> Sheet:
        uses = np.stack([group.fields for group in placed.groups], axis=1)
        sheet = Sheet(self._plan.fields, placed.cells, Uses(uses, placed.group_of))
        sheet.choose(rows)
        sheet.screen(self._plan.screens)
        pairs = [(row, number) for row in rows.tolist() for number in placed.keywords.get(row, ())]
        if pairs:
            noted = np.array(pairs, dtype=np.intp)
            sheet.note(noted[:, 0], noted[:, 1])
        return sheet

    def _candidates(self, placed: Placed, rows: Numbers, sheet: Sheet) -> tuple[Numbers, Numbers]:
        """Return cases and the rows that each is to be tried on, once each, by case."""
        found, predicates = sheet.found()
        owners, cases = self._plan.cases_of.take(predicates)
        tried = found[owners]
        routes = np.stack([group.route_mask for group in placed.groups])
        here = np.flatnonzero(routes[placed.group_of[tried], self._routes[cases]])
        parts = [(cases[here], tried[here]), *self._always(placed, rows, routes)]
        return once(*(np.concatenate(numbers) for numbers in zip(*parts, strict=True)))

    def _always(
        self, placed: Placed, rows: Numbers, routes: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[Numbers, Numbers]]:
        for route in np.flatnonzero(routes.any(axis=0)).tolist():
            always = self._plan.routes[route].always
            if always:
                here = rows[routes[placed.group_of[rows], route]]
                for case in always:
                    yield np.full(len(here), case), here


def _by_case(cases: Numbers, rows: Numbers) -> Iterator[tuple[int, set[int]]]:
    begins = np.flatnonzero(np.diff(cases, prepend=-1)).tolist()
    numbers = rows.tolist()
    for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=False):
        yield int(cases[begin]), set(numbers[begin:end])
