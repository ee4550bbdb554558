"""`miharu sources`: the log sources we know, how they are written, and how they do."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import polars as pl
import typer

from miharu.catalog import remembered_logsources
from miharu.cli import sources_audit, sources_author, sources_try
from miharu.cli.context import context
from miharu.cli.output import RowFormat, write_rows
from miharu.core.clock import system_clock
from miharu.pipeline import open_lake, source_health
from miharu.search import parse_time

app = typer.Typer(help="Log sources: which are known, how they are written, and how they do.", no_args_is_help=True)
app.command("try")(sources_try.run)
app.command("new")(sources_author.new)
app.command("accept")(sources_author.accept)
app.command("audit-policy")(sources_audit.run)


@app.command("list")
def list_(
    ctx: typer.Context,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List the log sources.

    Example: miharu sources list
    """
    here = context(ctx)
    rows = [
        {"id": source.id, "title": source.title, "vendor": source.vendor, "product": source.product}
        for source in remembered_logsources(here.settings.data / "cache")
    ]
    write_rows(pl.DataFrame(rows), RowFormat.ndjson if here.json else row_format, sys.stdout)


@app.command("health")
def health(
    ctx: typer.Context,
    patience: Annotated[float, typer.Option(help="Hours without a record before a host can count as silent.")] = 1.0,
    since: Annotated[str | None, typer.Option(help="Only records received from then on (ISO 8601, now-7d).")] = None,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Say for each log source when it was last seen, its rate, and how much of it is understood.

    A host is silent when it has sent nothing for twenty of its usual gaps (and for `--patience` hours). Unread are
    events of which only the envelope is understood. What is in trouble comes first.

    Examples:

      miharu sources health

      miharu sources health --since now-7d --patience 24
    """
    here = context(ctx)
    now = system_clock()
    start = parse_time(since, now) if since else None
    with open_lake(here.settings) as lake:
        rows = source_health(lake, now, timedelta(hours=patience), start)
    write_rows(rows, RowFormat.ndjson if here.json else row_format, sys.stdout)
    if rows.height:
        events = dict(rows.select("source", "events").iter_rows())
        strange = sum(count for source, count in events.items() if source.startswith("generic."))
        share = 100 * strange / sum(events.values())
        here.notes.print(f"{share:.1f} % of all events are of no known kind (generic.*)", markup=False)
