"""An event and new values for some of its columns → the event as it would be with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, TypeAlias

import orjson
import polars as pl

from miharu.core.columns import EVENT_ORIGINAL, LEFTOVERS
from miharu.detect.judging import Judge
from miharu.detect.model import ValueTest
from miharu.detect.witnesses import keyword_texts, spoilt_text

Change: TypeAlias = str | tuple[str, ...] | None
"""A value, several of them, or none."""


def edited(event: pl.DataFrame, changes: Mapping[str, Change]) -> pl.DataFrame | None:
    """Return a batch of one row with other values in some columns; None where a column cannot hold its value."""
    series: list[pl.Series] = []
    for name, change in changes.items():
        made = _series(name, change, event.schema.get(name))
        if made is None:
            return None
        series.append(made)
    return event.with_columns(series)


def _series(name: str, change: Change, dtype: pl.DataType | None) -> pl.Series | None:
    if change is None:
        return pl.Series(name, [None], dtype=dtype or pl.String)
    if dtype is None:
        return pl.Series(name, [list(change) if isinstance(change, tuple) else change])
    try:
        if isinstance(change, tuple):
            return pl.Series(name, [list(change)], dtype=pl.List(pl.String)).cast(dtype)
        if isinstance(dtype, pl.Datetime):
            return pl.Series(name, [datetime.fromisoformat(change)], dtype=dtype)
        if dtype == pl.Binary:
            return pl.Series(name, [change.encode()], dtype=dtype)
        return pl.Series(name, [change], dtype=pl.String).cast(dtype)
    except (ValueError, TypeError, pl.exceptions.PolarsError):
        return None


def keyword_changes(
    event: pl.DataFrame, wanted: Sequence[ValueTest], unwanted: Sequence[ValueTest]
) -> Iterator[dict[str, Change]]:
    """Yield changes after which the event holds some keywords, and others no longer."""
    raw = _raw(event)
    spoilt: dict[str, Change] = {}
    if unwanted:
        without = _spoiler(unwanted)
        raw = _mapped(raw, without)
        spoilt = {name: change for name, change in _everywhere(event, without) if change != _told(event, name)}
    for texts in product(*(keyword_texts(test) for test in wanted)):
        added = raw
        for text in texts:
            added = _with(added, text)
        yield {**spoilt, EVENT_ORIGINAL: added}


def _spoiler(unwanted: Sequence[ValueTest]) -> Callable[[str], str]:
    judge = Judge()

    def without(text: str) -> str:
        for test in unwanted:
            if judge.holds_for(test, text):
                text = spoilt_text(test, text)
        return text

    return without


def _everywhere(event: pl.DataFrame, change: Callable[[str], str]) -> Iterator[tuple[str, Change]]:
    """Yield the columns of texts, raw text aside, with every text in them changed."""
    for name, dtype in event.schema.items():
        value = event.get_column(name)[0]
        if name == EVENT_ORIGINAL or value is None:
            continue
        if isinstance(dtype, pl.List):
            yield name, tuple(change(str(inner)) for inner in value)
        elif dtype == pl.String:
            yield name, _mapped(value, change) if name == LEFTOVERS else change(value)


def _told(event: pl.DataFrame, name: str) -> Change:
    if name not in event.columns:
        return ""
    value = event.get_column(name)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return tuple(str(inner) for inner in value) if isinstance(value, pl.Series) else value


def _raw(event: pl.DataFrame) -> str:
    value = event.get_column(EVENT_ORIGINAL)[0] if EVENT_ORIGINAL in event.columns else None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _with(raw: str, text: str) -> str:
    match _document(raw):
        case dict() as document:
            return orjson.dumps({**document, "added": text}).decode()
        case list() as document:
            return orjson.dumps([*document, text]).decode()
        case _:
            return f"{raw} {text}" if raw else text


def _mapped(raw: str, change: Callable[[str], str]) -> str:
    document = _document(raw)
    return change(raw) if document is None else orjson.dumps(_leaves(document, change)).decode()


def _leaves(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case dict():
            return {key: _leaves(inner, change) for key, inner in value.items()}
        case list():
            return [_leaves(inner, change) for inner in value]
        case str():
            return change(value)
        case _:
            return value


def _document(raw: str) -> Any:
    if raw.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
