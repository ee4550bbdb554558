"""A regular expression → its parts, as Python's own parser takes it apart; None where it may be read otherwise.

Columns are searched by another engine. What the two read differently (classes within classes, flags, names of
properties) is not told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from re import _parser as syntax  # nothing else takes an expression apart
from typing import Any, Final, TypeAlias

__all__ = ["Parts", "inside", "syntax", "taken_apart"]

Parts: TypeAlias = Sequence[tuple[Any, Any]]
"""An operation of `syntax` and its argument, one after the other."""

_OTHERWISE: Final = re.compile(r"(?<!\\)\[[^\]\\]*(?:\\.[^\]\\]*)*\[|--|&&|~~|\|\|")
_CHANGING: Final = re.IGNORECASE | re.MULTILINE


@cache
def taken_apart(pattern: str) -> Parts | None:
    """Return the parts of an expression."""
    if _OTHERWISE.search(pattern):
        return None
    try:
        parsed = syntax.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return None
    return None if parsed.state.flags & _CHANGING else list(parsed)


def inside(argument: Any) -> Parts | None:
    """Return the parts of a group; None where it changes how its text is compared."""
    _, added, _, inner = argument
    return None if added & _CHANGING else list(inner)
