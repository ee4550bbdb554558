"""Polars frames ↔ Arrow streams, with the types and partitions the store needs.

Out: columns the store can hold, a stream for the rows of each partition. In: bytes become text where
they are UTF-8; the columns of received bytes stay bytes.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from miharu.core.columns import EVENT_CREATED, EVENT_ORIGINAL, RECORD_ROW, TIMESTAMP, UTC_MICROS
from miharu.core.errors import QueryError
from miharu.store.errors import StoreError
from miharu.store.tables import TEXT, TIME, WORD

RAW_COLUMNS: Final = frozenset((EVENT_ORIGINAL, "reject.raw"))

_OLDEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MANY_DISTINCT: Final = 1000
_LONG_NAMES: Final = (
    "command_line", "entity_id", "guid", "script_block_text", "hash", "url.full", "url.original", "url.query", "body",
    "payload", "contextinfo", "hashes", "calltrace", "record_id", "sequence", "session.id", "transaction.id",
)  # fmt: skip
"""Parts of names whose values are mostly different: a dictionary of them costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """Rows of one partition ready to send: an Arrow stream, their token, and types of columns the table lacks."""

    body: list[memoryview]
    token: str
    add: dict[str, str]


def pack(table: str, frame: pl.DataFrame, token: str, known: Collection[str], partition: str) -> Iterator[Shipment]:
    """Cut a frame by partition and write each part as an Arrow stream, when it is asked for.

    The first part adds the columns of all that are not `known`: to add some costs as much as to store thousands of
    rows. Raises StoreError for types no column can have.
    """
    ready = _storable(frame)
    add = {column.name: _column_type(column) for column in ready.get_columns() if column.name not in known}
    for name, rows in _partitions(table, ready, partition):
        yield Shipment(stream(rows), f"{token}:{name}", add)
        add = {}


def stream(frame: pl.DataFrame) -> list[memoryview]:
    """Return a frame as the pieces of an Arrow stream, in types every Arrow reader knows."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    sink = _Sink()
    with pa.PythonFile(sink, mode="w") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return sink.pieces


class _Sink:
    """A file that keeps what is written to it where it lies; joining it would cost more than making it."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []

    def write(self, data: bytes | memoryview) -> int:
        self.pieces.append(memoryview(data))
        return self.pieces[-1].nbytes

    def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def close(self) -> None:
        self.closed = True


def unpack(body: bytes | bytearray | memoryview) -> pl.DataFrame:
    """Read the engine's Arrow stream; text that is not UTF-8 gets U+FFFD, save in the columns of received bytes.

    Raises QueryError where two columns have one name, which a frame cannot have.
    """
    if not len(body):
        return pl.DataFrame()
    twice = [name for name, count in Counter(pa.ipc.open_stream(pa.py_buffer(body)).schema.names).items() if count > 1]
    if twice:
        message = f"two columns of the answer are named {twice[0]!r}"
        raise QueryError(message, hint="give one of them another name with AS")
    frame = pl.read_ipc_stream(io.BytesIO(body), use_pyarrow=False)
    return frame.with_columns(
        [_as_text(frame[name]) for name, kind in frame.schema.items() if name not in RAW_COLUMNS and _holds_bytes(kind)]
    )


def _holds_bytes(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List):
        return _holds_bytes(kind.inner)  # type: ignore[arg-type]
    return kind == pl.Binary


def _as_text(column: pl.Series) -> pl.Series:
    kind = pl.String if column.dtype == pl.Binary else pl.List(pl.String)
    try:
        return column.cast(kind)
    except pl.exceptions.PolarsError:  # some value is not UTF-8
        return pl.Series(column.name, [_readable(value) for value in column.to_list()], dtype=kind)


def _readable(value: bytes | list[bytes | None] | None) -> str | list[Any] | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else [_readable(item) for item in value]


def _storable(frame: pl.DataFrame) -> pl.DataFrame:
    columns = []
    for name, kind in frame.schema.items():
        if name == RECORD_ROW or kind == pl.Null:
            continue
        columns.append(_storable_column(name, kind))
    return frame.select(columns)


def _storable_column(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind in (pl.String, pl.Binary, pl.Int64, pl.UInt64, pl.Float64, pl.Boolean) or kind == UTC_MICROS:
        return column
    if isinstance(kind, pl.Datetime):
        moved = column.dt.convert_time_zone("UTC") if kind.time_zone else column.dt.replace_time_zone("UTC")
        return moved.dt.cast_time_unit("us")
    if kind.is_unsigned_integer():
        return column.cast(pl.UInt64)
    if kind.is_signed_integer():
        return column.cast(pl.Int64)
    if kind.is_float():
        return column.cast(pl.Float64)
    if isinstance(kind, pl.List):
        return column.cast(pl.List(pl.String)).fill_null([]).list.eval(pl.element().fill_null(""))
    if kind in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    message = f"the column {name} holds {kind}, which the store has no type for"
    raise StoreError(message)


def _column_type(column: pl.Series) -> str:
    """Return the type of a column that is new, from its values' type (and, for text, how many differ)."""
    kind = column.dtype
    if kind == pl.String:
        name = column.name.lower()
        if any(part in name for part in _LONG_NAMES) or column.n_unique() > max(_MANY_DISTINCT, column.len() // 4):
            return TEXT
        return WORD
    if kind == pl.Binary:
        return TEXT
    if isinstance(kind, pl.Datetime):
        return f"Nullable({TIME})"
    if isinstance(kind, pl.List):
        return "Array(LowCardinality(String))"
    names = {pl.Int64: "Int64", pl.UInt64: "UInt64", pl.Float64: "Float64", pl.Boolean: "Bool"}
    return f"Nullable({names[type(kind)]})"


def _partitions(table: str, frame: pl.DataFrame, partition: str) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the partitions and their rows, each with the columns it fills; equal input gives equal output."""
    if table == "rejects" or frame.is_empty():
        yield 0, frame
        return
    time = pl.col(TIMESTAMP)
    if table == "findings":
        year = time.dt.year()
        key = pl.when(year.is_between(2000, 2099)).then(year).otherwise(0)
    else:
        odd = (time < _OLDEST) | (time > pl.col(EVENT_CREATED).dt.offset_by("1d"))
        number = time.dt.year() * 100 + time.dt.month().cast(pl.Int32)
        if partition == "day":
            number = number * 100 + time.dt.day().cast(pl.Int32)
        key = pl.when(odd).then(0).otherwise(number)
    keys = frame.select(key.cast(pl.Int32)).to_series().to_numpy()
    order = np.argsort(keys, kind="stable")
    names, counts = np.unique(keys, return_counts=True)
    if len(names) == 1:
        yield int(names[0]), frame
        return
    for name, end, count in zip(names.tolist(), np.cumsum(counts).tolist(), counts.tolist(), strict=True):
        rows = frame[order[end - count : end]]
        yield name, rows.select(column.name for column in rows.get_columns() if column.null_count() < count)
