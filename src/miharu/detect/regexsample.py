"""A regular expression → texts that match it.

Only as much of the syntax as Sigma's rules use is followed: look-around gives nothing, repetition its least number.
Every text is tried on the expression itself, so a wrong guess is no answer.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import Final

_MOST: Final = 24
_CLASSES: Final = {"d": "0", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x", "n": "\n", "t": "\t", "r": "\r"}
_NOTHING: Final = frozenset("bBAZz")
_TRIED: Final = "aA0 -_./\\:x;=,"
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{(\d*)(?:,(\d*))?\})[+?]?")
_NUMBERED: Final = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})")
_GROUP: Final = re.compile(r"\?(?:P?<(?![=!])\w+>|[aiLmsux-]*:|>)")
_FLAGS: Final = re.compile(r"\?[aiLmsux-]+\)")


def sample_texts(pattern: re.Pattern[str]) -> list[str]:
    """Return a few texts in which the expression is found; none where no guess is right."""
    reader = _Reader(pattern.pattern)
    try:
        guesses = reader.either()
    except (IndexError, ValueError, RecursionError, OverflowError):
        return []
    return [guess for guess in dict.fromkeys(guesses) if pattern.search(guess)]


class _Reader:
    """Reads an expression; every part gives the texts it may stand for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._groups: list[str] = []

    def either(self) -> list[str]:
        """Return the texts of alternatives, up to a closing bracket or the end."""
        found = self._sequence()
        while self._peek() == "|":
            self._at += 1
            found += self._sequence()
        return found[:_MOST]

    def _sequence(self) -> list[str]:
        found = [""]
        while self._peek() not in {"", "|", ")"}:
            part = self._repeated(self._part())
            found = ["".join(pair) for pair in islice(product(found, part), _MOST)]
        return found

    def _repeated(self, part: list[str]) -> list[str]:
        while (quantifier := _QUANTIFIER.match(self._text, self._at)) is not None:
            self._at = quantifier.end()
            least = int(quantifier[1] or 0) if quantifier[0][0] == "{" else int(quantifier[0][0] == "+")
            once = part[: _MOST // 2]
            part = [text * least for text in once] if least else ["", *once]
            part += [text * (least + 1) for text in once[:2]]
        return part

    def _part(self) -> list[str]:
        char = self._text[self._at]
        self._at += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return [self._escape()]
            case "^" | "$":
                return [""]
            case ".":
                return ["x"]
            case _:
                return [char]

    def _group(self) -> list[str]:
        if (flags := _FLAGS.match(self._text, self._at)) is not None:
            self._at = flags.end()
            return [""]
        start = _GROUP.match(self._text, self._at)
        around = self._peek() == "?" and start is None
        captures = start is None or "<" in start[0]
        self._at = start.end() if start else self._at + (2 if around else 0)
        if around and self._text[self._at - 1] == "<":
            self._at += 1
        found = self.either()
        if self._peek() != ")":
            raise ValueError("a group does not end")
        self._at += 1
        if around:
            return [""]
        if captures:
            self._groups.append(found[0])
        return found

    def _escape(self) -> str:
        char = self._text[self._at]
        self._at += 1
        if char.isdigit():
            return self._groups[int(char) - 1] if char != "0" else "\0"
        if (numbered := _NUMBERED.match(self._text, self._at - 1)) is not None:
            self._at = numbered.end()
            return chr(int(numbered[1] or numbered[2], 16))
        return "" if char in _NOTHING else _CLASSES.get(char, char)

    def _class(self) -> list[str]:
        start = self._at - 1
        self._at += self._peek() == "^"
        self._at += self._peek() == "]"
        while self._text[self._at] != "]":
            self._at += 2 if self._text[self._at] == "\\" else 1
        self._at += 1
        one = re.compile(self._text[start : self._at])
        chars = dict.fromkeys([*self._text[start + 1 : self._at - 1], *_TRIED])
        found = [char for char in chars if one.fullmatch(char)][:3]
        return found or [char for char in map(chr, range(256)) if one.fullmatch(char)][:1]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]
