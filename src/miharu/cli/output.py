"""Frames → text on a stream: JSON lines, CSV, or a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TextIO

import orjson
import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miharu.core.columns import LEFTOVERS, RECORD_ROW

_CELL_WIDTH = 80


class RowFormat(str, Enum):
    """How rows are printed."""

    table = "table"
    ndjson = "ndjson"
    csv = "csv"


class LineFormat(str, Enum):
    """How events and findings are printed one a line."""

    ndjson = "ndjson"


def write_rows(frame: pl.DataFrame, row_format: RowFormat, out: TextIO) -> None:
    """Write rows of any frame; bytes that are not UTF-8 are shown with replacement characters."""
    if row_format is RowFormat.ndjson:
        write_ndjson(frame, out)
    elif row_format is RowFormat.csv:
        _write_csv(frame, out)
    else:
        _write_table(frame, out)


def write_ndjson(frame: pl.DataFrame, out: TextIO) -> None:
    """Write one flat JSON object a line, keys sorted as columns come, without nulls."""
    out.writelines(json_line(row) for row in flat_rows(frame))


def json_line(value: Mapping[str, Any]) -> str:
    """Return one JSON object with a line end."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode() + "\n"


def flat_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield rows as flat objects: no nulls, leftovers merged in, instants as ISO 8601 in UTC."""
    shown = frame.drop(RECORD_ROW, strict=False)
    for row in shown.iter_rows(named=True):
        flat = {name: _plain_value(value) for name, value in row.items() if value is not None and name != LEFTOVERS}
        leftovers = row.get(LEFTOVERS)
        if leftovers:
            flat |= {name: value for name, value in orjson.loads(leftovers).items() if name not in flat}
        yield flat


def iso(value: datetime) -> str:
    """Return an instant as ISO 8601 in UTC with a Z."""
    instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return instant.isoformat().replace("+00:00", "Z")


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _plain(value: Any) -> Any:
    plain = _plain_value(value)
    return str(value) if plain is value else plain


def _write_csv(frame: pl.DataFrame, out: TextIO) -> None:
    cells = [_csv_column(frame[name]) for name in frame.columns]
    out.write(pl.DataFrame(cells).write_csv())


def _csv_column(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Binary:
        return pl.Series(column.name, [None if v is None else _plain_value(v) for v in column], dtype=pl.String)
    if column.dtype.is_nested():
        return pl.Series(
            column.name,
            [None if v is None else orjson.dumps(v, default=_plain).decode() for v in column.to_list()],
            dtype=pl.String,
        )
    if isinstance(column.dtype, pl.Datetime):
        return pl.Series(column.name, [None if v is None else iso(v) for v in column], dtype=pl.String)
    return column


def _write_table(frame: pl.DataFrame, out: TextIO) -> None:
    console = Console(file=out)
    table = Table(show_lines=False, header_style="bold")
    for name in frame.columns:
        table.add_column(name, overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    console.print(f"{frame.height:,} row{'' if frame.height == 1 else 's'}", style="dim")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain_value(value)
    text = ", ".join(str(_plain_value(item)) for item in plain) if isinstance(plain, list) else str(plain)
    return text if len(text) <= _CELL_WIDTH else text[: _CELL_WIDTH - 1] + "…"
