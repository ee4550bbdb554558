"""A condition and which of its tests hold → the fewest tests that would have to turn for it to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Final, TypeAlias

from miharu.detect.indexing import compiled
from miharu.detect.model import AllOf, AnyOf, Leaf, Named, Node, Not

Flips: TypeAlias = frozenset[int]
"""Numbers of the predicates that turn."""

_KEPT: Final = 64
"""Ways that are looked at; those with the fewest turns are kept."""


class Turning:
    """Finds the ways in which one condition could come to hold."""

    def __init__(self, condition: Node) -> None:
        self._condition = condition
        self._holds: Callable[[set[int]], bool] = compiled(condition)

    def holds(self, truth: Mapping[int, bool]) -> bool:
        """Return whether the condition holds where these predicates do."""
        return self._holds({number for number, holds in truth.items() if holds})

    def ways(self, truth: Mapping[int, bool]) -> list[Flips]:
        """Return sets of predicates that make the condition hold when all of them turn, the smallest first."""
        found = _ways(self._condition, truth, wanted=True)
        return [flips for flips in found if self.holds({**truth, **{number: not truth[number] for number in flips}})]


def _ways(node: Node, truth: Mapping[int, bool], *, wanted: bool) -> list[Flips]:
    match node:
        case Leaf():
            return [frozenset()] if truth[node.predicate] is wanted else [frozenset({node.predicate})]
        case Named():
            return _ways(node.part, truth, wanted=wanted)
        case Not():
            return _ways(node.part, truth, wanted=not wanted)
        case AllOf() | AnyOf():
            parts = [_ways(part, truth, wanted=wanted) for part in node.parts]
            if isinstance(node, AllOf) is wanted:
                return _together(parts)
            return _smallest(flips for ways in parts for flips in ways)


def _together(parts: Iterable[list[Flips]]) -> list[Flips]:
    found: list[Flips] = [frozenset()]
    for ways in parts:
        if ways[:1] == [frozenset()] and len(ways) == 1:
            continue
        found = _smallest(one | other for one, other in product(found, ways))
    return found


def _smallest(ways: Iterable[Flips]) -> list[Flips]:
    distinct = sorted(dict.fromkeys(ways), key=len)
    return distinct[:_KEPT]
