"""Expressions of `eval`, `sort` and `stats … by` → SQL with its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from miharu.core.errors import QueryError
from miharu.search.filters import network, network_sql
from miharu.search.literals import number_literal, text_literal
from miharu.search.plan import Call, Constant, Duration, Expression, Ref
from miharu.search.scope import Column, Kind, Scope

_WEEK: Final = 7 * 86_400 * 1_000_000
_MONDAY: Final = 4 * 86_400 * 1_000_000
_ANY: Final = "any"
_Maker: TypeAlias = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: kinds of its arguments, the last `optional` may be left out."""

    arguments: tuple[str, ...]
    result: Kind
    make: _Maker
    optional: int = 0
    nullable: bool = False


FUNCTIONS: Final[dict[str, Function]] = {
    "lower": Function(("text",), "text", "lowerUTF8({})".format),
    "upper": Function(("text",), "text", "upperUTF8({})".format),
    "trim": Function(("text",), "text", "trimBoth({})".format),
    "length": Function(("text",), "number", "lengthUTF8({})".format),
    "substring": Function(("text", "number", "number"), "text", lambda *a: f"substringUTF8({', '.join(a)})", 1),
    "replace": Function(("text", "text", "text"), "text", "replaceAll({}, {}, {})".format),
    "starts_with": Function(("text", "text"), "bool", "startsWith({}, {})".format),
    "ends_with": Function(("text", "text"), "bool", "endsWith({}, {})".format),
    "contains": Function(("text", "text"), "bool", "(position({}, {}) > 0)".format),
    "round": Function(("number", "number"), "number", lambda *a: f"round({', '.join(a)})", 1),
    "floor": Function(("number",), "number", "floor({})".format),
    "ceil": Function(("number",), "number", "ceil({})".format),
    "abs": Function(("number",), "number", "abs({})".format),
    "hour": Function(
        ("time",), "number", "intDiv(positiveModulo(toUnixTimestamp64Micro({}), 86400000000), 3600000000)".format
    ),
    "to_string": Function((_ANY,), "text", "toString({})".format),
    "to_number": Function((_ANY,), "number", "toFloat64OrNull(toString({}))".format, nullable=True),
    "is_null": Function((_ANY,), "bool", "isNull({})".format),
    "is_not_null": Function((_ANY,), "bool", "isNotNull({})".format),
    "not": Function(("bool",), "bool", "(NOT {})".format),
    "and": Function(("bool", "bool"), "bool", "({} AND {})".format),
    "or": Function(("bool", "bool"), "bool", "({} OR {})".format),
    "+": Function(("number", "number"), "number", "({} + {})".format),
    "-": Function(("number", "number"), "number", "({} - {})".format),
    "*": Function(("number", "number"), "number", "({} * {})".format),
    "/": Function(("number", "number"), "number", "divideOrNull({}, {})".format, nullable=True),
    "%": Function(("number", "number"), "number", "moduloOrNull({}, {})".format, nullable=True),
    "negative": Function(("number",), "number", "(-{})".format),
}
"""The plain functions; those whose result follows from their arguments are the methods of `Expressions`."""

_COMPARISONS: Final = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
SPECIAL: Final = ("bucket", "date_trunc", "if", "coalesce", "concat", "cidr_match")


