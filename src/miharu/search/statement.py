"""A plan and the columns of the store → one SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from miharu.core.columns import EVENT_ID, TIMESTAMP
from miharu.core.errors import QueryError
from miharu.search.aggregates import aggregate
from miharu.search.expressions import Expressions
from miharu.search.filters import Filters
from miharu.search.literals import name_literal, time_literal
from miharu.search.plan import Call, Choose, Command, Eval, Key, Limit, Name, Named, Plan, Ref, Sort, Stats, Where
from miharu.search.scope import Column, Scope, base_scope

TABLE: Final = "events"
_LONGEST_EXPRESSION: Final = 4000


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order of rows, in terms of the source."""

    sql: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """Rows so far: `source` filtered by `where`; columns are expressions over the source, not yet selected."""

    source: str
    scope: Scope
    where: tuple[str, ...] = ()
    order: tuple[Order, ...] = ()
    depth: int = 0

    def inner_name(self, index: int) -> str:
        """Return a name for a column of the next stage that no other stage uses: aliases win over columns in SQL."""
        return f"`#{self.depth}.{index}`"


def write_statement(
    plan: Plan,
    types: Mapping[str, str],
    span: tuple[datetime | None, datetime | None],
    limit: int,
    now: datetime,
) -> tuple[str, tuple[str, ...]]:
    """Return the SELECT and the names of its columns. Raises QueryError."""
    stage = _first_stage(types, span)
    if plan.filter is not None:
        stage = _where(stage, Where(plan.filter), now)
    for command in plan.commands:
        stage = _step(stage, command, now)
    return _finish(stage, limit), tuple(stage.scope.columns)


def _first_stage(types: Mapping[str, str], span: tuple[datetime | None, datetime | None]) -> Stage:
    time, (start, end) = name_literal(TIMESTAMP), span
    where = []
    if start is not None:
        where.append(f"{time} >= {time_literal(start)}")
    if end is not None:
        where.append(f"{time} < {time_literal(end)}")
    order = (Order(time, descending=True), Order(name_literal(EVENT_ID), descending=False))
    scope = base_scope(types)
    return Stage(TABLE, replace(scope, hidden=scope.columns), tuple(where), order)


def _step(stage: Stage, command: Command, now: datetime) -> Stage:
    if isinstance(command, Where):
        return _where(stage, command, now)
    if isinstance(command, Eval):
        return _eval(stage, command)
    if isinstance(command, Stats):
        return _stats(stage, command)
    if isinstance(command, Sort):
        return replace(stage, order=tuple(_key(stage, key) for key in command.keys))
    if isinstance(command, Choose):
        return _choose(stage, command)
    return _select(stage, command)


def _where(stage: Stage, command: Where, now: datetime) -> Stage:
    return replace(stage, where=(*stage.where, Filters(stage.scope, now).sql(command.condition)))


def _eval(stage: Stage, command: Eval) -> Stage:
    for named in command.columns:
        column = Expressions(stage.scope).column(named.expression)
        columns = {**stage.scope.columns, named.name: column}
        stage = replace(stage, scope=replace(stage.scope, columns=columns))
        if len(column.sql) > _LONGEST_EXPRESSION:
            stage = _select(stage, None)
    return stage


def _stats(stage: Stage, command: Stats) -> Stage:
    expressions = Expressions(stage.scope)
    groups = [(named.name, _grouped(expressions.column(named.expression))) for named in command.groups]
    found = [(named.name, aggregate(named, expressions)) for named in command.aggregates]
    names = [name for name, _ in (*groups, *found)]
    doubled = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if doubled is not None:
        raise QueryError(f"Two columns would be named {doubled!r}", _position(command.aggregates), "write name = …")
    parts = [f"{column.sql} AS {stage.inner_name(index)}" for index, (_, column) in enumerate((*groups, *found))]
    keys = [stage.inner_name(index) for index in range(len(groups))]
    source = f"SELECT {', '.join(parts)} FROM {stage.source}{_conditions(stage)}"  # noqa: S608 - quoted names and literals
    source += f" GROUP BY {', '.join(keys)}" if keys else ""
    columns = {
        name: replace(column, sql=stage.inner_name(index), words=False, elements="", needed="")
        for index, (name, column) in enumerate((*groups, *found))
    }
    order = tuple(Order(key, descending=False) for key in keys)
    return Stage(f"({source})", Scope(columns), (), order, stage.depth + 1)


