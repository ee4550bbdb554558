"""Conditions of rules → their keys: a rule is looked at only where one of its keys holds.

*Keys* are predicates of which at least one must be true for the rule to be true, chosen to be rare. Rules that can
hold with nothing that is looked for in values have no keys and are always looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from miharu.detect.model import (
    ABSENT_OPS,
    KEYWORDS,
    AllOf,
    AnyOf,
    Leaf,
    Named,
    Node,
    Not,
    Op,
    Predicate,
    RuleSet,
    Variant,
)

Keys: TypeAlias = frozenset[int]
Holds: TypeAlias = Callable[[set[int]], bool]

_COSTS: Final[dict[Op, float]] = {
    "equals": 1, "starts": 2, "ends": 2, "contains": 3, "glob": 2, "regex": 20, "number": 40, "cidr": 20,
    "exists": 1000,
}  # fmt: skip
_COST_ELSE: Final = 100.0
_COMMON: Final = frozenset({
    "c", "windows", "system32", "syswow64", "program", "files", "x86", "programdata", "users", "microsoft",
    "software", "system", "currentversion", "currentcontrolset", "control", "services", "policies", "exe", "dll",
    "com", "true", "false", "valid", "createkey", "setvalue", "key", "process", "powershell", "svchost", "rundll32",
    "cmd", "explorer", "ntdll", "kernelbase", "kernel32", "hklm", "hkcu", "hku", "http", "https",
})  # fmt: skip
"""Words that values of Windows hold more often than not: a text made of nothing else is no rare one."""
_WORD: Final = re.compile(r"[a-z0-9]+")
_COMMON_COST: Final = 30
_SHORT: Final = 20
"""A literal shorter than this many characters is the commoner, the shorter it is."""
_NEVER: Final = ABSENT_OPS | {"ref"}
"""Tests that are not answered by looking at one value."""


def with_keys(ruleset: RuleSet) -> RuleSet:
    """Return the rule set with the keys and the keywords of every variant of every rule."""
    costs = _costs_by_route(ruleset)
    replace = msgspec.structs.replace

    def told(variant: Variant) -> Variant:
        used = sorted(set(leaves(variant.condition)))
        return replace(
            variant,
            keys=_keys_of(variant.condition, costs[variant.route]),
            keywords=tuple(number for number in used if ruleset.predicates[number].field == KEYWORDS),
        )

    rules = [replace(rule, variants=tuple(map(told, rule.variants))) for rule in ruleset.rules]
    return replace(ruleset, rules=rules)


def leaves(node: Node) -> Iterator[int]:
    """Yield the predicates of a condition."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Leaf):
            yield node.predicate
        elif isinstance(node, AllOf | AnyOf):
            nodes += reversed(node.parts)
        else:
            nodes.append(node.part)


def compiled(node: Node) -> Holds:
    """Return a function of the true predicates that says whether a condition holds."""
    match node:
        case Leaf():
            predicate = node.predicate
            return lambda true: predicate in true
        case Named():
            return compiled(node.part)
        case Not():
            inner = compiled(node.part)
            return lambda true: not inner(true)
        case AllOf():
            return _all_of(*_parted(node.parts))
        case AnyOf():
            return _any_of(*_parted(node.parts))


def _parted(parts: Iterable[Node]) -> tuple[frozenset[int], list[Holds]]:
    leaves = {part.predicate for part in parts if isinstance(part, Leaf)}
    return frozenset(leaves), [compiled(part) for part in parts if not isinstance(part, Leaf)]


def _all_of(leaves: frozenset[int], others: list[Holds]) -> Holds:
    if not others:
        return leaves.issubset
    return lambda true: leaves.issubset(true) and all(holds(true) for holds in others)


def _any_of(leaves: frozenset[int], others: list[Holds]) -> Holds:
    if not others:
        return lambda true: not leaves.isdisjoint(true)
    return lambda true: not leaves.isdisjoint(true) or any(holds(true) for holds in others)


def _costs_by_route(ruleset: RuleSet) -> list[dict[int, float]]:
    """Return how common each predicate may be; what many rules of a route test is taken to be commoner still."""
    uses: list[Counter[int]] = [Counter() for _ in ruleset.routes]
    for rule in ruleset.rules:
        for variant in rule.variants:
            uses[variant.route].update(leaves(variant.condition))
    return [
        {
            number: _cost(ruleset.predicates[number]) * count**0.5
            for number, count in counts.items()
            if ruleset.predicates[number].test.op not in _NEVER
        }
        for counts in uses
    ]


def _keys_of(node: Node, costs: Mapping[int, float]) -> tuple[int, ...] | None:
    found = _keys(node, costs)
    return None if found is None else tuple(sorted(found[0]))


def _keys(node: Node, costs: Mapping[int, float]) -> tuple[Keys, float] | None:
    """Return predicates of which one must be true for the node to be, and how common they may be."""
    match node:
        case Leaf():
            cost = costs.get(node.predicate)
            return None if cost is None else (frozenset({node.predicate}), cost)
        case Named():
            return _keys(node.part, costs)
        case Not():
            return None
        case AllOf():
            found = [keys for part in node.parts if (keys := _keys(part, costs)) is not None]
            return min(found, key=lambda keys: keys[1], default=None)
        case AnyOf():
            choices = [_keys(part, costs) for part in node.parts]
            known = [keys for keys in choices if keys is not None]
            if len(known) < len(choices):
                return None
            return frozenset().union(*(keys[0] for keys in known)), sum(keys[1] for keys in known)


def _cost(predicate: Predicate) -> float:
    test = predicate.test
    text = test.value or max((part for segment in test.segments for part in segment if part), key=len, default="")
    length = max(1, len(text))
    cost = _COSTS.get(test.op, _COST_ELSE) * (1 + _SHORT / length)
    return cost * _COMMON_COST if length > 1 and _COMMON.issuperset(_WORD.findall(text.casefold())) else cost
