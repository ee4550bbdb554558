"""A batch → its columns as texts, by name, for any of its rows.

Numbers and booleans become their text, lists JSON lists of texts. A name without a column is looked for in
the leftovers (the `fields` column).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from miharu.core.columns import LEFTOVERS

Rows = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts of one column; where `lists`, each is a JSON list of texts. Never all null."""

    texts: pl.Series
    lists: bool = False


class BatchColumns:
    """Columns of one batch, turned into texts when first asked for."""

    def __init__(self, batch: pl.DataFrame) -> None:
        self._batch = batch
        self._names = set(batch.columns)
        self._texts: dict[str, TextColumn | None] = {}

    def whole(self, name: str) -> TextColumn | None:
        """Return a column of the batch; None where it has none, or nothing but nulls."""
        if name not in self._names:
            return None
        if name not in self._texts:
            self._texts[name] = _as_texts(self._batch.get_column(name))
        return self._texts[name]

    def at(self, names: Iterable[str], rows: Rows) -> dict[str, TextColumn]:
        """Return the columns that have a value in any of `rows`, cut to these rows."""
        found: dict[str, TextColumn] = {}
        missing: list[str] = []
        for name in names:
            if name not in self._names:
                missing.append(name)
            elif (column := self.whole(name)) is not None:
                texts = column.texts if len(rows) == len(self._batch) else column.texts.gather(rows)
                if texts.null_count() < len(texts):
                    found[name] = TextColumn(texts, column.lists)
        if missing and LEFTOVERS in self._names:
            found.update(self._leftovers(missing, rows))
        return found

    def _leftovers(self, names: Sequence[str], rows: Rows) -> dict[str, TextColumn]:
        column = self.whole(LEFTOVERS)
        if column is None:
            return {}
        texts = column.texts.gather(rows)
        keys = [orjson.dumps(name).decode() for name in names]
        hits = texts.str.contains_any(keys).fill_null(value=False).arg_true().to_list()
        wanted = set(names)
        cells: dict[str, dict[int, Any]] = {}
        for place in hits:
            for key, value in orjson.loads(texts[place]).items():
                if key in wanted and value is not None and value != []:
                    cells.setdefault(key, {})[place] = value
        return {name: _from_cells(values, len(texts)) for name, values in cells.items()}


def _from_cells(values: dict[int, Any], height: int) -> TextColumn:
    lists = any(isinstance(value, list) for value in values.values())
    texts: list[str | None] = [None] * height
    for place, value in values.items():
        texts[place] = _list_text(value) if lists else text_of(value)
    return TextColumn(pl.Series(texts, dtype=pl.String), lists)


def text_of(value: Any) -> str:
    """Return the text of one value as rules see it."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return orjson.dumps(value, default=str).decode()


def _list_text(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    return orjson.dumps([text_of(item) for item in items if item is not None]).decode()


def _as_texts(column: pl.Series) -> TextColumn | None:
    if column.null_count() == len(column):
        return None
    dtype = column.dtype
    if dtype == pl.String:
        return TextColumn(column)
    if isinstance(dtype, pl.List | pl.Array):
        lists = [None if not value else _list_text(value) for value in column.to_list()]
        texts = pl.Series(lists, dtype=pl.String)
        return TextColumn(texts, lists=True) if texts.null_count() < len(texts) else None
    if isinstance(dtype, pl.Datetime):
        return TextColumn(column.dt.to_string("iso:strict"))
    if dtype == pl.Binary:
        return TextColumn(pl.Series([_decoded(value) for value in column.to_list()], dtype=pl.String))
    if dtype.is_float() or isinstance(dtype, pl.Struct):
        return TextColumn(pl.Series([None if value is None else text_of(value) for value in column.to_list()], dtype=pl.String))
    return TextColumn(column.cast(pl.String))


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def as_lists(column: TextColumn) -> TextColumn:
    """Return the column as JSON lists of texts."""
    if column.lists:
        return column
    texts = [None if text is None else orjson.dumps([text]).decode() for text in column.texts.to_list()]
    return TextColumn(pl.Series(texts, dtype=pl.String), lists=True)


def first_of(columns: Sequence[TextColumn]) -> TextColumn:
    """Return, row by row, the first column that is not null."""
    if len(columns) == 1:
        return columns[0]
    lists = any(column.lists for column in columns)
    texts = [(as_lists(column) if lists else column).texts for column in columns]
    merged = texts[0]
    for other in texts[1:]:
        merged = merged.zip_with(merged.is_not_null(), other)
    return TextColumn(merged, lists)
