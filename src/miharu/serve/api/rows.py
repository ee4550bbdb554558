"""Frames of the store → JSON, row by row: flat objects with dotted names."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import orjson
import polars as pl

from miharu.core.columns import LEFTOVERS, RECORD_ROW

_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS
_ROWS_A_PIECE: Final = 500


def event_rows(frame: pl.DataFrame, names: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield rows without nulls, what has no column of its own merged in; of `names` only, if any are given."""
    wanted = frozenset(names)
    for row in frame.drop(RECORD_ROW, strict=False).iter_rows(named=True):
        flat = {name: value for name, value in row.items() if value is not None and name != LEFTOVERS}
        if leftovers := row.get(LEFTOVERS):
            flat |= {name: value for name, value in orjson.loads(leftovers).items() if name not in flat}
        yield {name: value for name, value in flat.items() if name in wanted} if wanted else flat


def filled_columns(frame: pl.DataFrame) -> list[str]:
    """Return the columns that hold a value somewhere, but for the one of leftovers, which is merged into rows."""
    return [
        name
        for name in frame.columns
        if name not in {LEFTOVERS, RECORD_ROW} and frame[name].null_count() < frame.height
    ]


def encode(value: Any) -> bytes:
    """Return JSON: instants in UTC with a Z, bytes as text with replacement characters."""
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except orjson.JSONEncodeError:
        # A whole number beyond 64 bits, or the keys of a map that came as bytes.
        return json.dumps(_textual(value), default=_plain, ensure_ascii=False).encode("utf-8", "replace")


def lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield JSON lines, many at a time."""
    for piece in _pieces(rows):
        yield b"".join(row + b"\n" for row in piece)


def document(head: dict[str, Any], name: str, rows: Iterable[dict[str, Any]], tail: dict[str, Any]) -> Iterator[bytes]:
    """Yield one JSON object: the members of `head`, the list `name` of rows, the members of `tail`."""
    yield encode(head)[:-1] + (b"," if head else b"") + encode(name) + b":["
    joint = b""
    for piece in _pieces(rows):
        yield joint + b",".join(piece)
        joint = b","
    yield b"]" + (b"," if tail else b"") + encode(tail)[1:]


def _pieces(rows: Iterable[dict[str, Any]]) -> Iterator[list[bytes]]:
    piece: list[bytes] = []
    for row in rows:
        piece.append(encode(row))
        if len(piece) == _ROWS_A_PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _textual(value: Any) -> Any:
    """Return a value with text for the keys of every mapping in it, instants as they are written elsewhere."""
    if isinstance(value, dict):
        return {str(_plain(key)): _textual(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_textual(each) for each in value]
    # As orjson writes them: an instant with a Z, null for what is no number.
    return orjson.loads(orjson.dumps(value, option=_OPTIONS)) if isinstance(value, datetime | float) else value


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
