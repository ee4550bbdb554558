"""The text of a search → its plan, or a QueryError at the character."""

from __future__ import annotations

from typing import Final

from lark import Token, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from miharu.core.errors import QueryError
from miharu.search.building import Builder
from miharu.search.grammar import parser
from miharu.search.plan import Plan

_HINTS: Final = (
    ({"_WHERE", "_STATS"}, "after | write where, eval, stats, sort, keep, drop or limit"),
    ({"VALUE"}, "write a value; quote it if it holds blanks, brackets or |"),
    ({"_OR", "OPERATOR"}, "write field : value"),
    ({"COLUMN"}, "name a column"),
    ({"RPAR"}, "close the bracket"),
    ({"NUMBER", "NAME"}, 'write a column, a number, a "text" or a function'),
)
_COLON: Final = "put text that holds : < > = in double quotes"


def read_search(text: str) -> Plan:
    """Return the plan of `text`. Raises QueryError with the position of the first character that does not fit."""
    try:
        tree = parser().parse(text)
    except UnexpectedEOF as error:
        raise QueryError("The query ends too early.", len(text), "complete it") from error
    except UnexpectedInput as error:
        raise _misfit(error, text) from error
    try:
        plan: Plan = Builder(text).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise
    return plan


def _misfit(error: UnexpectedInput, text: str) -> QueryError:
    position = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    expected: set[str] = set()
    if isinstance(error, UnexpectedToken):
        expected = set(error.accepts or error.expected)
        if isinstance(error.token, Token) and error.token.type == "$END":
            return QueryError("The query ends too early.", len(text), _hint(expected, "") or "complete it")
    elif isinstance(error, UnexpectedCharacters):
        expected = set(error.allowed or ())
    near = text[position : position + 20].split(None, 1)
    shown = near[0] if near else ""
    if text[position : position + 1] == '"':
        return QueryError("The text that begins here has no closing quote.", position, 'end it with "')
    return QueryError(
        f"The query cannot be read at {shown!r}.", position, _hint(expected, text[position : position + 1])
    )


def _hint(expected: set[str], sign: str) -> str:
    if sign in (":", "=", "<", ">") and "OPERATOR" not in expected:
        return _COLON
    return next((hint for kinds, hint in _HINTS if kinds & expected), "")
