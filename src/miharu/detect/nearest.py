"""A rule and many events → the events it nearly holds for, and for each the one condition that kept it from it.

An event is the nearer, the fewer tests would have to turn. For each of the nearest an edited event is made and the
whole rule tried on it: only then is it said that the named condition was all that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Final

import numpy as np
import polars as pl

from miharu.core.columns import EVENT_ID
from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.editing import Change, edited, keyword_changes
from miharu.detect.eventvalues import EventValues
from miharu.detect.explaining import Explainer, Explanation
from miharu.detect.flipping import Flips, Turning
from miharu.detect.hashing import distinct_rows
from miharu.detect.judging import Judge
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import KEYWORDS, Rule, RuleSet, Variant
from miharu.detect.routing import Router
from miharu.detect.truths import Cells, RowTruths, Truth
from miharu.detect.witnesses import values_for

_TRIES: Final = 4
"""Events that are tried for each that is wanted."""
_WAYS: Final = 12
_OPTIONS: Final = 8
_EDITS: Final = 40


@dataclass(frozen=True, slots=True)
class Miss:
    """An event that a rule nearly holds for.

    `condition` is the part of `explanation` (at `path`, places among children) that kept the rule from holding:
    with the columns of `changes` set so (None: no value) it turns, and the rule holds. `distance` counts the
    single tests that turn.
    """

    event_id: str
    row: int
    distance: int
    condition: Explanation
    path: tuple[int, ...]
    changes: Mapping[str, Change]
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The nearest misses of a rule among `events`, of which `outside` are of other logsources.

    The rule holds for `matched` of them. `unturned` are distinct events that came as near, but for which no change
    was found that makes the rule hold.
    """

    events: int
    outside: int
    matched: int
    unturned: int
    misses: tuple[Miss, ...]


@dataclass(slots=True)
class _Candidate:
    """A distinct event that the rule does not hold for, and the ways in which it could."""

    row: int
    variant: Variant
    cells: Cells
    true: Truth
    ways: list[Flips]


@dataclass(slots=True)
class _Survey:
    """What is known of all events so far."""

    candidates: list[_Candidate] = field(default_factory=list)
    inside: set[int] = field(default_factory=set)
    matched: int = 0


class NearMisses:
    """Looks for the near misses of one rule."""

    def __init__(self, ruleset: RuleSet, matchers: Sequence[FieldMatcher], router: Router, rule: Rule) -> None:
        self._ruleset = ruleset
        self._matchers = matchers
        self._router = router
        self._rule = rule
        self._truths = {place: RowTruths(ruleset, matchers, variant) for place, variant in enumerate(rule.variants)}

    def find(self, events: pl.DataFrame, limit: int) -> WhyNot:
        """Return the nearest misses among distinct events, at most `limit` of them."""
        survey = self._surveyed(events)
        survey.candidates.sort(key=lambda one: (len(one.ways[0]), one.row))
        misses: list[Miss] = []
        unturned = 0
        for candidate in survey.candidates[: limit * _TRIES]:
            if len(misses) == limit:
                break
            miss = self._miss(events, candidate)
            if miss is None:
                unturned += 1
            else:
                misses.append(miss)
        misses.sort(key=lambda one: (one.distance, one.row))
        return WhyNot(len(events), len(events) - len(survey.inside), survey.matched, unturned, tuple(misses))

    def _surveyed(self, events: pl.DataFrame) -> _Survey:
        survey = _Survey()
        if events.is_empty():
            return survey
        columns = BatchColumns(events)
        split = self._router.split(columns, len(events))
        columns.read_leftovers({name for truths in self._truths.values() for name in truths.columns})
        values = EventValues(events, columns)
        for place, variant in enumerate(self._rule.variants):
            mine = [rows for routes, rows in split.items() if variant.route in routes]
            rows = np.array(sorted({row for part in mine for row in part.tolist()} - survey.inside), dtype=np.uint32)
            if len(rows):
                survey.inside.update(rows.tolist())
                self._judge(place, columns, values, rows, survey)
        return survey

    def _judge(self, place: int, columns: BatchColumns, values: EventValues, rows: Rows, survey: _Survey) -> None:
        truths, variant = self._truths[place], self._rule.variants[place]
        turning = Turning(variant.condition)
        first, inverse = np.arange(len(rows)), np.arange(len(rows))
        if not truths.keywords:
            first, inverse = distinct_rows(columns.at(truths.columns, rows), len(rows))
        order = np.argsort(first)
        chosen, counts = rows[first[order]], np.bincount(inverse, minlength=len(first))[order]
        ways: dict[Truth, list[Flips] | None] = {}
        for row, cells, count in zip(chosen.tolist(), truths.cells(columns, chosen), counts.tolist(), strict=True):
            true = truths.truth(cells) | _keywords(truths, values, row)
            if true not in ways:
                ways[true] = None if turning.holds(true) else turning.ways(true)
            found = ways[true]
            if found is None:
                survey.matched += count
            elif found:
                survey.candidates.append(_Candidate(row, variant, cells, true, found))

    def _miss(self, events: pl.DataFrame, candidate: _Candidate) -> Miss | None:
        """Return the miss of the first way that an edited event proves."""
        event = events[candidate.row]
        editor = _Editor(self._truths[self._rule.variants.index(candidate.variant)], self._ruleset, event, candidate)
        for way in candidate.ways[:_WAYS]:
            for changes in islice(editor.edits(way), _EDITS):
                after = self._after(event, changes, candidate.variant)
                if after is not None:
                    before = self._explained(event, candidate.variant)
                    path = turning_point(before, after)
                    return Miss(str(event.get_column(EVENT_ID)[0]), candidate.row, len(way), _at(before, path), path,
                                changes, before)  # fmt: skip
        return None

    def _after(self, event: pl.DataFrame, changes: Mapping[str, Change], variant: Variant) -> Explanation | None:
        """Return why the rule holds for the edited event; None where it does not."""
        new = edited(event, changes)
        if new is None or not any(variant.route in routes for routes in self._router.split(BatchColumns(new), 1)):
            return None
        told = self._explained(new, variant)
        return told if told.verdict else None

    def _explained(self, event: pl.DataFrame, variant: Variant) -> Explanation:
        return Explainer(self._ruleset, self._matchers, event).explain(self._rule.title, variant)


