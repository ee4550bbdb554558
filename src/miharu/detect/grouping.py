"""Rows of one set of routes → the rules that hold for each, judging only rows never seen before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from miharu.detect.columns import BatchColumns, Rows, TextColumn, cut, first_of
from miharu.detect.hashing import RowHasher, distinct
from miharu.detect.judging import text_holds
from miharu.detect.model import Predicate, keyword_text
from miharu.detect.plan import Plan
from miharu.detect.remembering import Remembered

Item = TypeVar("Item")

_KEYWORD_COLUMN: Final = "keywords"

Slot: TypeAlias = tuple[int, int]
"""A field by number and, where all of its columns count, which of them."""

Places: TypeAlias = npt.NDArray[np.intp]

_Numbers: TypeAlias = tuple[int, ...]
_Pattern: TypeAlias = tuple[tuple[Slot, ...], frozenset[int], tuple[bool, ...], _Numbers]
"""What verdicts depend on: keywords, references, and for each slot the pattern of its value."""


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """Numbers of the rules that hold for a row, and for each the values it looked at, as JSON."""

    rules: tuple[int, ...]
    matched: tuple[str, ...]


NOTHING: Final = RowVerdict((), ())


@dataclass(slots=True)
class Hits:
    """Rows of a batch, the rule that holds for each, and what it matched; equally long."""

    rows: list[int] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Cells:
    """What some rows have in the group's columns and slots, and which keywords each of them holds."""

    columns: Mapping[str, TextColumn]
    slots: Mapping[Slot, TextColumn]
    keywords: Sequence[frozenset[int]]


