"""A regular expression → which characters a text must begin with to match, place by place.

Only what is certain is told: an expression that is not anchored, or that changes how text is compared, tells nothing.
So a column none of whose values can begin so need not be searched.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, TypeAlias

from miharu.parse.expressions import Parts, inside, syntax, taken_apart

Place: TypeAlias = frozenset[str] | None
"""The characters that may stand at a place; None where any may."""

Leading: TypeAlias = tuple[Place, ...]

PLACES: Final = 24
"""So many places are looked at."""

_STEPS: Final = 4_000
"""What takes more steps to follow (alternatives of alternatives) is not followed to its end."""
_WIDEST: Final = 200
_BEGINNINGS: Final = frozenset({syntax.AT_BEGINNING, syntax.AT_BEGINNING_STRING})
_REPEATS: Final = frozenset({syntax.MAX_REPEAT, syntax.MIN_REPEAT})


@cache
def leading(pattern: str) -> Leading:
    """Return what a text begins with that `pattern` finds something in; empty where that is not certain."""
    parts = taken_apart(pattern)
    if parts is None or not _is_anchored(parts):
        return ()
    return tuple(_Walk().begin(parts, PLACES))


def _is_anchored(parts: Parts) -> bool:
    if not parts:
        return False
    op, argument = parts[0]
    if op is syntax.AT:
        return argument in _BEGINNINGS
    if op is syntax.BRANCH:
        return all(_is_anchored(list(branch)) for branch in argument[1])
    return op is syntax.SUBPATTERN and _is_anchored(inside(argument) or ())


class _Walk:
    """Follows all ways through one expression."""

    def __init__(self) -> None:
        self._steps = 0

    def begin(self, parts: Parts, room: int) -> list[Place]:
        """Return the first places of what the parts match, at most `room`."""
        self._steps += 1
        if not parts or not room or self._steps > _STEPS:
            return []
        (op, argument), rest = parts[0], parts[1:]
        if op is syntax.AT:
            return [] if argument in {syntax.AT_END, syntax.AT_END_STRING} else self.begin(rest, room)
        if op in {syntax.LITERAL, syntax.NOT_LITERAL, syntax.ANY, syntax.IN}:
            return [_characters(op, argument), *self.begin(rest, room - 1)]
        return self._of_several(op, argument, rest, room)

    def _of_several(self, op: Any, argument: Any, rest: Parts, room: int) -> list[Place]:
        if op is syntax.SUBPATTERN:
            inner = inside(argument)
            return [] if inner is None else self.begin([*inner, *rest], room)
        if op is syntax.BRANCH:
            return _union(self.begin([*branch, *rest], room) for branch in argument[1])
        if op not in _REPEATS:
            return []
        least, most, repeated = argument
        if least:
            return self.begin([*repeated, (op, (least - 1, most - 1, repeated)), *rest], room)
        if not most:
            return self.begin(rest, room)
        # How far a repeat that may go on reaches is not known, so nothing is told of what follows it.
        taken = [*repeated, *rest] if most == 1 else list(repeated)
        return _union([self.begin(rest, room), self.begin(taken, room)])


def _union(ways: Iterable[list[Place]]) -> list[Place]:
    return [_either(places) for places in zip(*ways, strict=False)]


def _either(places: tuple[Place, ...]) -> Place:
    found: frozenset[str] = frozenset()
    for one in places:
        if one is None:
            return None
        found |= one
    return found


def _characters(op: Any, argument: Any) -> Place:
    if op is syntax.LITERAL:
        return frozenset(chr(argument))
    if op is not syntax.IN:
        return None
    found: set[str] = set()
    for kind, value in argument:
        if kind is syntax.LITERAL:
            found.add(chr(value))
        elif kind is syntax.RANGE and value[1] - value[0] < _WIDEST:
            found.update(map(chr, range(value[0], value[1] + 1)))
        else:
            return None
    return frozenset(found)
