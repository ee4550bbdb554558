"""A rule set → what a detector needs to run it: what to look for in each field, and which rules that concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from miharu.detect.deciding import Deciding, Narrow, deciding
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import KEYWORDS, FieldColumns, Node, RuleSet, ValueTest
from miharu.detect.ragged import Ragged
from miharu.detect.regexes import FieldRegexes
from miharu.detect.remembering import Budget
from miharu.detect.screening import Screens

_VALUES: Final = 1_000_000
"""Values whose key predicates are remembered at most."""
_ROWS: Final = 1_000_000
"""Distinct rows whose verdict is remembered at most."""


@dataclass
class Case:
    """A rule on one route. Its condition is made ready when it is first looked at: most never are."""

    rule: int
    route: int
    condition: Node
    keys: tuple[int, ...] | None
    _made: Narrow | None = None

    def narrow(self, given: Deciding) -> Narrow:
        """Return the function that says for which rows the rule holds."""
        if self._made is None:
            self._made = deciding(self.condition, given)
        return self._made


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """One route: the fields each of its rules looks at, the predicates that need whole rows, what is always tried."""

    looks_at: Mapping[int, tuple[int, ...]]
    fields: frozenset[int]
    keywords: frozenset[int]
    always: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a detector needs; numbers are those of the rule set, and of `cases`."""

    given: Deciding
    fields: Sequence[FieldColumns]
    cases: Sequence[Case]
    cases_of: Ragged
    routes: Sequence[RoutePlan]
    screens: Screens
    matchers: Sequence[FieldMatcher]
    rows: Budget


def make_plan(ruleset: RuleSet) -> Plan:
    """Return the plan of a rule set. Raises `hyperscan.error` where its engines are of another version."""
    tests: dict[int, dict[int, ValueTest]] = defaultdict(dict)
    for number, predicate in enumerate(ruleset.predicates):
        if predicate.field != KEYWORDS:
            tests[predicate.field][number] = predicate.test
    regexes = {engine.field: FieldRegexes(engine, tests[engine.field]) for engine in ruleset.engines if engine.regexes}
    cases = [
        Case(number, variant.route, variant.condition, variant.keys)
        for number, rule in enumerate(ruleset.rules)
        for variant in rule.variants
    ]
    found = {key for case in cases for key in case.keys or ()}
    return Plan(
        Deciding(ruleset.predicates, found, regexes),
        ruleset.fields,
        cases,
        _cases_of(cases, len(ruleset.predicates)),
        _routes(ruleset, cases),
        _screens(ruleset, tests, found, regexes),
        [FieldMatcher(tests[field], regexes.get(field)) for field in range(len(ruleset.fields))],
        Budget(_ROWS),
    )


def _cases_of(cases: Sequence[Case], predicates: int) -> Ragged:
    by_key: list[list[int]] = [[] for _ in range(predicates)]
    for number, case in enumerate(cases):
        for key in case.keys or ():
            by_key[key].append(number)
    return Ragged(by_key)


def _screens(
    ruleset: RuleSet,
    tests: Mapping[int, Mapping[int, ValueTest]],
    found: Collection[int],
    regexes: Mapping[int, FieldRegexes],
) -> Screens:
    wanted = {
        field: {number: test for number, test in of_field.items() if number in found}
        for field, of_field in sorted(tests.items())
    }
    engines = {engine.field: engine for engine in ruleset.engines}
    return Screens(engines, regexes, {field: keys for field, keys in wanted.items() if keys}, Budget(_VALUES))


def _routes(ruleset: RuleSet, cases: Sequence[Case]) -> list[RoutePlan]:
    looks_at: list[dict[int, tuple[int, ...]]] = [{} for _ in ruleset.routes]
    keywords: list[set[int]] = [set() for _ in ruleset.routes]
    always: list[list[int]] = [[] for _ in ruleset.routes]
    for rule, content in enumerate(ruleset.rules):
        for variant in content.variants:
            looks_at[variant.route][rule] = variant.fields
            keywords[variant.route].update(variant.keywords)
    for number, case in enumerate(cases):
        if case.keys is None:
            always[case.route].append(number)
    return [
        RoutePlan(
            fields,
            frozenset(field for numbers in fields.values() for field in numbers),
            frozenset(words),
            tuple(tried),
        )
        for fields, words, tried in zip(looks_at, keywords, always, strict=True)
    ]
