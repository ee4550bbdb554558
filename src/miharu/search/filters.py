"""A filter's condition and what its names mean → a SQL condition that is true or false, never null."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from miharu.core.errors import QueryError
from miharu.search.literals import like_literal, number_literal, text_literal, time_literal
from miharu.search.plan import Both, Condition, Either, Inverse, Test, Value, Wild, Words
from miharu.search.scope import Column, Scope
from miharu.search.times import parse_span

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NUMBER: Final = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TOKEN: Final = re.compile(r"[0-9A-Za-z]+")
_MAX_TOKENS: Final = 32
_ELEMENT: Final = "`#x`"
_V4: Final = 4


@dataclass(frozen=True, slots=True)
class Filters:
    """Writes conditions over one scope; `now` is what relative times count from."""

    scope: Scope
    now: datetime

    def sql(self, condition: Condition) -> str:
        """Return the condition in SQL. Raises QueryError."""
        if isinstance(condition, Both):
            return f"({' AND '.join(self.sql(part) for part in condition.parts)})"
        if isinstance(condition, Either):
            return f"({' OR '.join(self.sql(part) for part in condition.parts)})"
        if isinstance(condition, Inverse):
            return f"(NOT {self.sql(condition.part)})"
        if isinstance(condition, Words):
            return self._words(condition.value)
        return self._test(condition)

    def _words(self, value: Value) -> str:
        if not self.scope.raw:
            text = f"The raw text is gone here, so {value.text!r} cannot be searched"
            raise QueryError(text, value.position, "write field : value")
        if not value.quoted and value.anything:
            return "1"
        return f"({' OR '.join(words_sql(column, value) for column in self.scope.raw)})"

    def _test(self, test: Test) -> str:
        if test.operator == "!=":
            return f"(NOT {self._test(replace(test, operator=':'))})"
        if "*" not in test.field.text or test.field.exact:
            return self._compare(self.scope.find(test.field), test)
        found = self.scope.match(test.field).values()
        fitting = [column for column in found if column.kind == "text" or test.value.anything]
        return f"({' OR '.join(self._compare(column, test) for column in fitting) or '0'})"

    def _compare(self, column: Column, test: Test) -> str:
        if test.operator == ":" and test.value.anything and not test.value.quoted:
            return _exists(column)
        if column.words and test.operator == ":":
            return words_sql(column, test.value)
        if not column.listed and not column.elements:
            return _never_null(self._value(column.sql, column, test), column.nullable)
        inner = _never_null(self._value(_ELEMENT, column, test), nullable=True)
        found = f"arrayExists({_ELEMENT} -> {inner}, {column.elements or column.sql})"
        return f"({column.needed} AND {found})" if column.needed else found

    def _value(self, sql: str, column: Column, test: Test) -> str:
        value, operator = test.value, test.operator
        if value.wild and operator != ":":
            raise QueryError("Wildcards do not go with < and >", value.position, "compare with : or write a value")
        if column.kind == "time":
            return self._time(sql, operator, value)
        if value.wild:
            return _like(sql if column.kind == "text" else f"toString({sql})", value)
        if column.kind == "number":
            return f"{sql} {_sign(operator)} {_number(test)}"
        if column.kind == "bool":
            return f"{sql} {_sign(operator)} {_bool(test)}"
        return _text(sql, operator, value)

    def _time(self, sql: str, operator: str, value: Value) -> str:
        try:
            begin, end = parse_span(value.text, self.now)
        except QueryError as error:
            raise QueryError(str(error), value.position, error.hint) from error
        first, after = f"{sql} >= {time_literal(begin)}", f"{sql} >= {time_literal(end)}"
        if operator == ":":
            return f"({first} AND {sql} < {time_literal(end)})"
        return {
            ">=": first,
            ">": after,
            "<": f"{sql} < {time_literal(begin)}",
            "<=": f"{sql} < {time_literal(end)}",
        }[operator]


def words_sql(column: Column, value: Value) -> str:
    """Return the condition that a text holds the words of `value` in this order, without regard to capitals.

    Whole words of a-z and 0-9 are found by the text index; wildcards, other letters and mere signs are looked for
    anywhere in the text, without it.
    """
    text = value.text
    tokens = _TOKEN.findall(text)
    if value.wild:
        inner = value.pieces[value.pieces[0] is Wild.MANY :]
        inner = inner[: len(inner) - (inner[-1:] == (Wild.MANY,))]
        found = _like(column.sql, replace(value, pieces=(Wild.MANY, *inner, Wild.MANY)))
    elif text.isascii() and 0 < len(tokens) <= _MAX_TOKENS:
        found = _phrase(column.sql, text_literal(text.lower()))
    elif text.isascii():
        found = f"positionCaseInsensitive({column.sql}, {text_literal(text)}) > 0"
    else:
        found = f"positionCaseInsensitiveUTF8({column.sql}, {text_literal(text)}) > 0"
    return _never_null(found, column.nullable)


def _phrase(sql: str, phrase: str) -> str:
    # The index folds capitals, but the function does so only where the engine uses the index for it. The hint lets
    # the index choose what is read; the condition on the folded text holds anywhere.
    return f"(indexHint(hasPhrase({sql}, {phrase})) AND hasPhrase(lower({sql}), {phrase}))"


def network(text: str) -> _Network | None:
    """Return the network `text` writes as address/bits, if it does."""
    try:
        return ipaddress.ip_network(text, strict=False) if "/" in text else None
    except ValueError:
        return None


def network_sql(sql: str, inside: _Network) -> str:
    """Return the condition that the text is an address inside; null or false for texts that are no address."""
    first, last = inside.network_address, inside.broadcast_address
    if inside.version == _V4:
        return f"IPv4StringToNumOrNull({sql}) BETWEEN {int(first)} AND {int(last)}"
    bounds = f"toIPv6({text_literal(str(first))}) AND toIPv6({text_literal(str(last))})"
    return f"(isIPv6String({sql}) AND toIPv6OrDefault({sql}) BETWEEN {bounds})"


def _exists(column: Column) -> str:
    if column.elements:
        found = f"arrayExists({_ELEMENT} -> isNotNull({_ELEMENT}), {column.elements})"
        return f"({column.needed} AND {found})" if column.needed else found
    if column.listed:
        return f"notEmpty({column.sql})"
    if column.nullable:
        return f"isNotNull({column.sql})"
    return f"notEmpty({column.sql})" if column.kind == "text" else "1"


def _text(sql: str, operator: str, value: Value) -> str:
    text = value.text
    if operator != ":":
        if not value.quoted and _NUMBER.fullmatch(text):
            return f"toFloat64OrNull({sql}) {operator} {_float(text, value)}"
        return f"{_folded(sql, text)} {operator} {_folded(text_literal(text), text)}"
    same = f"{_folded(sql, text)} = {_folded(text_literal(text), text)}"
    inside = network(text)
    if inside is not None:
        return f"({same} OR ifNull({network_sql(sql, inside)}, 0))"
    canonical = _address(text)
    return f"({same} OR {sql} = {text_literal(canonical)})" if canonical not in ("", text.lower()) else same


def _like(sql: str, value: Value) -> str:
    return f"{_folded(sql, value.text)} LIKE {_folded(like_literal(value.pieces), value.text)}"


def _folded(sql: str, text: str) -> str:
    """Fold capitals; letters beyond a-z cost more and are folded only where the value has some."""
    return f"lower({sql})" if text.isascii() else f"lowerUTF8({sql})"


def _number(test: Test) -> str:
    text = test.value.text
    if not _NUMBER.fullmatch(text):
        raise QueryError(f"{test.field.text} holds numbers, not {text!r}", test.value.position, "write a number")
    return number_literal(int(text)) if re.fullmatch(r"[+-]?\d+", text) else _float(text, test.value)


def _float(text: str, value: Value) -> str:
    number = float(text)
    if math.isinf(number):
        raise QueryError("This number is too large", value.position, "write a smaller number")
    return number_literal(number)


def _bool(test: Test) -> str:
    text = test.value.text.lower()
    if text not in ("true", "false"):
        raise QueryError(f"{test.field.text} is true or false", test.value.position, "write true or false")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _sign(operator: str) -> str:
    return "=" if operator == ":" else operator


def _never_null(sql: str, nullable: bool) -> str:  # noqa: FBT001 - said by its name at each call
    return f"ifNull({sql}, 0)" if nullable else f"({sql})"
