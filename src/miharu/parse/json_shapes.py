"""JSON records → one frame per key shape (objects flattened to dotted names), and rejects.

Records that carry the same keys in the same order share a *shape*; a shape's values turn into columns at
C speed (`zip` over `dict.values`), so that no Python statement runs per value. Objects inside are opened
level by level, splitting the shape only where their keys differ. Grammar: RFC 8259.

* Numbers and booleans keep their type where a column has one; integers beyond 64 bits and mixed columns
  become text.
* An array of scalars is a list of texts; an array that holds objects or arrays is JSON text.
* `null`, `{}` give no value. Of keys given twice the last wins. Names that no column can have
  (`record.…` is the chunk's own, `*` stands for all) get `json.` before them.
* A record that is JSON but not an object is given as `message`.
"""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import NoneType
from typing import Any, Final, NoReturn

import orjson
import polars as pl

from miharu.core.columns import (
    LOG_OFFSET,
    LOG_PATH,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PATH,
    RECORD_RAW,
    RECORD_ROW,
    REJECT_SCHEMA,
    empty_rejects,
)
from miharu.parse.json_columns import agree, all_series, as_json_text, bound_width
from miharu.parse.json_merging import Column, Shape, merged

SLICE_ROWS: Final = 4096
"""Records decoded before their columns are built: enough to share shapes, few enough to stay in cache."""

MAX_DEPTH: Final = 16
"""Objects nested deeper are kept as JSON text."""

_NULL: Final = "null"
"""What a record says that is nothing but a null: it is a record all the same."""
_BOM: Final = b"\xef\xbb\xbf"


def read_json(records: pl.DataFrame) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return `(frames, rejects)` of records that are JSON texts.

    Each frame has the `record.*` columns of its records and one column per key; a name has the same type
    in every frame, so that frames can be stacked. What cannot be read is rejected as `json_invalid`.
    """
    frames: list[pl.DataFrame] = []
    rejects = [empty_rejects()]
    with collector_paused():
        for part in records.iter_slices(SLICE_ROWS):
            frames += _read_slice(part, rejects)
    return bound_width(agree(frames)), pl.concat(rejects)


def _read_slice(part: pl.DataFrame, rejects: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return the frames of one slice; the decoded objects die here, before the collector wakes up."""
    broken: list[tuple[int, str]] = []
    events = _decode(part[RECORD_RAW].to_list(), broken)
    if broken:
        rejects.append(rejected(part, broken, "json_invalid"))
    return frames_of(events, part)


