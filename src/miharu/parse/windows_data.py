"""Event data without names, as senders write it → `EventData.param1`… and, one a line, `EventData.Data`.

A column of JSON has one type, so that a list among texts has become JSON text: it is read as the list it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
import polars as pl

from miharu.parse.windows_names import DATA

MAX_PARAMETERS: Final = 200
"""Unnamed data that become columns; there may be more in `EventData.Data`."""
_PARAMETERS: Final = tuple(f"EventData.param{number}" for number in range(1, MAX_PARAMETERS + 1))


def with_parameters(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with its unnamed data numbered and joined, and `<Data Name=…>` by name."""
    dtype = frame.schema.get(DATA)
    if dtype == pl.List(pl.String):
        frame = _with(frame, _numbered(frame[DATA]))
    elif dtype is not None:
        frame = _with(frame, _of_texts(frame[DATA].cast(pl.String)))
    return _joined(frame)


def _with(frame: pl.DataFrame, columns: Iterable[pl.Series]) -> pl.DataFrame:
    """Add columns; a record's own numbered data stay."""
    return frame.with_columns(
        pl.coalesce(pl.col(values.name).cast(pl.String), values)
        if values.name in frame.columns and values.name != DATA
        else values
        for values in columns
    )


def _joined(frame: pl.DataFrame) -> pl.DataFrame:
    """Join `param1`… of senders that number unnamed data, as the events' own readers do."""
    have = set(frame.columns)
    names = [name for name in _PARAMETERS if name in have]
    if not names or (DATA in have and not frame[DATA].null_count()):
        return frame
    texts = pl.concat_str([pl.col(name).cast(pl.String) for name in names], separator="\n", ignore_nulls=True)
    joined = pl.when(pl.any_horizontal(pl.col(names).is_not_null())).then(texts).alias(DATA)
    return frame.with_columns(pl.coalesce(DATA, joined) if DATA in have else joined)


def _numbered(lists: pl.Series) -> Iterator[pl.Series]:
    longest = lists.list.len().max()
    for at, name in enumerate(_PARAMETERS[: longest if isinstance(longest, int) else 0]):
        yield lists.list.get(at, null_on_oob=True).alias(name)
    yield lists.list.join("\n", ignore_nulls=True)


def _of_texts(texts: pl.Series) -> Iterator[pl.Series]:
    likely = texts.str.starts_with("[").fill_null(value=False)
    if not likely.any():
        yield texts.alias(_PARAMETERS[0])
        return
    rows = [_data(text, is_likely=here) for text, here in zip(texts, likely, strict=True)]
    for name in dict.fromkeys([DATA, *(name for row in rows for name in row)]):
        yield pl.Series(name, [row.get(name) for row in rows], dtype=pl.String)


def _data(text: str | None, *, is_likely: bool) -> dict[str, str]:
    """Return what a text says by the names of columns; a list may be `["a", {"@Name": …, "#text": …}]`."""
    items = _items(text) if is_likely and text is not None else None
    if items is None:
        return {} if text is None else {DATA: text, _PARAMETERS[0]: text}
    named: dict[str, str] = {}
    unnamed: list[str | None] = []
    for item in items:
        inner: Mapping[str, Any] = item if isinstance(item, dict) else {"#text": item}
        name = inner.get("@Name") or inner.get("Name") or (inner.get("#attributes") or {}).get("Name")
        value = inner.get("#text", inner.get("text", inner.get("value", "")))
        if name:
            named[f"EventData.{name}"] = str(value)
        else:
            unnamed.append(None if value is None else str(value))
    named |= {name: value for name, value in zip(_PARAMETERS, unnamed, strict=False) if value is not None}
    return named | ({DATA: "\n".join(value for value in unnamed if value is not None)} if unnamed else {})


def _items(text: str) -> list[Any] | None:
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return items if isinstance(items, list) else None
