"""Columns that found no place of their own → one JSON object per row, without nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from miharu.core.columns import LEFTOVERS
from miharu.normalise.choices import WHEN
from miharu.normalise.plan import Remains


def what_is_left(
    frame: pl.DataFrame, events: pl.DataFrame, remains: Sequence[Remains], told: Mapping[str, pl.Series]
) -> list[pl.Series]:
    """Return the columns of `frame` that no column of `events` holds, null where one does.

    `told` gives for a column the rows that it told the event's time of.
    """
    left: list[pl.Series] = []
    for one in remains:
        series = frame.get_column(one.field)
        held = _held(frame, events, one, told.get(one.field))
        if held is None:
            left.append(series)
        elif not (held | series.is_null()).all():
            left.append(pl.select(pl.when(~held).then(series)).to_series().alias(one.field))
    return left


def _held(frame: pl.DataFrame, events: pl.DataFrame, one: Remains, held: pl.Series | None) -> pl.Series | None:
    for target in one.targets:
        found = events.get_column(target).is_not_null()
        held = found if held is None else held | found
    for number in one.blocks:
        flag = frame.get_column(f"{WHEN}{number}")
        held = flag if held is None else held | flag
    return held


def encode(columns: Sequence[pl.Series], name_of: Callable[[str], str]) -> pl.Series | None:
    """Return the JSON text of each row's values under `name_of(name)`, null for a row without; None if all are."""
    parts: list[pl.Expr] = []
    full = [series for series in columns if not series.null_count()]
    if full:
        parts.append(_members(full, name_of))
    parts.extend(
        pl.when(pl.col(series.name).is_not_null()).then(_members([series], name_of))
        for series in columns
        if 0 < series.null_count() < len(series)
    )
    if not parts:
        return None
    joined = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=",", ignore_nulls=True)
    text = pl.DataFrame([series for series in columns if series.null_count() < len(series)]).select(joined=joined)
    return text.select(
        pl.when(pl.col("joined") != "").then(pl.concat_str(pl.lit("{"), "joined", pl.lit("}"))).alias(LEFTOVERS)
    ).to_series()


def _members(columns: Sequence[pl.Series], name_of: Callable[[str], str]) -> pl.Expr:
    """Return the inside of a JSON object of `columns`, which have no nulls where it counts."""
    named = [_plain(series).alias(name_of(series.name)) for series in columns]
    return pl.struct(named).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")


def _plain(series: pl.Series) -> pl.Expr:
    value = pl.col(series.name)
    if isinstance(series.dtype, pl.Datetime):
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if series.dtype.is_float():
        return pl.when(value.is_finite()).then(value)
    return value
