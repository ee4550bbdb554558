"""`miharu search`: the search language over stored events."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from miharu.cli.context import context
from miharu.cli.output import RowFormat, write_rows
from miharu.core.clock import system_clock
from miharu.core.columns import EVENT_DATASET, TIMESTAMP
from miharu.pipeline import open_lake, search_events
from miharu.search import parse_time

_TABLE_COLUMNS = (
    TIMESTAMP,
    EVENT_DATASET,
    "host.name",
    "user.name",
    "source.ip",
    "destination.ip",
    "event.action",
    "event.outcome",
    "process.name",
    "message",
)
"""What a table for people shows when the query does not choose; JSON and CSV show everything."""


def run(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="A filter, then pipes; see docs/reference/search.md.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="From this instant on (ISO 8601, or now-24h).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this instant.")] = None,
    limit: Annotated[int, typer.Option(help="Most events shown.", min=1)] = 100,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Search events, newest first.

    Examples:

      miharu search 'user.name : root and event.outcome : failure' --from now-7d

      miharu search 'source.ip : 203.0.113.0/24 | stats count() by user.name'
    """
    here = context(ctx)
    now = system_clock()
    with open_lake(here.settings) as lake:
        rows = search_events(
            lake,
            query,
            start=parse_time(start, now) if start else None,
            end=parse_time(end, now) if end else None,
            limit=limit,
        )
    shown = RowFormat.ndjson if here.json else row_format
    filled = rows.select(name for name in rows.columns if rows[name].null_count() < rows.height)
    if shown is RowFormat.table and EVENT_DATASET in rows.columns and "event.original" in rows.columns:
        filled = filled.select(name for name in _TABLE_COLUMNS if name in filled.columns)
    write_rows(filled, shown, sys.stdout)
