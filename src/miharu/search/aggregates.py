"""`stats` aggregates → SQL aggregates with their kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from miharu.core.columns import TIMESTAMP
from miharu.core.errors import QueryError
from miharu.search.expressions import Expressions
from miharu.search.plan import Call, Constant, Expression, Named
from miharu.search.scope import Column

MAX_VALUES: Final = 1000
"""How many distinct values `values()` gives at most."""

_Maker = Callable[[Call, Column, Expressions], Column]


def aggregate(named: Named, expressions: Expressions) -> Column:
    """Return the aggregate as a column. Raises QueryError."""
    call = named.expression
    if not isinstance(call, Call) or call.function not in AGGREGATES:
        position = call.position if isinstance(call, Call) else None
        raise QueryError(f"{named.name!r} is no aggregate", position, f"there are {', '.join(sorted(AGGREGATES))}")
    if call.function == "count" and not call.arguments:
        return Column("count()", "number", nullable=False)
    wanted = 2 if call.function == "percentile" else 1
    if len(call.arguments) != wanted:
        hint = "percentile(field, 95)" if wanted > 1 else f"{call.function}(field)"
        raise QueryError(f"{call.function} takes other arguments", call.position, f"write {hint}")
    return AGGREGATES[call.function](call, expressions.column(call.arguments[0]), expressions)


def _count(_call: Call, column: Column, _expressions: Expressions) -> Column:
    sql = f"sum(length({column.sql}))" if column.listed else f"count({column.sql})"
    return Column(sql, "number", nullable=False)


def _distinct(_call: Call, column: Column, _expressions: Expressions) -> Column:
    return Column(f"uniqExact{'Array' if column.listed else ''}({column.sql})", "number", nullable=False)


def _values(_call: Call, column: Column, _expressions: Expressions) -> Column:
    function = f"groupUniqArray{'Array' if column.listed else ''}"
    return Column(f"arraySort({function}({MAX_VALUES})({column.sql}))", column.kind, listed=True, nullable=False)


def _numeric(function: str) -> _Maker:
    def make(call: Call, column: Column, _expressions: Expressions) -> Column:
        _number(call, column)
        return Column(f"{function}({column.sql})", "number", nullable=True)

    return make


def _extreme(function: str) -> _Maker:
    def make(call: Call, column: Column, _expressions: Expressions) -> Column:
        _single(call, column)
        return Column(f"{function}({column.sql})", column.kind, nullable=True)

    return make


def _by_time(function: str) -> _Maker:
    def make(call: Call, column: Column, expressions: Expressions) -> Column:
        time = expressions.scope.columns.get(TIMESTAMP) or expressions.scope.hidden.get(TIMESTAMP)
        if time is None:
            raise QueryError(f"{call.function} needs @timestamp", call.position, "use min or max")
        _single(call, column)
        return Column(f"{function}({column.sql}, {time.sql})", column.kind, nullable=True)

    return make


def _percentile(call: Call, column: Column, _expressions: Expressions) -> Column:
    _number(call, column)
    share: Expression = call.arguments[1]
    value = share.value if isinstance(share, Constant) else None
    if not isinstance(value, int | float) or not 0 <= value <= 100:  # noqa: PLR2004 - per cent
        raise QueryError("A percentile is a number from 0 to 100", call.position, "write percentile(field, 95)")
    return Column(f"quantileExact({value / 100!r})({column.sql})", "number", nullable=True)


def _median(call: Call, column: Column, _expressions: Expressions) -> Column:
    _number(call, column)
    return Column(f"quantileExact(0.5)({column.sql})", "number", nullable=True)


def _number(call: Call, column: Column) -> None:
    _single(call, column)
    if column.kind != "number":
        text = f"{call.function} takes numbers, and {call.text} is over {column.kind}"
        raise QueryError(text, call.position, "convert with to_number()")


def _single(call: Call, column: Column) -> None:
    if column.listed:
        raise QueryError(f"{call.function} takes one value an event", call.position, "use count, dc or values")


AGGREGATES: Final[dict[str, _Maker]] = {
    "count": _count,
    "dc": _distinct,
    "count_distinct": _distinct,
    "values": _values,
    "sum": _numeric("sum"),
    "avg": _numeric("avg"),
    "stddev": _numeric("stddevPop"),
    "min": _extreme("min"),
    "max": _extreme("max"),
    "first": _by_time("argMin"),
    "last": _by_time("argMax"),
    "median": _median,
    "percentile": _percentile,
}
