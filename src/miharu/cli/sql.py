"""`miharu sql`: a read-only question to the store in ClickHouse SQL."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from miharu.cli.context import context
from miharu.cli.output import RowFormat, write_rows
from miharu.pipeline import open_lake


def run(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help="One SELECT over events, findings and rejects.")],
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Ask the store in ClickHouse SQL; nothing can be changed and no file can be read.

    Example: miharu sql 'SELECT `host.name`, count() FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 10'
    """
    here = context(ctx)
    with open_lake(here.settings) as lake:
        rows = lake.store.query_readonly(query)
    write_rows(rows, RowFormat.ndjson if here.json else row_format, sys.stdout)
