"""Rows of one log source → the same rows with the columns its `read` steps add.

A step with several patterns gives one frame per pattern that matched: frames come by shape, so that
their columns are full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

import orjson
import polars as pl

from miharu.catalog import ReadStep
from miharu.core.columns import RECORD_PAIRS
from miharu.parse.cef import read_cef, read_leef
from miharu.parse.json_columns import as_json_text
from miharu.parse.pairs import marked_pairs, pairs_apart, read_pairs, spread
from miharu.parse.regexes import read_regex
from miharu.parse.splitting import Dialect, named_values, split, unquoted, without_empty
from miharu.parse.xml_text import read_xml

_KEY: Final = r"[0-9A-Za-z_][0-9A-Za-z_.\-]*"

Reader: TypeAlias = Callable[[pl.DataFrame, ReadStep], list[pl.DataFrame]]


def read_all(frame: pl.DataFrame, steps: Sequence[ReadStep], readers: Mapping[str, Reader]) -> list[pl.DataFrame]:
    """Run all steps over a frame; rows may come back in several frames, each exactly once.

    What the last step reads need not be apart by shape: no other step asks which columns there are.
    """
    frames = [frame]
    for place, step in enumerate(steps, 1):
        read = (
            partial(read_regex, together=True)
            if step.reader == "regex" and place == len(steps)
            else readers[step.reader]
        )
        frames = [made for part in frames for made in _run(part, step, read)]
    return frames


def _run(frame: pl.DataFrame, step: ReadStep, read: Reader) -> list[pl.DataFrame]:
    if step.field not in frame.columns or frame.is_empty() or frame.schema[step.field].is_nested():
        # A list of plain values holds no text to read; it stays as it is.
        return [frame]
    return read(frame, step)


def read_keyvalue(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read pairs; a key that is already a column does not replace it.

    Those that the container has read of the same text are given their prefix.
    """
    if step.prefix and RECORD_PAIRS in frame.columns and _is_record(frame, step.field):
        return [_renamed(frame, step.prefix)]
    text, options = frame.get_column(step.field).cast(pl.String), step.options
    assign = options.get("assign", "=")
    if options.get("values") == "spaced":
        pairs = marked_pairs(text, options.get("keys", _KEY), assign)
        value = unquoted(pairs.get_column("value").str.strip_chars(), Dialect("", '"', "backslash"))
        found = pairs.with_columns(value.alias("value"))
    elif "separator" in options:
        dialect = Dialect(options["separator"], options.get("quote", '"'), options.get("escape", "backslash"))
        found = pairs_apart(text, dialect, assign)
    else:
        return _added(frame, _said(read_pairs(text, step.prefix, assign), step.prefix))
    return _added(frame, _said(spread(found.with_columns(key=step.prefix + pl.col("key")), frame.height), step.prefix))


def _said(columns: Sequence[pl.Series], prefix: str) -> list[pl.Series]:
    """Return columns whose keys have a prefix without the values that are empty, the others as they are."""
    return [without_empty(series) for series in columns] if prefix else list(columns)


def _renamed(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Give the keys that a container has read their prefix; empty values say nothing."""
    own = frame.columns[: frame.columns.index(RECORD_PAIRS)]
    keys = [name for name in own if not name.startswith("record.") and name != "message"]
    return (
        frame.with_columns(map(without_empty, frame.select(keys)))
        .rename({key: prefix + key for key in keys})
        .drop(RECORD_PAIRS)
    )


def _is_record(frame: pl.DataFrame, name: str) -> bool:
    return name == "message" or frame.get_column(name).equals(frame.get_column("message"))


def read_columns(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read values by their position: the names are those of `columns` that are as many as the values."""
    options = step.options
    dialect = Dialect(options.get("separator", ","), options.get("quote", '"'), options.get("escape", "double"))
    text = frame.get_column(step.field).cast(pl.String)
    if options.get("count") == "any":
        return _added(frame, named_values(text, dialect, [step.prefix + name for name in step.columns[0]]))
    left = pl.Series([True]).new_from_index(0, frame.height)
    frames: list[pl.DataFrame] = []
    for names in step.columns:
        values, fits = split(text, dialect, len(names))
        fits &= left
        if not fits.any():
            continue
        left &= ~fits
        named = [series.alias(step.prefix + name) for series, name in zip(values.get_columns(), names, strict=True)]
        filled = [without_empty(series) for series in pl.DataFrame(named).filter(fits).get_columns()]
        frames += _added(frame.filter(fits), [series for series in filled if series.null_count() < len(series)])
    return [*frames, frame.filter(left)] if left.any() else frames


def read_cef_text(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read CEF; see `miharu.parse.cef`."""
    text = frame.get_column(step.field).cast(pl.String)
    return _added(frame, read_cef(text, step.prefix, step.options.get("strip", "")))


def read_leef_text(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read LEEF; see `miharu.parse.cef`."""
    return _added(frame, read_leef(frame.get_column(step.field).cast(pl.String), step.prefix))


def read_xml_text(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read an XML element in a text field; see `miharu.parse.xml_text`."""
    return _added(frame, read_xml(frame.get_column(step.field).cast(pl.String), step.prefix))


def _added(frame: pl.DataFrame, columns: Sequence[pl.Series]) -> list[pl.DataFrame]:
    """Return the frame with columns; one that is there already is not replaced."""
    return [frame.with_columns(series for series in columns if series.name not in frame.columns)]


def read_json_text(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read a JSON object in a text field: leaves by dotted name, as text; anything else adds nothing."""
    rows: list[int] = []
    keys: list[str] = []
    values: list[str] = []
    for row, text in enumerate(frame.get_column(step.field).to_list()):
        for key, value in _leaves(text):
            rows.append(row)
            keys.append(step.prefix + key)
            values.append(value)
    pairs = pl.DataFrame(
        {"row": rows, "key": keys, "value": values}, schema={"row": pl.UInt32, "key": pl.String, "value": pl.String}
    )
    return _added(frame, spread(pairs, frame.height))


def read_path(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Join a folder and a name, the way the folder is written; where one is missing there is no path.

    What already ends with the name is the path itself.
    """
    if step.by not in frame.columns or frame.schema[step.by].is_nested():
        return [frame]
    folder, name = pl.col(step.field).cast(pl.String), pl.col(step.by).cast(pl.String)
    slash = pl.when(folder.str.contains("\\", literal=True)).then(pl.lit("\\")).otherwise(pl.lit("/"))
    whole = folder.str.to_lowercase().str.ends_with(pl.concat_str(slash, name.str.to_lowercase()))
    joined = pl.when(whole).then(folder).otherwise(pl.concat_str(folder.str.strip_suffix(slash), slash, name))
    return [frame.with_columns(pl.when((folder != "") & name.is_not_null()).then(joined).alias(step.prefix))]


def _leaves(text: str | None) -> list[tuple[str, str]]:
    try:
        value = orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return []
    found: list[tuple[str, str]] = []
    waiting: list[tuple[str, object]] = [("", value)] if isinstance(value, dict) else []
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend((f"{name}.{key}".lstrip("."), inner) for key, inner in reversed(item.items()))
        elif item is not None:
            found.append((name, as_json_text(item) or ""))
    return found
