"""Python values → texts the engine binds to `{name:Type}` in SQL.

The engine reads a bound text as a field of its TSV format: backslash escapes are undone, quotes only inside arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})
_QUOTED = str.maketrans({"'": "\\'"})


def parameter(value: Any) -> str:
    """Return the bound form of text, number, bool, instant, None (for Nullable types) or a list of these."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, Iterable):
        return "[" + ",".join(_element(item) for item in value) + "]"
    return _plain(value)


def literal(value: str) -> str:
    """Return text as an SQL string literal."""
    return "'" + value.translate(_ESCAPES).translate(_QUOTED) + "'"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, datetime):
        return literal(_plain(value))
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            message = "an instant needs a time zone"
            raise ValueError(message)
        # strftime leaves off zeroes before years under 1000.
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, int | float):
        return str(value)
    message = f"{type(value).__name__} cannot be bound to SQL"
    raise TypeError(message)
