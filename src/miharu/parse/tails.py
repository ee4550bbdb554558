"""Texts and regular expressions → which texts they match, and their groups.

A last group that takes all that is left is found several times sooner than by its expression.

A regular expression engine steps through every character of a group, also of one that only copies the rest of a line
(`(?P<text>.*)$`). So the expression is matched without that group, and the rest is what stands behind the match. Which
match an engine prefers does not depend on a tail that takes anything, so the groups are the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

_TAIL: Final = re.compile(r"\(\?P<(?P<name>[A-Za-z_][0-9A-Za-z_.]*)>\.(?P<many>[*+])\)\$$")
_BEGIN: Final = re.compile(r"^(?P<dots>\(\?s\))?\^")
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z]*x")
_HEAD: Final = "_head_"
_TEXT: Final = "text"
_AS_WRITTEN: Final = pl.QueryOptFlags.none()


@dataclass(frozen=True, slots=True)
class Tailed:
    """An expression in two: `head` with its groups in one of the name _HEAD, and the last group's `name`.

    `lines`: whether the tail goes on over the end of a line; `some`: whether it must hold a character.
    """

    head: str
    name: str
    lines: bool
    some: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """The expression to run; with `tail` its last group is what stands behind the match."""

    expression: pl.Expr
    tail: Tailed | None


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


@dataclass(frozen=True, slots=True)
class Matches:
    """The groups of an expression in each text, and which texts it matches (None: all)."""

    hits: pl.Series | None
    groups: list[pl.Series]


def search(asked: Sequence[tuple[pl.Series, str]]) -> list[Matches]:
    """Return the matches of each pattern in the texts beside it; no text that is null matches."""
    plans = [_plan(pattern, lines=_has_lines(text, pattern)) for text, pattern in asked]
    frames = [
        text.alias(_TEXT).to_frame().lazy().select(plan.expression)
        for (text, _), plan in zip(asked, plans, strict=True)
    ]
    made = pl.collect_all(frames, optimizations=_AS_WRITTEN) if len(frames) > 1 else [one.collect() for one in frames]
    return [
        _matches(text, pattern, plan, frame.to_series())
        for (text, pattern), plan, frame in zip(asked, plans, made, strict=True)
    ]


def _has_lines(text: pl.Series, pattern: str) -> bool:
    parts = tailed(pattern)
    return parts is not None and not parts.lines and text.str.contains("\n", literal=True).any()


@cache
def _plan(pattern: str, *, lines: bool) -> _Plan:
    """Return how to search for a pattern; a group that takes the rest of a line alone does not do where there are more.

    An empty group in front tells what matches by the same search that gives the groups.
    """
    text = pl.col(_TEXT).str
    if "(?P<" not in pattern:
        return _Plan(text.contains(pattern), None)
    parts = tailed(pattern)
    if parts is not None and not lines:
        return _Plan(text.extract_groups(parts.head), parts)
    mark = f"(?P<{_HEAD}>)"
    if _is_one_branch(pattern):
        return _Plan(text.extract_groups(mark + pattern), None)
    end = "\n)" if _VERBOSE.search(pattern) else ")"
    return _Plan(text.extract_groups(f"{mark}(?:{pattern}{end}"), None)


def _matches(text: pl.Series, pattern: str, plan: _Plan, found: pl.Series) -> Matches:
    if found.dtype == pl.Boolean:
        return Matches(None if not found.null_count() and found.all() else found.fill_null(value=False), [])
    groups = {series.name: series for series in found.struct.unnest().get_columns()}
    head = groups.pop(_HEAD)
    hits = head.is_not_null() if head.null_count() else None
    if plan.tail is None:
        return Matches(hits, list(groups.values()))
    rest = _behind(text, head)
    if plan.tail.some and (rest == "").any():
        whole = _plan(pattern, lines=True)
        return _matches(text, pattern, whole, text.alias(_TEXT).to_frame().select(whole.expression).to_series())
    return Matches(hits, [*groups.values(), rest.alias(plan.tail.name)])


def _behind(text: pl.Series, head: pl.Series) -> pl.Series:
    frame = pl.DataFrame([text.alias("text"), head.alias("head")])
    return frame.select(pl.col("text").str.strip_prefix(pl.col("head"))).to_series()


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
