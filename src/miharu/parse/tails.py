"""Texts and a regular expression whose last group takes all that is left → its groups, several times sooner.

A regular expression engine steps through every character of a group, also of one that only copies the rest of a line
(`(?P<text>.*)$`). So the expression is matched without that group, and the rest is what stands behind the match. Which
match an engine prefers does not depend on a tail that takes anything, so the groups are the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

_TAIL: Final = re.compile(r"\(\?P<(?P<name>[A-Za-z_][0-9A-Za-z_.]*)>\.(?P<many>[*+])\)\$$")
_BEGIN: Final = re.compile(r"^(?P<dots>\(\?s\))?\^")
_HEAD: Final = "_head_"


@dataclass(frozen=True, slots=True)
class Tailed:
    """An expression in two: `head` with its groups in one of the name _HEAD, and the last group's `name`.

    `lines`: whether the tail goes on over the end of a line; `some`: whether it must hold a character.
    """

    head: str
    name: str
    lines: bool
    some: bool


@cache
def tailed(pattern: str) -> Tailed | None:
    """Return a pattern in two, None where it does not end with a group that takes the rest."""
    begin, tail = _BEGIN.search(pattern), _TAIL.search(pattern)
    if begin is None or tail is None:
        return None
    inner = pattern[begin.end() : tail.start()]
    if not _is_one_branch(inner):
        return None
    head = f"{pattern[: begin.end()]}(?P<{_HEAD}>{inner})"
    return Tailed(head, tail["name"], begin["dots"] is not None, tail["many"] == "+")


def groups(text: pl.Series, pattern: str) -> list[pl.Series]:
    """Return the groups of a pattern that matches every one of the texts (whatever is null aside)."""
    parts = tailed(pattern)
    if parts is None or (not parts.lines and text.str.contains("\n", literal=True).any()):
        return _extracted(text, pattern)
    found = {series.name: series for series in _extracted(text, parts.head)}
    head = found.pop(_HEAD)
    rest = _behind(text, head)
    if parts.some and (rest == "").any():
        return _extracted(text, pattern)
    return [*found.values(), rest.alias(parts.name)]


def _behind(text: pl.Series, head: pl.Series) -> pl.Series:
    frame = pl.DataFrame([text.alias("text"), head.alias("head")])
    return frame.select(pl.col("text").str.strip_prefix(pl.col("head"))).to_series()


def _extracted(text: pl.Series, pattern: str) -> list[pl.Series]:
    return text.str.extract_groups(pattern).struct.unnest().get_columns()


def _is_one_branch(pattern: str) -> bool:
    """Tell whether a pattern is whole in itself and has no `|` outside its groups."""
    depth, inside, at = 0, False, 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            at += 1
        elif inside:
            inside = sign != "]" or pattern[at - 1] == "[" or pattern[at - 2 : at] == "[^"
        elif sign == "[":
            inside = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "|" and not depth:
            return False
        at += 1
    return depth == 0 and not inside
