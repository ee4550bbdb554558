"""A condition and which of its tests hold → the fewest tests that would have to turn for it to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Final, TypeAlias

from miharu.detect.indexing import compiled
from miharu.detect.model import AllOf, AnyOf, Leaf, Named, Node, Not

Flips: TypeAlias = frozenset[int]
"""Numbers of the predicates that turn."""

_KEPT: Final = 64
"""Ways that are looked at; those with the fewest turns are kept."""


class Turning:
    """Finds the ways in which one condition could come to hold; `true` are the predicates that do."""

    def __init__(self, condition: Node) -> None:
        self._condition = condition
        self._holds: Callable[[set[int]], bool] = compiled(condition)

    def holds(self, true: frozenset[int]) -> bool:
        """Return whether the condition holds."""
        return self._holds(set(true))

    def ways(self, true: frozenset[int]) -> list[Flips]:
        """Return sets of predicates that make the condition hold when all of them turn, the smallest first."""
        return [flips for flips in _ways(self._condition, true, wanted=True) if self.holds(true ^ flips)]


def _ways(node: Node, true: frozenset[int], *, wanted: bool) -> list[Flips]:
    match node:
        case Leaf():
            return [frozenset()] if (node.predicate in true) is wanted else [frozenset({node.predicate})]
        case Named():
            return _ways(node.part, true, wanted=wanted)
        case Not():
            return _ways(node.part, true, wanted=not wanted)
        case AllOf() | AnyOf():
            parts = [_ways(part, true, wanted=wanted) for part in node.parts]
            if isinstance(node, AllOf) is wanted:
                return _together(parts)
            return _smallest(flips for ways in parts for flips in ways)


def _together(parts: Iterable[list[Flips]]) -> list[Flips]:
    found: list[Flips] = [frozenset()]
    for ways in parts:
        if ways != [frozenset()]:
            found = _smallest(one | other for one, other in product(found, ways))
    return found


def _smallest(ways: Iterable[Flips]) -> list[Flips]:
    return sorted(dict.fromkeys(ways), key=len)[:_KEPT]
