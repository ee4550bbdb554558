"""The text of a Sigma condition and the names of selections → a tree of selections.

    condition  = both ("or" both)*
    both       = single ("and" single)*
    single     = "not" single | "(" condition ")" | ("1" | "any" | "all") "of" ("them" | pattern) | name

A pattern has `*` for any characters, anywhere. Names that begin with `_` are left out of `them`, and of patterns
that do not begin with `_` themselves. Words compare without regard to case, names with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

_TOKEN: Final = re.compile(r"[()]|[^\s()]+")
_WORDS: Final = frozenset({"and", "or", "not"})
_QUANTIFIERS: Final[dict[str, Kind]] = {"1": "any", "any": "any", "all": "all"}
_OPENS: Final = ("(",)
_CLOSES: Final = (")",)
_DEEPEST: Final = 60
_LONGEST: Final = 20_000

Kind: TypeAlias = Literal["all", "any", "not", "name"]


@dataclass(frozen=True, slots=True)
class Part:
    """Parts joined by `all`, `any` or `not`, or the `name` of a selection."""

    kind: Kind
    parts: tuple[Part, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class ConditionFault:
    """What is wrong with a condition: what stands there, what should, and what may help."""

    text: str
    found: str
    expected: str
    hint: str
    reason: str = "condition_invalid"


class _StopError(Exception):
    def __init__(self, fault: ConditionFault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def read_condition(text: str, names: Sequence[str]) -> tuple[Part | None, list[ConditionFault]]:
    """Return the tree of a condition, or None and everything that is wrong with it."""
    if "|" in text:
        hint = "write what follows `|` as a correlation that names this rule"
        return None, [ConditionFault("aggregations do not run", text.strip(), "no `|`", hint, "aggregation")]
    reader = _Reader(text, names)
    try:
        tree = reader.whole()
    except _StopError as stop:
        return None, [*reader.faults, stop.fault]
    return (None, reader.faults) if reader.faults else (tree, [])


def joined(kind: Kind, parts: Sequence[Part]) -> Part:
    """Return parts as one; one alone stands for itself."""
    return parts[0] if len(parts) == 1 else Part(kind, tuple(parts))


class _Reader:
    """Reads one condition; names that do not exist are gathered, anything else ends the reading."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._names = names
        self._tokens = [(token.group(), token.start() + 1) for token in _TOKEN.finditer(text[:_LONGEST])]
        self._at = 0
        self._depth = 0
        self.faults: list[ConditionFault] = []
        if len(text) > _LONGEST:
            found, most = f"{len(text):,} characters", f"at most {_LONGEST:,}"
            hint = "name selections alike and use `1 of name*`"
            self.faults.append(ConditionFault("the condition is too long", found, most, hint))

    def whole(self) -> Part:
        tree = self._either()
        if self._at < len(self._tokens):
            token, place = self._tokens[self._at]
            hint = "a bracket is closed that was never opened" if token in _CLOSES else "join the parts with and, or"
            raise self._stop(token, place, "`and`, `or` or the end", hint)
        return tree

    def _either(self) -> Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _StopError(
                ConditionFault("the condition is nested too deeply", f"more than {_DEEPEST} brackets",
                               "fewer brackets", "give selections of one meaning one name")
            )  # fmt: skip
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        self._depth -= 1
        return joined("any", parts)

    def _both(self) -> Part:
        parts = [self._single()]
        while self._takes("and"):
            parts.append(self._single())
        return joined("all", parts)

    def _single(self) -> Part:
        negated = False
        while self._takes("not"):
            negated = not negated
        token, place = self._next()
        if token in _OPENS:
            part = self._either()
            if not self._takes(")"):
                token, place = self._peek()
                raise self._stop(token, place, "`)`", "a bracket is opened that is never closed")
        elif self._peek()[0].casefold() == "of":
            part = self._several(token, place)
        else:
            part = self._name(token, place)
        return Part("not", (part,)) if negated else part

    def _several(self, quantifier: str, place: int) -> Part:
        self._at += 1
        kind = _QUANTIFIERS.get(quantifier.casefold())
        if kind is None:
            raise self._stop(quantifier, place, "`1`, `any` or `all` before `of`", "Sigma counts selections no further")
        pattern, place = self._next()
        if pattern in _OPENS + _CLOSES or pattern.casefold() in _WORDS:
            raise self._stop(pattern, place, "`them` or a pattern of names", "write for example `1 of selection_*`")
        held = [Part("name", name=name) for name in self._named(pattern)]
        if not held:
            like = ", ".join(name for name in self._names if not name.startswith("_"))
            text, expected = f"no selection is named like {pattern!r}", f"a pattern of these names: {like}"
            self.faults.append(ConditionFault(text, pattern, expected, _close(pattern, self._names)))
        return joined(kind, held) if held else Part(kind)

    def _named(self, pattern: str) -> list[str]:
        wanted = "*" if pattern.casefold() == "them" else pattern
        expression = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
        hidden = pattern.startswith("_")
        return [name for name in self._names if expression.fullmatch(name) and (hidden or not name.startswith("_"))]

    def _name(self, name: str, place: int) -> Part:
        if name in _OPENS + _CLOSES or name.casefold() in _WORDS:
            raise self._stop(name, place, "a selection, `not` or `(`", "something is missing before it")
        if name not in self._names:
            hint = f"write `1 of {name}`" if "*" in name else _close(name, self._names)
            text = f"no selection is named {name!r}"
            self.faults.append(ConditionFault(text, name, f"one of these names: {', '.join(self._names)}", hint))
        return Part("name", name=name)

    def _next(self) -> tuple[str, int]:
        token = self._peek()
        if not token[0]:
            raise self._stop("", token[1], "a selection, `not` or `(`", "the condition ends too early")
        self._at += 1
        return token

    def _peek(self) -> tuple[str, int]:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return "", (self._tokens[-1][1] + len(self._tokens[-1][0]) if self._tokens else 1)

    def _takes(self, word: str) -> bool:
        if self._peek()[0].casefold() != word:
            return False
        self._at += 1
        return True

    def _stop(self, token: str, place: int, expected: str, hint: str) -> _StopError:
        found = repr(token) if token else "the end"
        return _StopError(ConditionFault(f"{found} at character {place} cannot stand there", found, expected, hint))


def _close(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name.strip("*"), names, n=1)
    return f"did you mean {near[0]!r}?" if near else "name selections that the detection has"