def frames_of(events: list[Any], part: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the frames of decoded objects (None where there is none), one object per row of `part`."""
    leaves = [leaf for shape in _shapes(events) for leaf in _leaves(shape)]
    return [_frame(shape, part) for shape in merged(leaves)]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: it would walk thousands of fresh dicts again and again, in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _decode(raws: list[bytes], broken: list[tuple[int, str]]) -> list[Any]:
    """Return the decoded records (None for a broken one, listed in `broken` with what is wrong)."""
    loads = orjson.loads
    try:
        decoded = [loads(raw) for raw in raws]
    except orjson.JSONDecodeError:
        return [_decode_one(at, raw, broken) for at, raw in enumerate(raws)]
    return [_NULL if value is None else value for value in decoded] if None in decoded else decoded


def _decode_one(at: int, raw: bytes, broken: list[tuple[int, str]]) -> Any:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            value = _decode_leniently(raw)
        except (ValueError, RecursionError):
            broken.append((at, f"{error.msg} at position {error.pos}"))
            return None
    return _NULL if value is None else value


def _decode_leniently(raw: bytes) -> Any:
    """Decode what common senders get wrong.

    A byte order mark, bytes that are not UTF-8, raw control characters in strings, halves of surrogate
    pairs. NaN and infinities stay errors.
    """
    text = raw.removeprefix(_BOM).decode("utf-8", "replace")
    value = json.loads(text, strict=False, parse_constant=_refuse_constant)
    return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def rejected(part: pl.DataFrame, broken: list[tuple[int, str]], reason: str) -> pl.DataFrame:
    """Return rejects for the rows of `part` listed in `broken` with what is wrong."""
    rows = part[[at for at, _ in broken]]
    return rows.select(
        pl.col(RECORD_ID).alias("reject.id"),
        pl.lit(reason).alias("reject.reason"),
        pl.Series("reject.detail", [detail for _, detail in broken], dtype=pl.String),
        pl.col(RECORD_RAW).alias("reject.raw"),
        pl.col(RECORD_PATH).alias(LOG_PATH),
        pl.col(RECORD_OFFSET).alias(LOG_OFFSET),
        pl.col(RECORD_ROW),
    ).cast(pl.Schema(REJECT_SCHEMA))


def _shapes(events: list[Any]) -> Iterator[Shape]:
    """Group decoded records by their keys."""
    if set(map(type, events)) == {dict}:
        rows_of: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at, keys in enumerate(map(tuple, events)):
            rows_of[keys].append(at)
    else:
        rows_of = _rows_of_objects(events)
        bare = [at for at, event in enumerate(events) if not isinstance(event, (dict, NoneType))]
        if bare:
            yield Shape(["message"], [[as_json_text(events[at]) for at in bare]], bare)
    for keys, rows in rows_of.items():
        chosen = events if len(rows) == len(events) else [events[at] for at in rows]
        yield Shape(list(keys), list(zip(*map(dict.values, chosen), strict=True)), rows)


def _rows_of_objects(events: list[Any]) -> dict[tuple[str, ...], list[int]]:
    rows_of: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, event in enumerate(events):
        if isinstance(event, dict):
            rows_of[tuple(event)].append(at)
    return rows_of


def _leaves(shape: Shape) -> Iterator[Shape]:
    """Yield the shape if it holds no objects, else one for each shape of the objects inside."""
    nested = [j for j, column in enumerate(shape.columns) if _holds_objects(column)]
    if not nested:
        yield shape
        return
    for inner in _opened(shape, nested):
        yield from _leaves(inner)


def _frame(shape: Shape, part: pl.DataFrame) -> pl.DataFrame:
    series = {made.name: made for made in all_series(shape.names, shape.columns)}
    base = part if shape.in_order and len(shape.rows) == len(part) else part[shape.rows]
    return base.hstack(list(series.values()))


def _holds_objects(column: Column) -> bool:
    first = column[0]
    if isinstance(first, str) and isinstance(column[-1], str):
        # Nearly every column of text ends here; the rare one with an object in its middle does not,
        # and is kept as JSON text there (`_series`).
        return False
    return dict in set(map(type, column))


def _opened(shape: Shape, nested: list[int]) -> Iterator[Shape]:
    """Open the objects in the columns `nested`, splitting the records by the keys found inside."""
    if shape.depth >= MAX_DEPTH:
        for j in nested:
            shape.columns[j] = [as_json_text(value) if isinstance(value, dict) else value for value in shape.columns[j]]
        yield shape
        return
    inner_keys = [[tuple(value) if isinstance(value, dict) else None for value in shape.columns[j]] for j in nested]
    rows_of: dict[tuple[tuple[str, ...] | None, ...], list[int]] = defaultdict(list)
    for at, keys in enumerate(zip(*inner_keys, strict=True)):
        rows_of[keys].append(at)
    for keys, rows in rows_of.items():
        yield _inner(shape, dict(zip(nested, keys, strict=True)), rows)


def _inner(shape: Shape, keys_of: dict[int, tuple[str, ...] | None], rows: list[int]) -> Shape:
    whole = len(rows) == len(shape.rows)
    names: list[str] = []
    columns: list[Column] = []
    for j, (name, column) in enumerate(zip(shape.names, shape.columns, strict=True)):
        chosen = column if whole else [column[at] for at in rows]
        keys = keys_of.get(j)
        if keys is None:
            names.append(name)
            columns.append(chosen)
        else:
            names += [f"{name}.{key}" for key in keys]
            columns += zip(*map(dict.values, chosen), strict=True)
    return Shape(names, columns, shape.rows if whole else [shape.rows[at] for at in rows], shape.depth + 1)