class Group:
    """All rules of a set of routes, over the fields that they use together."""

    def __init__(self, plan: Plan, routes: Sequence[int], hasher: RowHasher) -> None:
        self.routes = tuple(routes)
        self._plan = plan
        self._routes = [plan.routes[route] for route in routes]
        self._hasher = hasher
        self._fields = sorted(frozenset().union(*(route.fields for route in self._routes)))
        self.columns = sorted({name for number in self._fields for name in plan.fields[number].columns})
        self._references = sorted(frozenset().union(*(route.references for route in self._routes)))
        absent = {number: plan.matchers[number].patterns[0] for number in self._fields}
        self._absent_of = {number: pattern for number, pattern in absent.items() if pattern}
        self._absent = frozenset().union(*self._absent_of.values())
        self._known: Remembered[bytes, RowVerdict] = Remembered(plan.rows)
        self._rules_of: Remembered[_Pattern, _Numbers] = Remembered(plan.combinations)

    def run(self, columns: BatchColumns, rows: Rows, keywords: Mapping[int, frozenset[int]], hits: Hits) -> None:
        """Add to `hits` what holds for `rows` of the batch; `keywords` are those that hold, by place in `rows`."""
        present = columns.at(self.columns, rows)
        keyed = {name: column.texts for name, column in present.items()}
        keys = self._hasher.keys(keyed | _keyword_column(keywords, len(rows)), len(rows))
        first, inverse = distinct(keys)
        names: list[bytes] = keys[first].tolist()
        known = self._known.get
        verdicts = [known(name) for name in names]
        new = [number for number, verdict in enumerate(verdicts) if verdict is None]
        if new:
            places = first[new]
            judged = self._judge(self._cells(cut(present, places), keywords, places))
            for number, verdict in zip(new, judged, strict=True):
                verdicts[number] = verdict
            self._known.put_all(zip([names[number] for number in new], judged, strict=True), len(new))
        found = [verdict or NOTHING for verdict in verdicts]
        _collect(found, inverse, rows, hits)

    def _cells(
        self, present: Mapping[str, TextColumn], keywords: Mapping[int, frozenset[int]], places: Places
    ) -> _Cells:
        slots: dict[Slot, TextColumn] = {}
        for number in self._fields:
            spec = self._plan.fields[number]
            held = [(place, present[name]) for place, name in enumerate(spec.columns) if name in present]
            if spec.every:
                slots.update({(number, place): column for place, column in held})
            elif held:
                slots[number, 0] = first_of([column for _, column in held])
        return _Cells(present, slots, [keywords.get(place, frozenset()) for place in places.tolist()])

    def _judge(self, cells: _Cells) -> list[RowVerdict]:
        """Return the verdicts of rows never seen before."""
        slots, height = tuple(cells.slots), len(cells.keywords)
        numbers = [self._plan.matchers[slot[0]].numbers(column) for slot, column in cells.slots.items()]
        referred = [self._referred(number, cells.slots, height) for number in self._references]
        verdicts: list[RowVerdict] = []
        for place, (keywords, refers, pattern) in enumerate(
            zip(cells.keywords, _across(referred, height), _across(numbers, height), strict=True)
        ):
            known = (slots, keywords, refers, pattern)
            rules = self._rules_of.get(known)
            if rules is None:
                rules = self._holding(slots, keywords, refers, pattern)
                self._rules_of.put(known, rules)
            verdicts.append(self._verdict(rules, cells, place) if rules else NOTHING)
        return verdicts

    def _holding(
        self, slots: Sequence[Slot], keywords: frozenset[int], refers: tuple[bool, ...], pattern: _Numbers
    ) -> _Numbers:
        """Return the rules that hold for rows with these keywords, references and patterns of values."""
        matchers = self._plan.matchers
        held = [(slot[0], number) for slot, number in zip(slots, pattern, strict=True) if number]
        true = set(self._absent)
        for field_number, _ in held:
            if field_number in self._absent_of:
                true -= self._absent_of[field_number]
        true.update(keywords, *(matchers[field_number].patterns[number] for field_number, number in held))
        true.update(number for number, holds in zip(self._references, refers, strict=True) if holds)
        return tuple(dict.fromkeys(chain.from_iterable(route.index.holding(true) for route in self._routes)))

    def _referred(self, number: int, slots: Mapping[Slot, TextColumn], height: int) -> list[bool]:
        """Return row by row whether one field stands to another as a predicate wants."""
        predicate = self._plan.predicates[number]
        held = {slot[0] for slot in slots}
        if predicate.field not in held or predicate.other not in held:
            return [False] * height
        left, right = (_values(slots, field, height) for field in (predicate.field, predicate.other))
        return [_refers(predicate, ours, theirs) for ours, theirs in zip(left, right, strict=True)]

    def _verdict(self, rules: _Numbers, cells: _Cells, place: int) -> RowVerdict:
        return RowVerdict(rules, tuple(self._matched(rule, cells, place) for rule in rules))

    def _matched(self, rule: int, cells: _Cells, place: int) -> str:
        values: dict[str, object] = {}
        for number in {number for route in self._routes for number in route.looks_at.get(rule, ())}:
            spec = self._plan.fields[number]
            for name in spec.columns:
                column = cells.columns.get(name)
                text = column.texts[place] if column is not None else None
                if column is not None and text is not None:
                    values[name] = orjson.loads(text) if column.lists else text
                    if not spec.every:
                        break
        if wanted := [self._plan.predicates[number].test for number in sorted(cells.keywords[place])]:
            values["keywords"] = [keyword_text(test) for test in wanted]
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def _across(columns: Sequence[list[Item]], height: int) -> Iterator[tuple[Item, ...]]:
    """Return the rows of columns, also where there is none."""
    return zip(*columns, strict=True) if columns else repeat((), height)


def _keyword_column(keywords: Mapping[int, frozenset[int]], height: int) -> dict[str, pl.Series]:
    if not keywords:
        return {}
    texts: list[str | None] = [None] * height
    for place, numbers in keywords.items():
        texts[place] = repr(sorted(numbers))
    return {_KEYWORD_COLUMN: pl.Series(texts, dtype=pl.String)}


def _values(slots: Mapping[Slot, TextColumn], field: int, height: int) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(height)]
    for slot, column in slots.items():
        if slot[0] == field:
            for place, text in enumerate(column.texts.to_list()):
                if text is not None:
                    found[place] += orjson.loads(text) if column.lists else [text]
    return found


def _refers(predicate: Predicate, ours: Sequence[str], theirs: Sequence[str]) -> bool:
    test = predicate.test
    return any(text_holds(test.flags, our, their, cased=test.cased) for our in ours for their in theirs)


def _collect(verdicts: Sequence[RowVerdict], inverse: Places, rows: Rows, hits: Hits) -> None:
    """Add the rows of every verdict that names a rule."""
    counts = np.array([len(verdict.rules) for verdict in verdicts], dtype=np.intp)
    if not counts.any():
        return
    places = np.flatnonzero(counts[inverse])
    numbers = inverse[places]
    hits.rows += np.repeat(rows[places], counts[numbers]).tolist()
    for number in numbers.tolist():
        hits.rules += verdicts[number].rules
        hits.matched += verdicts[number].matched
