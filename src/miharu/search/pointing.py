"""An error with a position → the same error with the line and a caret under the character."""

from __future__ import annotations

from miharu.core.errors import QueryError


def pointed(error: QueryError, text: str) -> QueryError:
    """Return `error` with its hint and the place in `text` in its message."""
    message = str(error)
    if error.hint:
        message = f"{message.rstrip('.')}: {error.hint}."
    if error.position is not None:
        message += f"\n{_place(text, error.position)}"
    return QueryError(message, error.position, error.hint)


def _place(text: str, position: int) -> str:
    position = min(max(position, 0), len(text))
    begin = text.rfind("\n", 0, position) + 1
    line = text[begin:].split("\n", 1)[0]
    blank = "".join("\t" if sign == "\t" else " " for sign in line[: position - begin])
    return f"  {line}\n  {blank}^"
