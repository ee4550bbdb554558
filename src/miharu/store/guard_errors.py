"""The engine's error text → a QueryError in plain words, with the position in the user's own text."""

from __future__ import annotations

import re
from typing import Final

from miharu.core.errors import QueryError

_SHELL: Final = re.compile(
    r"^(?:Code: \d+\. )?(?:DB::Exception: )*(?P<text>.*?)(?:\. )?\((?P<code>[A-Z_0-9]+)\)\s*$", re.DOTALL
)
_INNER: Final = re.compile(r"Code: \d+\. DB::Exception: |\(version [\d.]+[^)]*\)\.? ?|Received from [^ ]+ ")
_POSITION: Final = re.compile(r"failed at position (?P<at>\d+)\b")
_MAYBE: Final = re.compile(r"[Mm]aybe you meant: \[(?P<names>[^\]]*)\]")
_UNKNOWN: Final = re.compile(r"(?:[Ii]dentifier|function with name|[Ff]unction) [`'](?P<name>[^`']+)[`']")
_SCOPE: Final = re.compile(r"(?: ?[.:])? In (?:scope|query) .*", re.DOTALL)

_LIMITS: Final = {
    "TOO_MANY_ROWS_OR_BYTES": ("The result is too large.", "add LIMIT, or count instead of listing"),
    "TOO_MANY_ROWS": ("The result is too large.", "add LIMIT, or count instead of listing"),
    "TOO_MANY_BYTES": ("The result is too large.", "add LIMIT, or read fewer columns"),
    "TIMEOUT_EXCEEDED": ("The query took longer than allowed.", "narrow the time range, or raise query_seconds"),
    "TOO_SLOW": ("The query took longer than allowed.", "narrow the time range, or raise query_seconds"),
    "MEMORY_LIMIT_EXCEEDED": ("The query needs more memory than allowed.", "narrow it, or raise store_memory_bytes"),
    "READONLY": ("Queries cannot change anything.", "write a SELECT"),
    "TOO_DEEP_AST": ("The query is nested too deeply.", "flatten its brackets"),
    "TOO_BIG_AST": ("The query has too many parts.", "shorten its lists"),
    "TOO_DEEP_RECURSION": ("The query is nested too deeply.", "flatten its brackets"),
    "TOO_DEEP_SUBQUERIES": ("The query is nested too deeply.", "flatten its subqueries"),
}
_FORMS: Final = {
    "FORMAT": "choose the format of the output with --format",
    "OUTFILE": "redirect the output of the command instead",
}
_PLAIN: Final = (
    (re.compile(r"Unknown table expression identifier"), "There is no table"),
    (re.compile(r"Unknown expression(?: or function)? identifier"), "There is no column"),
)
_LONGEST: Final = 300


def engine_error(message: str, sql: str, offset: int = 0) -> QueryError:
    """Return the error for `message`; `offset` is how many bytes stood before the user's text when it was parsed."""
    match = _SHELL.match(message.strip())
    text, code = (match["text"], match["code"]) if match else (message.strip(), "")
    if code in _LIMITS:
        return QueryError(_LIMITS[code][0], None, _LIMITS[code][1])
    text = _INNER.sub("", text)
    place = _POSITION.search(text)
    if place is not None:
        return _syntax_error(int(place["at"]), sql, offset)
    maybe, unknown = _MAYBE.search(text), _UNKNOWN.search(text)
    position = sql.find(unknown["name"]) if unknown else -1
    hint = f"did you mean {maybe['names']}?" if maybe and maybe["names"] else ""
    short = _SCOPE.sub("", _MAYBE.sub("", text)).strip().rstrip(".,:")
    for pattern, plain in _PLAIN:
        short = pattern.sub(plain, short)
    return QueryError(f"{_shorten(short)}.", position if position >= 0 else None, hint)


def _syntax_error(at: int, sql: str, offset: int) -> QueryError:
    # The engine counts bytes from 1; the user counts characters from 0.
    byte = max(at - 1 - offset, 0)
    position = min(len(sql.encode()[:byte].decode("utf-8", "ignore")), len(sql))
    if position >= len(sql.rstrip()):
        return QueryError("The query ends too early.", len(sql), "complete it")
    near = sql[position:].split(None, 1)[0][:40]
    before = sql[:position].rstrip().rsplit(None, 1)
    word = next((form for form in (near.upper(), before[-1].upper() if before else "") if form in _FORMS), "")
    return QueryError(f"The query cannot be read at {near!r}.", position, _FORMS.get(word, ""))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
