"""`miharu sources try`: what becomes of each record of a file, and what is left over."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import orjson
import polars as pl
import typer
from rich.console import Console
from rich.text import Text

from miharu.cli.context import Context, context
from miharu.cli.output import RowFormat, flat_rows, json_line, write_rows
from miharu.core.columns import EVENT_DATASET, LEFTOVERS, LOG_PATH
from miharu.pipeline import make_reader, read_paths

_QUIET = frozenset({"ecs.version", "event.created", "event.dataset", "event.id", "event.original", "log.file.path"})


def run(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, archives.")],
    source: Annotated[str | None, typer.Option(help="Show each record that this log source claims.")] = None,
    lines: Annotated[int, typer.Option(help="Show so many records one by one (0: count them only).", min=0)] = 0,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Say which log sources records are recognised as, and what is read of them.

    Without options records are counted for each file and log source. With `--lines` or `--source` each record is
    shown with its log source, its event, and what was read but has no field of its own (left over).

    Examples:

      miharu sources try /var/log

      miharu sources try app.log --lines 5

      miharu sources try app.log --source example.app
    """
    here = context(ctx)
    if source is None and not lines:
        _count(here, paths, row_format)
        return
    shown = 0
    leftovers: Counter[str] = Counter()
    for record in _records(here, paths):
        leftovers.update(list(record["left_over"]))
        if source is None or record["source"] == source:
            shown += 1
            if not lines or shown <= lines:
                _show(here, record, row_format)
    _sum_up(here, shown, leftovers)


def _count(here: Context, paths: Sequence[Path], row_format: RowFormat) -> None:
    parts: list[pl.DataFrame] = []
    for batch in read_paths(paths, make_reader(here.settings), here.settings):
        parts.append(batch.events.select(pl.col(LOG_PATH), pl.col(EVENT_DATASET).alias("source")))
        parts.append(batch.rejects.select(pl.col(LOG_PATH), pl.format("reject: {}", "reject.reason").alias("source")))
    if not parts:
        here.notes.print("no records found", markup=False)
        return
    counted = pl.concat(parts).group_by(LOG_PATH, "source").agg(pl.len().alias("records")).sort(LOG_PATH, "source")
    write_rows(counted, RowFormat.ndjson if here.json else row_format, sys.stdout)


def _records(here: Context, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for batch in read_paths(paths, make_reader(here.settings), here.settings):
        for row in batch.rejects.iter_rows(named=True):
            reason = f"reject: {row['reject.reason']}"
            yield _record(row[LOG_PATH], row["log.offset"], row["reject.raw"], reason, {}, {})
        events = batch.events
        left = [orjson.loads(text) if text else {} for text in events.get_column(LEFTOVERS).to_list()]
        for event, over, raw in zip(
            flat_rows(events.drop(LEFTOVERS)), left, events.get_column("event.original").to_list(), strict=True
        ):
            place = event[LOG_PATH], event["log.offset"]
            yield _record(*place, raw, event[EVENT_DATASET], event, over)


def _record(
    path: str, offset: int, raw: bytes, source: str, event: dict[str, Any], left: dict[str, Any]
) -> dict[str, Any]:
    return {
        "log.file.path": path,
        "log.offset": offset,
        "source": source,
        "record": raw.decode("utf-8", "replace"),
        "event": {name: value for name, value in event.items() if name not in _QUIET and name != "log.offset"},
        "left_over": left,
    }


def _show(here: Context, record: dict[str, Any], row_format: RowFormat) -> None:
    if here.json or row_format is RowFormat.ndjson:
        sys.stdout.write(json_line(record))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{record['log.file.path']}, offset {record['log.offset']}: "), end="")
    console.print(Text(record["source"]), style="bold")
    console.print(Text(f"  {record['record']}"), style="dim")
    for name, value in record["event"].items():
        console.print(Text(f"  {name}: {value}"))
    for name, value in record["left_over"].items():
        console.print(Text(f"  left over: {name}: {value}"), style="yellow")


def _sum_up(here: Context, shown: int, leftovers: Counter[str]) -> None:
    names = ", ".join(f"{name} ({count})" for name, count in leftovers.most_common(20))
    here.notes.print(
        f"{shown} records; without a field of their own: {names or 'nothing'}", markup=False, soft_wrap=True
    )
