"""Values of a key → a column of one type; frames of different shapes → frames that can be stacked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any, Final

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from miharu.core.columns import is_taken
from miharu.parse.json_merging import Column

MAX_NAMES: Final = 1500
"""Names given a column of their own in one chunk. Data keyed by ids (one key per user, say) would
otherwise make as many columns as records."""

_EXACT: Final = 2**53

REST: Final = "json.rest"
"""Column of JSON text for the keys beyond `MAX_NAMES`."""


def all_series(names: Sequence[str], columns: Sequence[Column]) -> list[pl.Series]:
    """Return the columns of a shape as series of one type each; a column that has no value at all gives none."""
    names = [f"json.{name}" if is_taken(name) else name for name in names]
    texts = _texts(columns)
    made = [
        texts[at].alias(name) if at in texts else _series(name, column)
        for at, (name, column) in enumerate(zip(names, columns, strict=True))
    ]
    return [series for series in made if series is not None]


def _texts(columns: Sequence[Column]) -> dict[int, pl.Series]:
    """Return the columns of text by their place, made by one call and cut apart: calls cost more than texts do.

    None are returned where something in one of them is no text: each is looked at by itself then.
    """
    places = [at for at, column in enumerate(columns) if isinstance(column[0], str) and isinstance(column[-1], str)]
    try:
        joined = pl.Series(list(chain.from_iterable(columns[at] for at in places)), dtype=pl.String)
    except TypeError:
        return {}
    height = len(columns[0]) if columns else 0
    return {at: joined.slice(place * height, height) for place, at in enumerate(places)}


def _series(name: str, column: Column) -> pl.Series | None:
    if isinstance(column[0], str):
        try:
            return pl.Series(name, column, dtype=pl.String)
        except TypeError:
            return pl.Series(name, [as_json_text(value) for value in column], dtype=pl.String)
    types = set(map(type, column)) - {NoneType}
    if not types:
        return None
    if types == {list}:
        return _lists(name, column)
    dtype = _number_type(types, column)
    if dtype is not None:
        try:
            return pl.Series(name, column, dtype=dtype)
        except (TypeError, OverflowError):
            pass  # an integer beyond 64 bits
    return pl.Series(name, [as_json_text(value) for value in column], dtype=pl.String)


def _number_type(types: set[type], column: Column) -> type[pl.DataType] | None:
    if types == {bool}:
        return pl.Boolean
    if types == {int}:
        return pl.Int64
    if types == {float}:
        return pl.Float64
    if types == {int, float} and all(value is None or abs(value) <= _EXACT for value in column):
        return pl.Float64
    return None


def _lists(name: str, column: Column) -> pl.Series:
    items = list(chain.from_iterable(value for value in column if value))
    types = set(map(type, items))
    if types & {dict, list}:
        return pl.Series(name, [as_json_text(value) for value in column], dtype=pl.String)
    if not types <= {str, NoneType}:
        items = [as_json_text(item) for item in items]
    ends = np.zeros(len(column) + 1, dtype=np.int64)
    np.cumsum([len(value) if value else 0 for value in column], out=ends[1:])
    # Arrow arrays are made by Polars: `pyarrow.array` would import pandas, 0.7 s.
    texts = pl.Series(items, dtype=pl.String).to_arrow(compat_level=pl.CompatLevel.oldest())
    array = pa.LargeListArray.from_arrays(pl.Series(ends).to_arrow(), texts)
    lists = pl.Series(name, pl.from_arrow(array))
    absent = [value is None for value in column]
    return lists.set(pl.Series(absent), None) if True in absent else lists


def as_json_text(value: Any) -> str | None:
    """Return a JSON value as text: a string as it is, anything else as JSON writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _deep_text(value)


def _deep_text(value: Any) -> str | None:
    """Return the text of a value nested deeper than orjson writes (254 levels); None where nobody writes it."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return None


def agree(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Give each name one type in all frames: where they differ, text."""
    types: dict[str, pl.DataType] = {}
    odd: set[str] = set()
    for frame in frames:
        for name, dtype in frame.schema.items():
            if types.setdefault(name, dtype) != dtype:
                odd.add(name)
    return [_with_texts(frame, odd & set(frame.columns)) for frame in frames] if odd else frames


def _with_texts(frame: pl.DataFrame, names: set[str]) -> pl.DataFrame:
    return frame.with_columns([as_text(frame[name]) for name in sorted(names)]) if names else frame


def as_text(series: pl.Series) -> pl.Series:
    """Return values as JSON would write them, strings as they are."""
    if series.dtype == pl.String:
        return series
    if isinstance(series.dtype, (pl.List, pl.Float64)):
        texts = [None if value is None else orjson.dumps(value).decode() for value in series.to_list()]
        return pl.Series(series.name, texts, dtype=pl.String)
    return series.cast(pl.String)


def bound_width(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Pack the rarest names into `json.rest` where there are more than `MAX_NAMES`."""
    uses: Counter[str] = Counter()
    for frame in frames:
        for name in frame.columns:
            uses[name] += len(frame)
    if len(uses) <= MAX_NAMES:
        return frames
    kept = {name for name, _ in uses.most_common(MAX_NAMES)} | {n for n in uses if n.startswith("record.")}
    return [_packed(frame, [name for name in frame.columns if name not in kept]) for frame in frames]


def _packed(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    if not names:
        return frame
    rows = frame.select(names).to_dicts()
    rest = [orjson.dumps({name: value for name, value in row.items() if value is not None}).decode() for row in rows]
    return frame.drop(names).with_columns(pl.Series(REST, rest, dtype=pl.String))
