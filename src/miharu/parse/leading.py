"""A regular expression → which characters a text must begin with to match, place by place.

Only what is certain is told: an expression that is not anchored, has flags, or begins with something else than plain
characters and classes tells less or nothing. So a column none of whose values can begin so need not be searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, TypeAlias

Leading: TypeAlias = tuple[frozenset[str] | None, ...]
"""For each place the characters that may stand there; None where any may."""

PLACES: Final = 24
"""So many places are looked at."""

_ASCII: Final = tuple(map(chr, range(128)))
_ATOM: Final = re.compile(
    r"(?P<class>\[(?!\^)(?:\\[^a-zA-Z]|[^\]\\\[])+\])|(?P<escaped>\\[^a-zA-Z0-9])|(?P<any>\\[dDwWsS]|\.|\[\^(?:\\.|[^\]\\\[])+\])"
    r"|(?P<plain>[^\\\[\](){}*+?|.^$])"
)
_TIMES: Final = re.compile(r"\{(?P<least>[0-9]+)(?P<more>,[0-9]*)?\}\??|(?P<one>\+)\??|(?P<none>[*?])\??")


@cache
def leading(pattern: str) -> Leading:
    """Return what a text begins with that `pattern` finds something in; empty where that is not certain."""
    ways = [_way(branch) for branch in _branches(pattern)]
    if not all(ways):
        return ()
    return tuple(
        None if any(one is None for one in places) else frozenset().union(*(one for one in places if one is not None))
        for places in zip(*ways, strict=False)
    )


def _branches(pattern: str) -> list[str]:
    """Return the alternatives of a pattern that stand in no group."""
    depth, start, found, at = 0, 0, [], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = _class_end(pattern, at)
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and not depth:
            found.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*found, pattern[start:]]


def _class_end(pattern: str, at: int) -> int:
    at += 2 if pattern[at + 1 : at + 2] in {"^", "]"} else 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at


def _way(branch: str) -> Leading:
    """Return what one anchored alternative begins with."""
    if not branch.startswith("^"):
        return ()
    return tuple(place for place, _ in zip(_places(branch[1:]), range(PLACES), strict=False))


def _places(rest: str) -> Iterator[frozenset[str] | None]:
    while atom := _ATOM.match(rest):
        rest = rest[atom.end() :]
        chars = _characters(atom)
        times = _TIMES.match(rest)
        if times is None:
            if rest.startswith("{"):
                return
            yield chars
            continue
        rest = rest[times.end() :]
        if rest[:1] in {"*", "+", "?", "{"}:  # a repeated repetition
            return
        least = 0 if times["none"] else 1 if times["one"] else int(times["least"])
        yield from [chars] * min(least, PLACES)
        if not times["least"] or times["more"]:
            return


def _characters(atom: re.Match[str]) -> frozenset[str] | None:
    if atom["any"]:
        return None
    if atom["escaped"]:
        return frozenset(atom["escaped"][1])
    if atom["plain"]:
        return frozenset(atom["plain"])
    if not atom["class"].isascii() or any(sets in atom["class"] for sets in ("&&", "--", "~~")):
        return None
    inside = re.compile(atom["class"])
    return frozenset(char for char in _ASCII if inside.fullmatch(char))
