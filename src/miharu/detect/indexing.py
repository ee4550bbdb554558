"""Rules of one route → which of them hold, given the predicates that hold.

A rule is looked at only when one of its *keys* holds: a set of predicates of which at least one must be true
for the rule to be true, chosen to be rare. Rules that can hold with nothing positive have no keys and are
always looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from miharu.detect.model import AllOf, AnyOf, Leaf, Named, Node, Not, Op, Predicate

Holds: TypeAlias = Callable[[set[int]], bool]

_COSTS: Final[dict[Op, float]] = {
    "equals": 1, "starts": 2, "ends": 2, "contains": 3, "glob": 2, "regex": 20, "number": 40, "cidr": 20,
    "exists": 1000, "missing": 1000, "empty": 1000, "ref": 100,
}  # fmt: skip
_COST_ELSE: Final = 100.0
_SHORT: Final = 20
"""A literal shorter than this many characters is the commoner, the shorter it is."""


class RouteIndex:
    """The rules of one route, numbered by their place in `conditions`."""

    def __init__(self, conditions: Sequence[tuple[int, Node]], predicates: Sequence[Predicate]) -> None:
        self._always: list[tuple[int, Holds]] = []
        self._by_key: dict[int, list[tuple[int, Holds]]] = defaultdict(list)
        uses = Counter(predicate for _, condition in conditions for predicate in leaves(condition))
        costs = {number: _cost(predicates[number]) * count**0.5 for number, count in uses.items()}
        for number, condition in conditions:
            entry = (number, compiled(condition))
            keys = _keys(condition, costs)
            if keys is None:
                self._always.append(entry)
                continue
            for key in keys[0]:
                self._by_key[key].append(entry)
        self._all_keys = frozenset(self._by_key)

    def holding(self, true: set[int]) -> list[int]:
        """Return the numbers of the rules that hold where exactly the predicates `true` do."""
        candidates = dict(self._always)
        for predicate in self._all_keys & true:
            candidates.update(self._by_key[predicate])
        return [number for number, holds in candidates.items() if holds(true)]


def leaves(node: Node) -> Iterator[int]:
    """Yield the predicates of a condition."""
    match node:
        case Leaf():
            yield node.predicate
        case Named() | Not():
            yield from leaves(node.part)
        case AllOf() | AnyOf():
            for part in node.parts:
                yield from leaves(part)


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


def _keys(node: Node, costs: Mapping[int, float]) -> tuple[frozenset[int], float] | None:
    """Return predicates of which one must be true for the node to be, and how common they may be."""
    match node:
        case Leaf():
            return frozenset({node.predicate}), costs[node.predicate]
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
    """Return how common a predicate may be; what many rules of a route test is taken to be commoner still."""
    test = predicate.test
    length = len(test.value) or max((len(part) for segment in test.segments for part in segment if part), default=1)
    return _COSTS.get(test.op, _COST_ELSE) * (1 + _SHORT / max(1, length))
