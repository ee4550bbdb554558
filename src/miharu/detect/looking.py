"""A rule set and a log source → the columns its rules look at there, so that nothing else need be read to judge."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from miharu.core.columns import EVENT_DATASET, EVENT_ID, TIMESTAMP
from miharu.detect.model import RouteSpec, RuleSet

_ALWAYS = (TIMESTAMP, EVENT_ID, EVENT_DATASET)


@dataclass(frozen=True, slots=True)
class Sight:
    """Columns that rules look at; `whole` where keywords may stand in any value of an event."""

    columns: frozenset[str]
    whole: bool


def sight_of(ruleset: RuleSet, dataset: str) -> Sight | None:
    """Return what the rules look at in events of one `event.dataset`; None where none of them can hold there."""
    routes = {number for number, route in enumerate(ruleset.routes) if _may_meet(route, dataset)}
    columns: set[str] = set()
    whole = False
    for rule in ruleset.rules:
        for variant in rule.variants:
            if variant.route in routes:
                columns.update(rule.variants[0].entity, *(ruleset.fields[field].columns for field in variant.fields))
                columns.update(test[0] for test in _tests(ruleset.routes[variant.route]))
                whole = whole or bool(variant.keywords)
    return Sight(frozenset((*columns, *_ALWAYS)), whole) if columns or whole else None


def only_rules(ruleset: RuleSet, wanted: Collection[str]) -> RuleSet:
    """Return the rule set with the rules of these ids, and no problems."""
    kept = [rule for rule in ruleset.rules if rule.id in wanted]
    return msgspec.structs.replace(ruleset, rules=kept, problems=[])


def _may_meet(route: RouteSpec, dataset: str) -> bool:
    folded = dataset.casefold()
    return all(
        any(
            all(
                column != EVENT_DATASET or (folded.startswith(values) if starts else folded in values)
                for column, values, starts in conjunction
            )
            for conjunction in condition
        )
        for condition in route.conditions
    )


def _tests(route: RouteSpec) -> list[tuple[str, tuple[str, ...], bool]]:
    return [test for condition in route.conditions for conjunction in condition for test in conjunction]
