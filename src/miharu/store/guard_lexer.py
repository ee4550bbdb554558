"""A user's SQL text → the same text without comments, proven to be one bracketed piece, and its CTE names.

This runs before the engine sees the text, because already `EXPLAIN AST` would obey a second statement behind a
semicolon. Only tokens with one possible reading are let through; lengths are kept, so that positions in the
engine's errors stay true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from miharu.core.errors import QueryError

_TOKEN: Final = re.compile(
    r"""
      (?P<space>   [ \t\r\n]+ )
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<string>  '(?:[^'\\\0]|\\[^\0]|'')*' )
    | (?P<name>    `[^`\\\x00-\x1f\x7f]+` | "[^"\\\x00-\x1f\x7f]+" )
    | (?P<word>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number>  [0-9][0-9A-Za-z_]* (?:\.[0-9][0-9A-Za-z_]*)? )
    | (?P<open>    [(\[] )
    | (?P<close>   [)\]] )
    | (?P<end>     ; )
    | (?P<sign>    [-+*/%=<>!|,.:?^] )
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIRS: Final = {")": "(", "]": "["}
_STARTS: Final = ("SELECT", "WITH", "FROM")
_BODY_STARTS: Final = (*_STARTS, "VALUES")
_REFUSED_SIGNS: Final = {
    "#": "comments begin with --",
    "$": "write text in single quotes",
    "{": "parameters in braces are not available; write the value",
    "@": "write names with @ in backticks, for example `@timestamp`",
    "\\": "a backslash has a meaning inside single quotes only",
    "'": "the text that begins here has no closing quote",
    "`": "a name in backticks ends on the same line, is not empty and holds no backslash",
    '"': "double quotes hold names; they end on the same line, are not empty and hold no backslash",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the text: its kind (a group of the pattern above), its text and where it begins."""

    kind: str
    text: str
    start: int

    @property
    def word(self) -> str:
        """The text in capitals if this is an unquoted word, else nothing."""
        return self.text.upper() if self.kind == "word" else ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text without comments and the names its WITH clauses give to subqueries."""

    text: str
    names: tuple[str, ...]


def read_statement(sql: str) -> Statement:
    """Return the one statement in `sql`. Raises QueryError where the text is not a single SELECT."""
    tokens = _tokens(sql)
    tokens = _without_end(tokens)
    if not tokens:
        raise QueryError("The query is empty.", 0, "write a SELECT")
    _check_brackets(tokens)
    first = next((token for token in tokens if token.kind != "open"), tokens[0])
    if first.word not in _STARTS:
        text = f"Only SELECT is allowed, and this begins with {first.text!r}."
        raise QueryError(text, first.start, "begin with SELECT, WITH or FROM")
    return Statement(_blanked(tokens), tuple(_cte_names(tokens)))


def _blanked(tokens: list[Token]) -> str:
    text, at = [], 0
    for token in tokens:
        text += [" " * (token.start - at), token.text]
        at = token.start + len(token.text)
    return "".join(text)


def _tokens(sql: str) -> list[Token]:
    tokens, at = [], 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            raise _unreadable(sql, at)
        kind = match.lastgroup or ""
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, match.group(), at))
        at = match.end()
    return tokens


def _unreadable(sql: str, at: int) -> QueryError:
    sign = sql[at]
    hint = _REFUSED_SIGNS.get(sign, "letters beyond a-z are allowed inside quotes only")
    return QueryError(f"The character {sign!r} cannot stand here.", at, hint)


def _without_end(tokens: list[Token]) -> list[Token]:
    kept = tokens[:-1] if tokens and tokens[-1].kind == "end" else tokens
    for token in kept:
        if token.kind == "end":
            raise QueryError("Only one statement is allowed.", token.start, "remove what follows the semicolon")
    return kept


def _check_brackets(tokens: list[Token]) -> None:
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if not opened or opened[-1].text != _PAIRS[token.text]:
                raise QueryError(f"This {token.text!r} closes nothing.", token.start, "remove it or open it before")
            opened.pop()
    if opened:
        raise QueryError(f"This {opened[-1].text!r} is never closed.", opened[-1].start, "close it")


def _cte_names(tokens: list[Token]) -> list[str]:
    """Return names before `AS ( SELECT`, with a column list or MATERIALIZED between allowed."""
    names: list[str] = []
    for index, token in enumerate(tokens):
        if token.word != "AS" or index == 0 or not _opens_select(tokens, index + 1):
            continue
        name = tokens[_name_before(tokens, index)]
        if name.kind not in ("word", "name"):
            continue
        text = name.text.strip('`"')
        if text in names:
            raise QueryError(f"The name {text!r} is given to two subqueries.", name.start, "choose another name")
        names.append(text)
    return names


def _opens_select(tokens: list[Token], index: int) -> bool:
    while index < len(tokens) and tokens[index].word in ("MATERIALIZED", "NOT"):
        index += 1
    opened = index
    while index < len(tokens) and tokens[index].kind == "open":
        index += 1
    return index > opened and index < len(tokens) and tokens[index].word in _BODY_STARTS


def _name_before(tokens: list[Token], index: int) -> int:
    index -= 1
    if tokens[index].kind != "close":
        return index
    depth = 0
    while index > 0:
        depth += {"close": 1, "open": -1}.get(tokens[index].kind, 0)
        index -= 1
        if depth == 0:
            break
    return index
