"""Python values → SQL text that can only be read as that value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from miharu.search.plan import Wild

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63
_NAME: Final = re.compile(r"[^`\\\x00-\x1f\x7f]{1,300}")


def text_literal(value: str) -> str:
    r"""Return a string literal: printable text as it is, quotes, backslashes and all other bytes as `\xHH`."""
    parts = []
    for sign in value:
        if sign.isprintable() and sign not in "'\\":
            parts.append(sign)
        else:
            parts += [
                f"\\x{byte:02x}" for byte in sign.encode("utf-8", "surrogateescape" if _escaped(sign) else "replace")
            ]
    return f"'{''.join(parts)}'"


def _escaped(sign: str) -> bool:
    return "\udc80" <= sign <= "\udcff"


def number_literal(value: float) -> str:
    """Return a number; whole numbers beyond 64 bits become floating."""
    if isinstance(value, int) and -_LARGEST <= value < 2 * _LARGEST:
        return f"({value})" if value < 0 else str(value)
    return f"toFloat64({text_literal(repr(float(value)))})"


def time_literal(value: datetime) -> str:
    """Return an instant of the years 1 to 9999 as DateTime64(6); a text would be cut to the years 1900 to 2299."""
    return f"fromUnixTimestamp64Micro(toInt64({micros(value)}), 'UTC')"


def micros(value: datetime) -> int:
    """Return microseconds since 1970."""
    return (value - _EPOCH) // timedelta(microseconds=1)


def name_literal(name: str) -> str:
    """Return a column's name in backticks. Raises ValueError for names that no column can have."""
    if not _NAME.fullmatch(name):
        message = f"{name!r} cannot be the name of a column"
        raise ValueError(message)
    return f"`{name}`"


def like_literal(pieces: tuple[str | Wild, ...]) -> str:
    """Return the literal of a LIKE pattern: wildcards as `%` and `_`, everything else as itself."""
    parts = []
    for piece in pieces:
        if isinstance(piece, Wild):
            parts.append("%" if piece is Wild.MANY else "_")
        else:
            parts.append(re.sub(r"([%_\\])", r"\\\1", piece))
    return text_literal("".join(parts))
