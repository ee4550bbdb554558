r"""A regular expression → a shorter one that is found in the same texts.

Where only whether an expression matches anywhere counts, what it may take at its end need not be looked for:
`-k\s\w{1,64}(?:\s-p)?` is found where `-k\s\w` is. The pattern engine, which unrolls such repeats, is spared most of
its work, and takes some expressions that else were too large for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<open>\((?:\?:)?)
    | (?P<close>\))
    | (?P<quantifier>(?:[*+?]|\{(?P<least>\d+)(?:,\d*)?\})\??)
    | (?P<atom>\\[^0-9pPxuUNgk]|\\x[0-9a-fA-F]{2}|[^\\|()\[*+?{}^$])
    | (?P<anchor>[\^$])
    | (?P<choice>\|)""",
    re.VERBOSE | re.DOTALL,
)
_FLAGS: Final = re.compile(r"\(\?[ims]+\)")
_LEAST: Final = {"*": 0, "+": 1, "?": 0}
_ZERO_WIDTH: Final = frozenset({r"\b", r"\B", r"\A", r"\Z", r"\z", r"\G"})


def shortened(pattern: str) -> str:
    """Return an expression that is found in the same texts; the same one where nothing can be told for sure."""
    flags = _FLAGS.match(pattern)
    head = flags.group() if flags else ""
    tokens = _tokens(pattern[len(head) :])
    if tokens is None:
        return pattern
    while (shorter := _without_end(tokens)) is not None:
        tokens = shorter
    return head + "".join(token.group() for token in tokens) if tokens else pattern


def _tokens(pattern: str) -> list[re.Match[str]] | None:
    """Return the tokens of a pattern; None if it has any that are not understood, or a choice outside all groups."""
    found: list[re.Match[str]] = []
    place = depth = 0
    while place < len(pattern):
        token = _TOKEN.match(pattern, place)
        if token is None or (pattern.startswith("(?", place) and not pattern.startswith("(?:", place)):
            return None
        depth += (token["open"] is not None) - (token["close"] is not None)
        if depth < 0 or (depth == 0 and token["choice"]):
            return None
        found.append(token)
        place = token.end()
    return found if depth == 0 else None


def _without_end(tokens: Sequence[re.Match[str]]) -> list[re.Match[str]] | None:
    """Return the tokens without what the last one lets be left out; None if there is nothing of the kind."""
    if len(tokens) < 2 or tokens[-1]["quantifier"] is None:  # noqa: PLR2004 - an atom and its quantifier
        return None
    *before, quantifier = tokens
    least = int(quantifier["least"]) if quantifier["least"] else _LEAST[quantifier.group()[0]]
    begin = _begin_of_last(before)
    if begin is None:
        return None
    if least == 0:
        return list(before[:begin])
    return list(before) if least == 1 else None


def _begin_of_last(tokens: Sequence[re.Match[str]]) -> int | None:
    """Return where the last atom, class or group begins; None where the last token is none."""
    last = tokens[-1]
    if last["class"] or (last["atom"] and last.group() not in _ZERO_WIDTH):
        return len(tokens) - 1
    if not last["close"]:
        return None
    depth = 0
    for place in range(len(tokens) - 1, -1, -1):
        depth += (tokens[place]["close"] is not None) - (tokens[place]["open"] is not None)
        if depth == 0:
            return place
    return None
