"""Rows never seen before → the rules that hold for each.

First all values are screened for keys, field by field; then each rule that a key names is tried on the rows in which
the key was found. The work grows with the values and with what is found in them, not with rows times rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from miharu.detect.grouping import Group, RuleHits
from miharu.detect.hashing import Cells
from miharu.detect.plan import Plan
from miharu.detect.ragged import Numbers, by_number, once
from miharu.detect.sheet import Sheet, Uses

Keywords: TypeAlias = tuple[Numbers, Numbers]
"""Rows of a batch, and the keyword predicates that hold there; equally long, each pair once, ordered."""


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

    def counts(self, rows: Numbers) -> list[int]:
        """Return how many of some rows belong to each group."""
        found: list[int] = np.bincount(self.group_of[rows], minlength=len(self.groups)).tolist()
        return found

    def rows_of(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which rows belong to the groups of a mask."""
        return mask[self.group_of]


class Trials:
    """Tries the rules of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._routes = np.array([case.route for case in plan.cases], dtype=np.intp)

    def found(self, placed: Placed, rows: Numbers) -> list[RuleHits]:
        """Return for which of some rows of a batch which rules hold, in the order of the rules."""
        sheet = self._screened(placed, rows)
        cases, tried = self._candidates(placed, rows, sheet)
        held: dict[int, set[int]] = defaultdict(set)
        sheet.choose(tried)
        for number, some in _by_case(cases, tried):
            case = self._plan.cases[number]
            if left := case.narrow(self._plan.given)(sheet, some):
                held[case.rule] |= left
        keywords = _by_row(placed.keywords, set().union(*held.values()))
        return [hits for rule in sorted(held) for hits in _told(placed, rule, sorted(held[rule]), keywords)]

    def _screened(self, placed: Placed, rows: Numbers) -> Sheet:
        uses = np.stack([group.fields for group in placed.groups], axis=1)
        sheet = Sheet(self._plan.fields, placed.cells, Uses(uses, placed.group_of))
        sheet.choose(rows)
        sheet.screen(self._plan.screens)
        if len(placed.keywords[0]):
            chosen = np.zeros(placed.height, dtype=np.bool_)
            chosen[rows] = True
            here = chosen[placed.keywords[0]]
            sheet.note(*(numbers[here] for numbers in placed.keywords))
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


def _by_row(keywords: Keywords, rows: Collection[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row, number in zip(*(numbers.tolist() for numbers in keywords), strict=True):
        if row in rows:
            found.setdefault(row, []).append(number)
    return found


def _told(placed: Placed, rule: int, rows: list[int], keywords: Mapping[int, Sequence[int]]) -> Iterator[RuleHits]:
    """Yield the rows of a rule with what it matched there, group by group."""
    for number, some in by_number(np.array(rows, dtype=np.intp), placed.group_of[rows]).items():
        ordered = some.tolist()
        yield RuleHits(rule, ordered, placed.groups[number].matched(rule, ordered, placed.cells, keywords))


def _by_case(cases: Numbers, rows: Numbers) -> Iterator[tuple[int, set[int]]]:
    begins = np.flatnonzero(np.diff(cases, prepend=-1)).tolist()
    numbers = rows.tolist()
    for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=False):
        yield int(cases[begin]), set(numbers[begin:end])
