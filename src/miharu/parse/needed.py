"""A regular expression → texts of which one must stand wherever it matches.

A column that holds none of them need not be searched. Only what is certain is told; of an expression that needs no
text of three characters or more, nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, TypeAlias

from miharu.parse.expressions import Parts, inside, syntax, taken_apart

_SHORTEST: Final = 3
_MOST: Final = 24
"""An expression that may do with any of more texts than this tells nothing worth looking for."""

Texts: TypeAlias = frozenset[str]


@cache
def needed(pattern: str) -> Texts:
    """Return texts of which at least one stands in every text that `pattern` finds something in; empty: unknown."""
    parts = taken_apart(pattern)
    return _of_sequence(parts) if parts is not None else frozenset()


def _of_sequence(parts: Parts) -> Texts:
    """Return the best of what the parts of a sequence need."""
    found: list[Texts] = []
    run = ""
    for op, argument in parts:
        if op is syntax.LITERAL:
            run += chr(argument)
            continue
        found += [frozenset({run}), _of_part(op, argument)]
        run = ""
    found.append(frozenset({run}))
    told = [texts for texts in found if texts and len(texts) <= _MOST and min(map(len, texts)) >= _SHORTEST]
    return max(told, key=lambda texts: (min(map(len, texts)), -len(texts)), default=frozenset())


def _of_part(op: Any, argument: Any) -> Texts:
    if op is syntax.SUBPATTERN:
        inner = inside(argument)
        return _of_sequence(inner) if inner is not None else frozenset()
    if op in {syntax.MAX_REPEAT, syntax.MIN_REPEAT}:
        least, _, repeated = argument
        return _of_sequence(list(repeated)) if least else frozenset()
    if op is syntax.BRANCH:
        branches = [_of_sequence(list(branch)) for branch in argument[1]]
        return frozenset().union(*branches) if all(branches) else frozenset()
    return frozenset()
