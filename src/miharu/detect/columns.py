"""A batch → its columns as texts, by name, for any of its rows.

Numbers and booleans become their text, lists JSON lists of texts. A name without a column is looked for in
the leftovers (the `fields` column).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from miharu.core.columns import LEFTOVERS

Rows = npt.NDArray[np.uint32]

_ESCAPED: Final = r'["\\\x00-\x1f]'
"""What JSON does not write as it is."""


Search: TypeAlias = Callable[[pl.Series, Collection[str]], npt.NDArray[Any]]


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

    def read_leftovers(self, names: Iterable[str], search: Search | None = None) -> None:
        """Look in the leftovers, in one pass, for those of `names` that have no column.

        `search` finds rows that may name them (None: all rows are read).
        """
        missing = [name for name in names if name not in self._names]
        column = self.whole(LEFTOVERS)
        if column is None or not missing:
            return
        wanted = set(missing)
        rows = search(column.texts, wanted) if search is not None else column.texts.is_not_null().arg_true().to_numpy()
        cells: dict[str, dict[int, Any]] = {}
        for row, text in zip(rows.tolist(), column.texts[rows].to_list(), strict=True):
            for key, value in orjson.loads(text).items():
                if key in wanted and value is not None and value != []:
                    cells.setdefault(key, {})[row] = value
        for name, values in cells.items():
            self._texts[name] = _from_cells(values, len(self._batch))

    def whole(self, name: str) -> TextColumn | None:
        """Return a column of the batch; None where it has none, or nothing but nulls."""
        if name not in self._texts:
            self._texts[name] = _as_texts(self._batch.get_column(name)) if name in self._names else None
        return self._texts[name]

    def held(self, names: Iterable[str]) -> dict[str, TextColumn]:
        """Return the columns that have a value in any row."""
        return {name: column for name in names if (column := self.whole(name)) is not None}

    def at(self, names: Iterable[str], rows: Rows) -> dict[str, TextColumn]:
        """Return the columns that have a value in any of `rows`, cut to these rows."""
        held = {name: column for name in names if (column := self.whole(name)) is not None}
        return held if len(rows) == len(self._batch) else cut(held, rows)


def cut(columns: dict[str, TextColumn], rows: npt.NDArray[Any]) -> dict[str, TextColumn]:
    """Return columns cut to rows in one step; those without a value there are left out."""
    if not columns:
        return {}
    frame = pl.DataFrame([column.texts.alias(name) for name, column in columns.items()])[rows]
    nulls = frame.null_count().row(0)
    return {
        name: TextColumn(texts, column.lists)
        for (name, column), texts, missing in zip(columns.items(), frame.get_columns(), nulls, strict=True)
        if missing < len(frame)
    }


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
        texts = _texts_of_lists(column)
        return TextColumn(texts, lists=True) if texts.null_count() < len(texts) else None
    if isinstance(dtype, pl.Datetime):
        return TextColumn(column.dt.to_string("iso:strict"))
    if dtype == pl.Binary:
        return TextColumn(pl.Series([_decoded(value) for value in column.to_list()], dtype=pl.String))
    if dtype.is_float() or isinstance(dtype, pl.Struct):
        told = [None if value is None else text_of(value) for value in column.to_list()]
        return TextColumn(pl.Series(told, dtype=pl.String))
    return TextColumn(column.cast(pl.String))


def _texts_of_lists(column: pl.Series) -> pl.Series:
    """Return JSON lists of texts, null for an empty list; texts without what JSON escapes are just joined."""
    if column.dtype != pl.List(pl.String):
        told = [None if not value else _list_text(value) for value in column.to_list()]
        return pl.Series(told, dtype=pl.String)
    kept = column.list.drop_nulls()
    joined = kept.list.join('","').alias("joined")
    empty = column.list.len() == 0
    texts = pl.select(pl.format('["{}"]', joined)).to_series()
    # Of a list without any text that is not null nothing is left but its brackets.
    odd = kept.list.join("").str.contains(_ESCAPED) | (joined == "")
    texts = texts.set(empty.fill_null(value=False), None)
    rows = (odd & ~empty).arg_true()
    return texts.scatter(rows, [_list_text(value) for value in column[rows].to_list()]) if len(rows) else texts


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
    if len(columns) == 1 or not columns[0].texts.null_count():
        return columns[0]
    lists = any(column.lists for column in columns)
    texts = [(as_lists(column) if lists else column).texts for column in columns]
    merged = texts[0]
    for other in texts[1:]:
        merged = merged.zip_with(merged.is_not_null(), other)
    return TextColumn(merged, lists)
