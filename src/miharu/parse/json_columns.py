"""Frames of different shapes → frames that can be stacked: one type per name, a bounded number of names."""

from __future__ import annotations

from collections import Counter
from typing import Final

import orjson
import polars as pl

MAX_NAMES: Final = 1500
"""Names given a column of their own in one chunk. Data keyed by ids (one key per user, say) would
otherwise make as many columns as records."""

REST: Final = "json.rest"
"""Column of JSON text for the keys beyond `MAX_NAMES`."""


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
