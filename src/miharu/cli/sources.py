"""`miharu sources`: the log sources we know, and what they make of a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from miharu.catalog import load_logsources
from miharu.cli.context import context
from miharu.cli.output import RowFormat, write_rows
from miharu.core.columns import EVENT_DATASET, LOG_PATH
from miharu.pipeline import make_reader, read_paths

app = typer.Typer(help="Log sources: which are known, and what they make of a file.", no_args_is_help=True)


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
        for source in load_logsources()
    ]
    write_rows(pl.DataFrame(rows), RowFormat.ndjson if here.json else row_format, sys.stdout)


@app.command("try")
def try_(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, archives.")],
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Say for each file which log sources its records were recognised as, and what was rejected.

    Example: miharu sources try /var/log
    """
    here = context(ctx)
    parts: list[pl.DataFrame] = []
    for batch in read_paths(paths, make_reader(here.settings), here.settings):
        parts.append(batch.events.select(pl.col(LOG_PATH), pl.col(EVENT_DATASET).alias("source")))
        parts.append(batch.rejects.select(pl.col(LOG_PATH), pl.format("reject: {}", "reject.reason").alias("source")))
    if not parts:
        here.notes.print("no records found", markup=False)
        return
    counted = pl.concat(parts).group_by(LOG_PATH, "source").agg(pl.len().alias("records")).sort(LOG_PATH, "source")
    write_rows(counted, RowFormat.ndjson if here.json else row_format, sys.stdout)
