"""A set of routes → what its rows are looked at for, and how a row's verdict is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from miharu.detect.columns import TextColumn
from miharu.detect.hashing import Cells, random_words
from miharu.detect.model import FieldColumns, keyword_text
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
_TRIAL: Final = 20_000
"""Rows of a group after which it is seen whether remembering them is worth while."""
_PAUSE: Final = 400_000
"""Rows of a group after which that is tried again."""
_MOSTLY: Final = 0.8


@dataclass(frozen=True, slots=True)
class RuleHits:
    """Rows for which one rule holds, ascending, and for each the values it looked at, as JSON."""

    rule: int
    rows: list[int]
    matched: list[str]


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

    def add_rule(self, found: RuleHits) -> None:
        """Add the rows for which a rule holds."""
        self.rows += found.rows
        self.rules += [found.rule] * len(found.rows)
        self.matched += found.matched


def verdicts_of(found: Sequence[RuleHits], rows: Numbers) -> list[RowVerdict]:
    """Return the verdict of each of some rows, for rules in their order."""
    by_row: dict[int, list[tuple[int, str]]] = {}
    for hits in found:
        for row, matched in zip(hits.rows, hits.matched, strict=True):
            by_row.setdefault(row, []).append((hits.rule, matched))
    made = {row: _verdict(pairs) for row, pairs in by_row.items()}
    return [made.get(row, NOTHING) for row in rows.tolist()]


def _verdict(pairs: Sequence[tuple[int, str]]) -> RowVerdict:
    rules, matched = zip(*pairs, strict=True)
    return RowVerdict(rules, matched, 1 + sum(map(len, matched)) // _HEAVY)


class Group:
    """All rules of a set of routes, and the fields that they use together."""

    def __init__(self, plan: Plan, routes: Sequence[int], names: Mapping[str, int]) -> None:
        self.routes = tuple(routes)
        self.words = random_words(1)[:, 0]
        """What belonging to the group adds to the key of a row."""
        self._plan = plan
        self._routes = [plan.routes[route] for route in routes]
        self._looked_at: dict[int, list[FieldColumns]] = {}
        fields = frozenset().union(*(route.fields for route in self._routes))
        self.columns = frozenset(name for number in fields for name in plan.fields[number].columns)
        self.fields = _mask(fields, len(plan.fields))
        self.column_mask = _mask([names[name] for name in self.columns], len(names))
        self.route_mask = _mask(self.routes, len(plan.routes))
        self.comes_again = True
        """Whether enough of its rows are like earlier ones for it to be worth while to remember them."""
        self._asked = self._new = 0

    def weigh(self, asked: int, new: int) -> None:
        """Remember no rows where nearly all are new; that is tried again now and then."""
        self._asked += asked
        self._new += new
        if self._asked > (_TRIAL if self.comes_again else _PAUSE):
            self.comes_again = not self.comes_again or self._new < _MOSTLY * self._asked
            self._asked = self._new = 0

    def matched(
        self, rule: int, rows: Sequence[int], cells: Mapping[str, Cells], keywords: Mapping[int, Sequence[int]]
    ) -> list[str]:
        """Return what a rule looked at in each of some rows; `keywords` are those that hold, by row."""
        specs = self._specs(rule)
        columns = {
            name: cells[name].column for name in dict.fromkeys(name for spec in specs for name in spec.columns)
            if name in cells
        }  # fmt: skip
        wanted = np.array(rows, dtype=np.uint32)
        parts: list[Sequence[object]] = [column.texts[wanted].to_list() for column in columns.values()]
        parts.append([tuple(keywords.get(row, ())) for row in rows] if keywords else [()] * len(rows))
        told: dict[tuple[object, ...], str] = {}
        found = []
        for values in zip(*parts, strict=True):
            text = told.get(values)
            if text is None:
                text = told[values] = self._text(specs, dict(zip(columns, values, strict=False)), columns, values[-1])
            found.append(text)
        return found

    def _specs(self, rule: int) -> list[FieldColumns]:
        if rule not in self._looked_at:
            numbers = {number for route in self._routes for number in route.looks_at.get(rule, ())}
            self._looked_at[rule] = [self._plan.fields[number] for number in numbers]
        return self._looked_at[rule]

    def _text(
        self, specs: Sequence[FieldColumns], texts: Mapping[str, Any], columns: Mapping[str, TextColumn], keywords: Any
    ) -> str:
        values: dict[str, object] = {}
        for spec in specs:
            for name in spec.columns:
                if (text := texts.get(name)) is not None:
                    values[name] = _told(orjson.loads(text)) if columns[name].lists else text
                    if not spec.every:
                        break
        if keywords:
            values["keywords"] = [keyword_text(self._plan.given.predicates[number].test) for number in keywords]
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def _told(texts: list[str]) -> str | list[str]:
    """Return a list's only text as itself: whether a lone value came as a list depends on what it came with."""
    return texts[0] if len(texts) == 1 else texts


def _mask(numbers: Collection[int], length: int) -> Mask:
    mask = np.zeros(length, dtype=np.bool_)
    mask[list(numbers)] = True
    return mask