@dataclass(frozen=True, slots=True)
class Expressions:
    """Writes expressions over one scope."""

    scope: Scope

    def column(self, expression: Expression) -> Column:
        """Return the expression as a column. Raises QueryError."""
        if isinstance(expression, Ref):
            found = self.scope.find(expression.name)
            return replace(found, words=False, elements="", needed="")
        if isinstance(expression, Constant):
            if isinstance(expression.value, str):
                return Column(text_literal(expression.value), "text", nullable=False)
            return Column(number_literal(expression.value), "number", nullable=False)
        if isinstance(expression, Duration):
            raise QueryError("A length of time cannot stand here", expression.position, "use it in bucket()")
        return self._call(expression)

    def _call(self, call: Call) -> Column:
        if call.function in ("bucket", "date_trunc"):
            return self._bucket(call)
        if call.function in ("+", "-") and len(call.arguments) == len("ab") and self._is_time(call.arguments[0]):
            return self._shift(call)
        arguments = [self._single(argument) for argument in call.arguments]
        if call.function in _COMPARISONS:
            return _comparison(call, arguments)
        if call.function == "if":
            return _choice(call, arguments)
        if call.function in ("coalesce", "concat"):
            return _gathered(call, arguments)
        if call.function == "cidr_match":
            return _cidr(call, arguments)
        return _plain(call, arguments)

    def _single(self, expression: Expression) -> Column:
        column = self.column(expression)
        if not column.listed:
            return column
        position = expression.name.position if isinstance(expression, Ref) else None
        raise QueryError("A field with several values cannot stand in an expression", position, "group by it instead")

    def _is_time(self, expression: Expression) -> bool:
        return not isinstance(expression, Duration) and self.column(expression).kind == "time"

    def _bucket(self, call: Call) -> Column:
        wanted = f"{call.function}(@timestamp, 1h)"
        if len(call.arguments) != len("ab"):
            raise QueryError(f"{call.function} takes a time and a length", call.position, f"write {wanted}")
        first, second = call.arguments
        if call.function == "date_trunc" and isinstance(first, Duration):
            first, second = second, first
        if not isinstance(second, Duration):
            raise QueryError(f"{call.function} takes a time and a length", call.position, f"write {wanted}")
        time = self._single(first)
        if time.kind != "time":
            raise QueryError(f"{call.function} takes a time", call.position, f"write {wanted}")
        # The engine's own rounding holds for the years 1970 to 2106 only. Weeks begin on Monday.
        start = _MONDAY if second.micros % _WEEK == 0 else 0
        micros = f"toUnixTimestamp64Micro({time.sql})"
        rest = f"positiveModulo({micros} - {start}, {second.micros})"
        return replace(time, sql=f"fromUnixTimestamp64Micro({micros} - {rest}, 'UTC')")

    def _shift(self, call: Call) -> Column:
        left, right = self._single(call.arguments[0]), call.arguments[1]
        micros = f"toUnixTimestamp64Micro({left.sql})"
        if isinstance(right, Duration):
            return replace(left, sql=f"fromUnixTimestamp64Micro({micros} {call.function} {right.micros}, 'UTC')")
        other = self._single(right)
        if other.kind != "time" or call.function != "-":
            raise QueryError("To a time only a length can be added", call.position, "write @timestamp - 1h")
        seconds = f"(({micros} - toUnixTimestamp64Micro({other.sql})) / 1000000)"
        return Column(seconds, "number", nullable=left.nullable or other.nullable)


def _plain(call: Call, arguments: list[Column]) -> Column:
    function = FUNCTIONS.get(call.function)
    if function is None:
        names = ", ".join(sorted(name for name in (*FUNCTIONS, *SPECIAL) if name[0].isalpha()))
        raise QueryError(f"There is no function {call.function!r}", call.position, f"there are {names}")
    if not len(function.arguments) - function.optional <= len(arguments) <= len(function.arguments):
        wanted = ", ".join(function.arguments)
        raise QueryError(f"{call.function} takes other arguments", call.position, f"write {call.function}({wanted})")
    for argument, wanted in zip(arguments, function.arguments, strict=False):
        if wanted not in (_ANY, argument.kind):
            hint = "use to_number() or to_string()"
            raise QueryError(f"{call.function} takes a {wanted}, not a {argument.kind}", call.position, hint)
    nullable = function.nullable or any(argument.nullable for argument in arguments)
    return Column(function.make(*(argument.sql for argument in arguments)), function.result, nullable=nullable)


def _comparison(call: Call, arguments: list[Column]) -> Column:
    left, right = arguments
    _same_kind(call, arguments)
    sql = f"({left.sql} {_COMPARISONS[call.function]} {right.sql})"
    return Column(sql, "bool", nullable=left.nullable or right.nullable)


def _choice(call: Call, arguments: list[Column]) -> Column:
    if len(arguments) != len("abc") or arguments[0].kind != "bool":
        raise QueryError("if takes a condition and two values", call.position, 'write if(a == b, "yes", "no")')
    _same_kind(call, arguments[1:])
    condition, yes, no = arguments
    sql = f"if(ifNull({condition.sql}, false), {yes.sql}, {no.sql})"
    return Column(sql, yes.kind, nullable=yes.nullable or no.nullable)


def _gathered(call: Call, arguments: list[Column]) -> Column:
    if not arguments:
        raise QueryError(f"{call.function} takes values", call.position, f"write {call.function}(a, b)")
    if call.function == "concat":
        return Column(f"concat({', '.join(f'toString({a.sql})' for a in arguments)})", "text", nullable=True)
    _same_kind(call, arguments)
    nullable = all(argument.nullable for argument in arguments)
    return Column(f"coalesce({', '.join(a.sql for a in arguments)})", arguments[0].kind, nullable=nullable)


def _cidr(call: Call, arguments: list[Column]) -> Column:
    given = call.arguments[1] if len(call.arguments) == len("ab") else None
    inside = network(given.value) if isinstance(given, Constant) and isinstance(given.value, str) else None
    if inside is None or arguments[0].kind != "text":
        hint = 'write cidr_match(source.ip, "192.0.2.0/24")'
        raise QueryError("cidr_match takes an address and a network", call.position, hint)
    return Column(f"ifNull({network_sql(arguments[0].sql, inside)}, 0)", "bool", nullable=False)


def _same_kind(call: Call, arguments: list[Column]) -> None:
    if len({argument.kind for argument in arguments}) > 1:
        kinds = " and ".join(argument.kind for argument in arguments)
        raise QueryError(f"{call.function} cannot mix {kinds}", call.position, "use to_number() or to_string()")
