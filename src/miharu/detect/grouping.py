"""A set of routes → what its rows are looked at for, and how a row's verdict is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from miharu.detect.hashing import Cells, random_words
from miharu.detect.model import keyword_text
from miharu.detect.plan import Plan
from miharu.detect.ragged import Numbers

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """Numbers of the rules that hold for a row, and for each the values it looked at, as JSON."""

    rules: tuple[int, ...]
    matched: tuple[str, ...]
    weight: int = 1
    """How much remembering it costs: one for the row, and more for long texts."""


NOTHING: Final = RowVerdict((), ())
_HEAVY: Final = 256
"""Characters that weigh as much as a row."""


@dataclass(slots=True)
class Hits:
    """Rows of a batch, the rule that holds for each, and what it matched; equally long."""

    rows: list[int] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)

    def add(self, verdicts: Sequence[RowVerdict], inverse: Numbers, rows: Numbers) -> None:
        """Add the rows whose verdict, by number in `inverse`, names a rule."""
        counts = np.array([len(verdict.rules) for verdict in verdicts], dtype=np.intp)
        if not counts.any():
            return
        places = np.flatnonzero(counts[inverse])
        numbers = inverse[places]
        self.rows += np.repeat(rows[places], counts[numbers]).tolist()
        for number in numbers.tolist():
            self.rules += verdicts[number].rules
            self.matched += verdicts[number].matched


class Group:
    """All rules of a set of routes, and the fields that they use together."""

    def __init__(self, plan: Plan, routes: Sequence[int], names: Mapping[str, int]) -> None:
        self.routes = tuple(routes)
        self.words = random_words(1)[:, 0]
        """What belonging to the group adds to the key of a row."""
        self._plan = plan
        self._routes = [plan.routes[route] for route in routes]
        fields = frozenset().union(*(route.fields for route in self._routes))
        self.columns = frozenset(name for number in fields for name in plan.fields[number].columns)
        self.fields = _mask(fields, len(plan.fields))
        self.column_mask = _mask([names[name] for name in self.columns], len(names))
        self.route_mask = _mask(self.routes, len(plan.routes))

    def verdict(
        self, rules: Collection[int], row: int, cells: Mapping[str, Cells], keywords: Collection[int]
    ) -> RowVerdict:
        """Return the verdict of a row for which some rules hold."""
        ordered = tuple(sorted(rules))
        matched = tuple(self._matched(rule, row, cells, keywords) for rule in ordered)
        return RowVerdict(ordered, matched, 1 + sum(map(len, matched)) // _HEAVY)

    def _matched(self, rule: int, row: int, cells: Mapping[str, Cells], keywords: Collection[int]) -> str:
        values: dict[str, object] = {}
        for number in {number for route in self._routes for number in route.looks_at.get(rule, ())}:
            spec = self._plan.fields[number]
            for name in spec.columns:
                column = cells[name].column if name in cells else None
                text = column.texts[row] if column is not None else None
                if column is not None and text is not None:
                    values[name] = _told(orjson.loads(text)) if column.lists else text
                    if not spec.every:
                        break
        if wanted := [self._plan.given.predicates[number].test for number in sorted(keywords)]:
            values["keywords"] = [keyword_text(test) for test in wanted]
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def _told(texts: list[str]) -> str | list[str]:
    """Return a list's only text as itself: whether a lone value came as a list depends on what it came with."""
    return texts[0] if len(texts) == 1 else texts


def _mask(numbers: Collection[int], length: int) -> Mask:
    mask = np.zeros(length, dtype=np.bool_)
    mask[list(numbers)] = True
    return mask
