"""`miharu parse`: normalised events of files to stdout; stores nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from miharu.cli.context import context
from miharu.cli.output import LineFormat, write_ndjson
from miharu.core.columns import EVENT_DATASET
from miharu.core.errors import EXIT_CONTENT
from miharu.pipeline import make_reader, read_paths


def run(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, archives.")],
    source: Annotated[str | None, typer.Option(help="Show only events of this log source.")] = None,
    line_format: Annotated[LineFormat, typer.Option("--format", help="How events are printed.")] = LineFormat.ndjson,
) -> None:
    """Show how files are read: one normalised event a line, in input order.

    Example: miharu parse /var/log/auth.log | head -1
    """
    del line_format
    here = context(ctx)
    rejected = 0
    for batch in read_paths(paths, make_reader(here.settings), here.settings):
        events = batch.events if source is None else batch.events.filter(pl.col(EVENT_DATASET) == source)
        write_ndjson(events, sys.stdout)
        for row in batch.rejects.iter_rows(named=True):
            rejected += 1
            here.notes.print(
                f"{row['log.file.path']}: offset {row['log.offset']}: {row['reject.reason']}: {row['reject.detail']}",
                markup=False,
            )
    if rejected:
        raise typer.Exit(EXIT_CONTENT)
