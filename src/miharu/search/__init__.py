"""The text of a search → one SELECT over the stored events (see docs/reference/search.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from miharu.core.clock import system_clock
from miharu.core.errors import QueryError
from miharu.search.pointing import pointed
from miharu.search.reading import read_search
from miharu.search.selecting import filter_as_detection
from miharu.search.statement import write_statement
from miharu.search.times import parse_time

__all__ = ["Query", "compile_search", "filter_as_detection", "parse_time"]


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT, what to bind in it, and the names of its columns in order.

    Values stand in the text as literals, so that it also passes the read-only guard, which refuses parameters;
    `params` is therefore empty.
    """

    sql: str
    columns: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)


def compile_search(
    text: str,
    columns: Mapping[str, str],
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 1000,
    now: datetime | None = None,
) -> Query:
    """Return the query for the search `text` over `start <= @timestamp < end`.

    `columns` are the names of the events' columns with their ClickHouse types, `limit` the most rows of the result,
    `now` what relative times count from (else the clock). Without `sort` or `stats` the newest come first.
    Raises QueryError whose message shows the place in `text`.
    """
    try:
        plan = read_search(text)
        sql, names = write_statement(plan, columns, (start, end), limit, now or system_clock())
    except QueryError as error:
        raise pointed(error, text) from error
    except RecursionError as error:
        raise QueryError("The search is nested too deeply: use fewer brackets.") from error
    return Query(sql, names)