def _keywords(truths: RowTruths, values: EventValues, row: int) -> Truth:
    """Return which keywords of the rule an event holds."""
    if not truths.keywords:
        return frozenset()
    judge, texts = Judge(), [*values.raw(row), *values.columns(row)]
    tests = {number: truths.predicates[number].test for number in truths.keywords}
    return frozenset(number for number, test in tests.items() if any(judge.holds_for(test, text) for text in texts))


class _Editor:
    """Makes changes to one event that turn some predicates."""

    def __init__(self, truths: RowTruths, ruleset: RuleSet, event: pl.DataFrame, candidate: _Candidate) -> None:
        self._truths = truths
        self._fields = ruleset.fields
        self._event = event
        self._candidate = candidate
        self._turning = Turning(candidate.variant.condition)

    def edits(self, way: Flips) -> Iterator[dict[str, Change]]:
        """Yield changes after which, as far as columns tell, the rule holds."""
        predicates = self._truths.predicates
        fields = sorted({predicates[number].field for number in way if predicates[number].field != KEYWORDS})
        options = [self._options(one, [number for number in way if predicates[number].field == one]) for one in fields]
        if turned := sorted(way & set(self._truths.keywords)):
            wanted, unwanted = (
                [predicates[number].test for number in turned if (number in self._candidate.true) is held]
                for held in (False, True)
            )
            options.append(list(islice(keyword_changes(self._event, wanted, unwanted), _OPTIONS)))
        keywords = (self._candidate.true ^ way).intersection(self._truths.keywords)
        for parts in product(*options):
            changes = _merged(parts)
            if changes is not None and self._turning.holds(self._truths.truth(self._with(changes)) | keywords):
                yield changes

    def _options(self, number: int, turned: Sequence[int]) -> list[dict[str, Change]]:
        """Return changes of one field that turn its predicates, those first that turn no others."""
        before = self._candidate.true.difference(self._truths.keywords)
        found: list[tuple[int, dict[str, Change]]] = []
        for changes in self._changes(number, turned):
            different = before ^ self._truths.truth(self._with(changes))
            if different.issuperset(turned):
                found.append((len(different), changes))
        return [changes for _, changes in sorted(found, key=lambda item: item[0])[:_OPTIONS]]

    def _changes(self, number: int, turned: Sequence[int]) -> Iterator[dict[str, Change]]:
        predicates = {one: self._truths.predicates[one] for one in turned}
        wanted = [predicate.test for one, predicate in predicates.items() if one not in self._candidate.true]
        unwanted = [predicate.test for one, predicate in predicates.items() if one in self._candidate.true]
        cells = self._candidate.cells
        old = self._truths.values(number, cells)
        others = [value for predicate in predicates.values() if predicate.test.op == "ref"
                  for value in self._truths.values(predicate.other, cells)]  # fmt: skip
        spec, held = self._fields[number], self._truths.held(number, cells)
        target = held[0] if held else spec.columns[0]
        rest = dict.fromkeys(held[1:])
        for value in values_for(wanted, unwanted, old[0] if old else None, others):
            if value is None:
                yield dict.fromkeys(held or spec.columns[:1])
                continue
            if target in self._truths.lists:
                yield {target: (*cells.get(target, ()), value)}
                yield {target: (value,), **rest}
                continue
            yield {target: value}
            if rest:
                yield {target: value, **rest}

    def _with(self, changes: Mapping[str, Change]) -> Cells:
        cells = dict(self._candidate.cells)
        for name, change in changes.items():
            cells.pop(name, None)
            if change is not None:
                cells[name] = change if isinstance(change, tuple) else (change,)
        return cells


def _merged(parts: Sequence[Mapping[str, Change]]) -> dict[str, Change] | None:
    """Return several changes as one; None where they contradict each other."""
    changes: dict[str, Change] = {}
    for part in parts:
        for name, change in part.items():
            if changes.setdefault(name, change) != change:
                return None
    return changes


def turning_point(before: Explanation, after: Explanation) -> tuple[int, ...]:
    """Return the path to the smallest part that turned and was alone enough to turn the whole."""
    path: list[int] = []
    while before.children:
        turned = [
            place
            for place, (one, other) in enumerate(zip(before.children, after.children, strict=True))
            if one.verdict is not other.verdict
        ]
        if before.kind in {"all", "any"} and before.verdict is (before.kind == "any"):
            # Every part that stood in the way had to turn.
            turned = [place for place, one in enumerate(before.children) if one.verdict is before.verdict]
            if len(turned) > 1:
                break
        place = min(turned, key=lambda one: _turned(before.children[one], after.children[one]))
        path.append(place)
        before, after = before.children[place], after.children[place]
    return tuple(path)


def _turned(before: Explanation, after: Explanation) -> int:
    """Return how many tests turned."""
    if not before.children:
        return int(before.verdict is not after.verdict)
    return sum(_turned(one, other) for one, other in zip(before.children, after.children, strict=True))


def _at(told: Explanation, path: Sequence[int]) -> Explanation:
    for place in path:
        told = told.children[place]
    return told
