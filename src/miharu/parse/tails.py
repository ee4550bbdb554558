"""Texts and regular expressions → which texts they match, and their groups.

A last group that takes all that is left is found several times sooner than by its expression.

A regular expression engine steps through every character of a group, also of one that only copies the rest of a line
(`(?P<text>.*)$`). So the expression is matched without that group, and the rest is what stands behind the match. Which
match an engine prefers does not depend on a tail that takes anything, so the groups are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from miharu.core.distinct import places, repeats

_GROUP: Final = re.compile(
    r"^\(\?P<(?P<name>[A-Za-z_][0-9A-Za-z_.]*)>(?P<front>.*)\.(?P<many>[*+])(?P<lazy>\??)\)$", re.DOTALL
)
_BEGIN: Final = re.compile(r"^(?P<flags>\(\?[is]+\))?\^")
_PLAIN: Final = re.compile(r"(?:\\[^0-9A-Zabz<>]|\[(?:\\.|[^\\\]])+\]|\(\?:|\)|[^\\\[\]()^$|])*")
_VERBOSE: Final = re.compile(r"\(\?[a-zA-Z]*x")
_HEAD: Final = "_head_"
_TEXT: Final = "text"
_WORTH_IT: Final = 4096
_FEW: Final = 8
_AS_WRITTEN: Final = pl.QueryOptFlags.none()


@dataclass(frozen=True, slots=True)
class Tailed:
    """An expression in two: `head` with its groups, one of the name _HEAD among them, and the last group's `name`.

    `lines`: whether the tail goes on over the end of a line; `some`: whether it must hold a character; `end`: what is
    no more of it where it stands at the end of the text.
    """

    head: str
    name: str
    lines: bool
    some: bool
    end: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The expression to run; with `tail` its last group is what stands behind the match."""

    expression: pl.Expr
    tail: Tailed | None


@cache
def tailed(pattern: str) -> Tailed | None:
    r"""Return a pattern in two, None where it does not end with a group that takes the rest.

    The group may begin with more (`(?P<text>[a-z]+=.*)$`), and what its end may be without (`(?P<text>.*?)\s*$`) can
    stand behind it: a group that takes as little as it can ends where that begins, as far to the left as it goes.
    """
    begin, parts = _BEGIN.search(pattern), _last_group(pattern)
    if begin is None or parts is None:
        return None
    inner, group, end = pattern[begin.end() : parts[0]], _GROUP.match(pattern[slice(*parts)]), pattern[parts[1] : -1]
    if group is None or not _is_one_branch(inner):
        return None
    front = group["front"]
    if front and (front.endswith("\\") or "(?P<" in front or group["many"] == "+" or not _is_one_branch(front)):
        return None
    if (group["lazy"] or end) and not (not front and group["lazy"] and _may_be_missing(end)):
        return None
    flags = begin["flags"] or ""
    head = f"{flags}^(?P<{_HEAD}>{inner}){front}"
    return Tailed(head, group["name"], "s" in flags, group["many"] == "+", f"{flags}(?:{end})$" if end else "")


def _last_group(pattern: str) -> tuple[int, int] | None:
    """Return where the last named group outside others begins and ends, None if the pattern does not end with `$`."""
    groups: list[tuple[int, int]] = []
    begin = last = 0
    for at, sign, depth in _signs(pattern):
        if sign == "(" and not depth:
            begin = at
        elif sign == ")" and depth == 1 and pattern.startswith("(?P<", begin):
            groups.append((begin, at + 1))
        last = at
    return groups[-1] if groups and pattern[last:] == "$" else None


def _may_be_missing(end: str) -> bool:
    """Tell whether the end of a pattern matches nothing too, holds no group, and asks for nothing before it."""
    return _PLAIN.fullmatch(end) is not None and _is_one_branch(end) and re.fullmatch(end, "") is not None


@dataclass(frozen=True, slots=True)
class Matches:
    """The groups of an expression in each text, and which texts it matches (None: all)."""

    hits: pl.Series | None
    groups: list[pl.Series]


def search_distinct(asked: Sequence[tuple[pl.Series, str]]) -> list[Matches]:
    """Return what `search` does; of many texts that repeat each distinct one is searched once."""
    keys = [_distinct(text) for text, _ in asked]
    found = search([(text if key is None else key, pattern) for (text, pattern), key in zip(asked, keys, strict=True)])
    return [
        one if key is None else _spread(one, key, text) for one, key, (text, _) in zip(found, keys, asked, strict=True)
    ]


def _distinct(text: pl.Series) -> pl.Series | None:
    """Return the distinct texts, None where they are many or a search of all is cheap."""
    if len(text) < _WORTH_IT or not repeats(text):
        return None
    keys = text.unique()
    return keys if len(keys) * _FEW <= len(text) else None


def _spread(found: Matches, keys: pl.Series, text: pl.Series) -> Matches:
    at = places(text, keys)
    hits = None if found.hits is None else found.hits.gather(at)
    return Matches(hits, [series.gather(at) for series in found.groups])


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
    if plan.tail.end:
        rest = rest.str.replace(plan.tail.end, "")
    if plan.tail.some and (rest == "").any():
        whole = _plan(pattern, lines=True)
        return _matches(text, pattern, whole, text.alias(_TEXT).to_frame().select(whole.expression).to_series())
    return Matches(hits, [*groups.values(), rest.alias(plan.tail.name)])


def _behind(text: pl.Series, head: pl.Series) -> pl.Series:
    frame = pl.DataFrame([text.alias("text"), head.alias("head")])
    return frame.select(pl.col("text").str.strip_prefix(pl.col("head"))).to_series()


def _is_one_branch(pattern: str) -> bool:
    """Tell whether a pattern is whole in itself and has no `|` outside its groups."""
    depth = 0
    for _, sign, before in _signs(pattern):
        if sign == "|" and not before:
            return False
        depth = before + (sign == "(") - (sign == ")")
        if sign == "[" or depth < 0:  # a class that is not closed
            return False
    return depth == 0


def _signs(pattern: str) -> Iterator[tuple[int, str, int]]:
    """Yield the signs of a pattern, how many groups are open before each, an escape or a class as one sign.

    A class that is not closed comes as `[`.
    """
    depth = at = 0
    while at < len(pattern):
        sign, begin = pattern[at], at
        if sign == "\\":
            at += 1
        elif sign == "[":
            at = _class_end(pattern, at)
            sign = "]" if at < len(pattern) else "["
        yield begin, sign, depth
        depth += (sign == "(") - (sign == ")")
        at += 1


def _class_end(pattern: str, at: int) -> int:
    """Return where the class that begins at `at` ends."""
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at
