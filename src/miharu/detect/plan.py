"""A rule set → what a detector needs to run it: matchers per field, an index of rules per route."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from miharu.detect.indexing import RouteIndex, leaves
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import KEYWORDS, FieldColumns, Node, Predicate, RuleSet
from miharu.detect.remembering import Budget

_CHARACTERS: Final = 100_000_000
"""Characters of distinct values that are remembered at most."""
_ROWS: Final = 1_000_000
"""Distinct rows whose verdict is remembered at most."""
_COMBINATIONS: Final = 500_000
"""Combinations of patterns whose rules are remembered at most."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """One route: its rules by number with the fields each looks at, and the predicates that need rows."""

    index: RouteIndex
    looks_at: dict[int, tuple[int, ...]]
    fields: frozenset[int]
    keywords: frozenset[int]
    references: frozenset[int]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a detector needs; numbers are those of the rule set."""

    predicates: Sequence[Predicate]
    fields: Sequence[FieldColumns]
    matchers: Sequence[FieldMatcher]
    routes: Sequence[RoutePlan]
    rows: Budget
    combinations: Budget


def make_plan(ruleset: RuleSet) -> Plan:
    """Return the plan of a rule set. Raises `hyperscan.error` where its engines are of another version."""
    by_field: dict[int, list[tuple[int, Predicate]]] = defaultdict(list)
    for number, predicate in enumerate(ruleset.predicates):
        if predicate.field != KEYWORDS and predicate.test.op != "ref":
            by_field[predicate.field].append((number, predicate))
    engines = {engine.field: engine for engine in ruleset.engines}
    characters = Budget(_CHARACTERS)
    matchers = [FieldMatcher(by_field[field], engines.get(field), characters) for field in range(len(ruleset.fields))]
    return Plan(ruleset.predicates, ruleset.fields, matchers, _routes(ruleset), Budget(_ROWS), Budget(_COMBINATIONS))


def _routes(ruleset: RuleSet) -> list[RoutePlan]:
    conditions: list[list[tuple[int, Node]]] = [[] for _ in ruleset.routes]
    looks_at: list[dict[int, tuple[int, ...]]] = [{} for _ in ruleset.routes]
    for number, rule in enumerate(ruleset.rules):
        for variant in rule.variants:
            conditions[variant.route].append((number, variant.condition))
            looks_at[variant.route][number] = variant.fields
    return [_route(ruleset.predicates, parts, fields) for parts, fields in zip(conditions, looks_at, strict=True)]


def _route(
    predicates: Sequence[Predicate], conditions: list[tuple[int, Node]], looks_at: dict[int, tuple[int, ...]]
) -> RoutePlan:
    used = {predicate for _, condition in conditions for predicate in leaves(condition)}
    return RoutePlan(
        RouteIndex(conditions, predicates),
        looks_at,
        frozenset(field for fields in looks_at.values() for field in fields),
        frozenset(number for number in used if predicates[number].field == KEYWORDS),
        frozenset(number for number in used if predicates[number].test.op == "ref"),
    )