def _grouped(column: Column) -> Column:
    """Return the column to group by: a field with several values puts its event into each of their groups."""
    if not column.listed:
        return column
    return replace(column, sql=f"arrayJoin(emptyArrayToSingle({column.sql}))", listed=False)


def _key(stage: Stage, key: Key) -> Order:
    expression = key.expression
    if isinstance(expression, Call) and expression.text in stage.scope.columns:
        expression = Ref(Name(expression.text, exact=True, position=expression.position))
    elif isinstance(expression, Call) and expression.text == "count()" and "count" in stage.scope.columns:
        expression = Ref(Name("count", exact=True, position=expression.position))
    return Order(Expressions(stage.scope).column(expression).sql, key.descending)


def _choose(stage: Stage, command: Choose) -> Stage:
    chosen: dict[str, Column] = {}
    for name in command.names:
        if "*" in name.text and not name.exact:
            chosen |= stage.scope.match(name)
        else:
            chosen[name.text] = stage.scope.find(name)
    if not command.keep:
        chosen = {name: column for name, column in stage.scope.columns.items() if name not in chosen}
        if not chosen:
            raise QueryError("No column would be left", command.names[0].position, "drop fewer columns")
    return replace(stage, scope=replace(stage.scope, columns=chosen))


def _select(stage: Stage, command: Limit | None) -> Stage:
    """Select what is needed further on under inner names; everything after works on that."""
    inner: dict[str, str] = {}

    def moved(column: Column) -> Column:
        name = inner.setdefault(column.sql, stage.inner_name(len(inner)))
        elements = column.elements and inner.setdefault(column.elements, stage.inner_name(len(inner)))
        return replace(column, sql=name, elements=elements, needed="")

    scope = Scope(
        {name: moved(column) for name, column in stage.scope.columns.items()},
        tuple(moved(column) for column in stage.scope.raw),
        moved(stage.scope.leftovers) if stage.scope.leftovers else None,
        {name: moved(column) for name, column in stage.scope.hidden.items() if name == TIMESTAMP},
    )
    order = tuple(replace(key, sql=inner.setdefault(key.sql, stage.inner_name(len(inner)))) for key in stage.order)
    source = f"SELECT {', '.join(f'{sql} AS {name}' for sql, name in inner.items())} FROM {stage.source}"  # noqa: S608 - quoted names and literals
    source += _conditions(stage)
    if command is not None:
        source += f"{_ordered(stage.order)} LIMIT {command.rows}"
    return Stage(f"({source})", scope, (), order, stage.depth + 1)


def _finish(stage: Stage, limit: int) -> str:
    columns = stage.scope.columns
    names = {name: name_literal(name) for name in columns}
    if any(column.sql != names[name] for name, column in columns.items()):
        stage = _select(stage, Limit(limit))
        columns = stage.scope.columns
    chosen = ", ".join(
        names[name] if column.sql == names[name] else f"{column.sql} AS {names[name]}"
        for name, column in columns.items()
    )
    return f"SELECT {chosen} FROM {stage.source}{_conditions(stage)}{_ordered(stage.order)} LIMIT {limit}"  # noqa: S608 - quoted names and literals


def _conditions(stage: Stage) -> str:
    return f" WHERE {' AND '.join(stage.where)}" if stage.where else ""


def _ordered(order: tuple[Order, ...]) -> str:
    if not order:
        return ""
    return f" ORDER BY {', '.join(key.sql + (' DESC' if key.descending else '') for key in order)}"


def _position(aggregates: tuple[Named, ...]) -> int | None:
    first = aggregates[0].expression
    return first.position if isinstance(first, Call) else None
