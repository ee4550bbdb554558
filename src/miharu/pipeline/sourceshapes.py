"""Messages of one program → regular expressions of their forms, with what varies in named groups.

A start for an author, not a finished reader: what looks like a time, an address, a number, a quoted text or the value
of a key becomes a group; what else differs between messages of one shape too; the rest stays as it stands.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_KINDS: Final = {
    "time": (
        r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)?"
        r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
        r"|[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}"
        r"|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4},? [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]+)?(?: [AP]M)?"
        r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?: [0-9]{4})?"
    ),
    "ip": r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}",
    "quoted": r'"[^"]*"',
    "level": r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\b",
    "email": r"[^\s@<>\"'()]+@[^\s@<>\"'()]+\.[a-z]{2,}",
    "path": r"(?<![^\s=\"'(\[])/[^\s\"'()\[\]]+",
    "number": r"\b[0-9]+(?:\.[0-9]+)?\b",
    "word": r"[^\W\d_][\w.@\\-]*",
}
"""What a piece of a message may be, in the order it is looked for."""

_ONE_OF: Final = {
    "time": None,
    "ip": "[0-9A-Fa-f.:]+",
    "quoted": '[^"]*',
    "level": "[A-Z]+",
    "email": r"\S+?",
    "path": r"\S+?",
    "number": "[0-9.]+",
    "word": r"[\w.@\\-]+",
}
_TOKENS: Final = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))
_KEY: Final = re.compile(r"([A-Za-z_][\w.-]*)[=:]\s?\"?$")
_SPOKEN: Final = (
    "user",
    "host",
    "port",
    "pid",
    "status",
    "session",
    "from",
    "to",
    "for",
    "domain",
    "code",
    "rule",
    "id",
)
"""Words after which a value has that name."""
_NAMING: Final = ("user", "host", "domain")
"""Words after which a word is a value even if it never changes."""
_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of message: its regular expression, its groups in order with what they hold, and one message."""

    pattern: str
    groups: tuple[tuple[str, str], ...]
    message: str


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    before: str


def shapes(messages: Sequence[str]) -> list[Shape]:
    """Return the commonest forms of `messages`, the commonest first."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for message in messages:
        tokens = _tokens(message)[0]
        first = next((token.text for token in tokens if token.kind == "word"), "")
        alike[(first, *(token.kind for token in tokens))].append(message)
    groups = sorted(alike.values(), key=len, reverse=True)[:_MOST]
    return [_shape(group) for group in groups]


def _tokens(message: str) -> tuple[list[_Token], str]:
    """Return the pieces of a message, each with the text before it, and the text after the last."""
    tokens, end = [], 0
    for match in _TOKENS.finditer(message):
        tokens.append(_Token(match.lastgroup or "word", match[0], message[end : match.start()]))
        end = match.end()
    return tokens, message[end:]


def _shape(messages: Sequence[str]) -> Shape:
    read = [_tokens(message) for message in messages]
    first, rest = read[0]
    pieces: list[str] = []
    groups: list[tuple[str, str]] = []
    for at, token in enumerate(first):
        same = all(other[0][at].before == token.before for other in read)
        pieces.append(re.escape(token.before).replace(r"\ ", " ") if same else ".*?")
        before = "".join(piece.before + piece.text for piece in first[:at]) + token.before
        key = _KEY.search(before)
        varies = any(other[0][at].text != token.text for other in read)
        if token.kind == "word" and not varies and not key and _spoken(first, at) not in _NAMING:
            pieces.append(re.escape(token.text))
            continue
        name = _name(key[1] if key else _spoken(first, at), token.kind, [name for name, _ in groups])
        groups.append((name, token.kind))
        inner = f"(?P<{name}>{_ONE_OF[token.kind] or _time_pattern(token.text)})"
        pieces.append(f'"{inner}"' if token.kind == "quoted" else inner)
    tail = any(other[1] != rest for other in read)
    pieces.append("(?P<rest>.*)" if tail else re.escape(rest).replace(r"\ ", " "))
    return Shape(f"^{''.join(pieces)}$", tuple(groups), messages[0])


def _spoken(tokens: Sequence[_Token], at: int) -> str:
    before = tokens[at - 1] if at else None
    if before is None or before.kind != "word" or tokens[at].text.lower() in _SPOKEN:
        return ""
    said = before.text.lower()
    return said if said in _SPOKEN else ""


def _name(wanted: str, kind: str, taken: Sequence[str]) -> str:
    plain = re.sub(r"\W", "_", wanted).lower() or {"word": "text", "quoted": "text"}.get(kind, kind)
    plain = plain if plain[0].isalpha() else f"n_{plain}"
    number, name = 1, plain
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    return name


def _time_pattern(text: str) -> str:
    """Return a pattern of times written like `text`."""
    return re.sub(r"[0-9]+|[A-Za-z]+| +|[^0-9A-Za-z ]", lambda piece: _time_piece(piece[0]), text)


def _time_piece(text: str) -> str:
    if text[0] == " ":
        return " +"
    return "[0-9]+" if text[0].isdecimal() else "[A-Za-z]+" if text[0].isalpha() else re.escape(text)
