"""Columns that found no place of their own → one JSON object per row, without nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import orjson
import polars as pl

from miharu.core.columns import LEFTOVERS
from miharu.normalise.choices import WHEN
from miharu.normalise.lists import kept, lists_by_row
from miharu.normalise.plan import Remains

_VALUE: Final = "v"


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
    """Return the JSON text of each row's values under `name_of(name)`, null for a row without; None if all are.

    Where two values of one row have the same name, the second is called `<name>.2`.
    """
    named = _apart([(name_of(series.name), series) for series in columns if series.null_count() < len(series)])
    if not named:
        return None
    full = [(name, series) for name, series in named if not series.null_count()]
    gappy = [(name, series) for name, series in named if series.null_count()]
    parts = ([_members(full)] if full else []) + ([_sparse(gappy)] if gappy else [])
    joined = pl.select(pl.concat_str(*parts, separator=",", ignore_nulls=True)).to_series()
    return pl.select(
        pl.when(joined != "").then(pl.concat_str(pl.lit("{"), joined, pl.lit("}"))).alias(LEFTOVERS)
    ).to_series()


def _apart(named: Sequence[tuple[str, pl.Series]]) -> list[tuple[str, pl.Series]]:
    """Return the same values, no row with two of one name; a row's names do not depend on other rows."""
    if len({name for name, _ in named}) == len(named):
        return list(named)
    apart: list[tuple[str, pl.Series]] = []
    taken: dict[str, pl.Series] = {}
    for name, values in named:
        number, left = 1, values
        while left.null_count() < len(left):
            own = name if number == 1 else f"{name}.{number}"
            held = taken.get(own)
            here = left if held is None else pl.select(pl.when(~held).then(left)).to_series()
            if here.null_count() < len(here):
                apart.append((own, here))
            taken[own] = here.is_not_null() if held is None else held | here.is_not_null()
            if held is None:
                break
            left = pl.select(pl.when(held).then(left)).to_series()
            number += 1
    return apart


def _members(columns: Sequence[tuple[str, pl.Series]]) -> pl.Series:
    """Return the insides of JSON objects of `columns`, which have no nulls."""
    frame = pl.DataFrame([series.alias(str(place)) for place, (_, series) in enumerate(columns)])
    values = [_plain(frame.get_column(str(place))).alias(name) for place, (name, _) in enumerate(columns)]
    return frame.select(pl.struct(values).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")).to_series()


def _sparse(columns: Sequence[tuple[str, pl.Series]]) -> pl.Series:
    """Return the insides of JSON objects of `columns`, null in rows without a value.

    Only what is there is encoded, texts of all columns by one call: with a hundred columns, calls are what costs.
    """
    there = [series.is_not_null().to_numpy() for _, series in columns]
    held = [(name, kept(series, flags)) for (name, series), flags in zip(columns, there, strict=True)]
    return lists_by_row(_cells(held), there).list.join(",")


def _cells(columns: Sequence[tuple[str, pl.Series]]) -> list[pl.Series]:
    """Return `"name":value` of every value, for each column by itself."""
    made = {at: _members([one]) for at, one in enumerate(columns) if one[1].dtype != pl.String}
    texts = [at for at in range(len(columns)) if at not in made]
    if texts:
        lengths = [len(columns[at][1]) for at in texts]
        names = pl.Series([f"{orjson.dumps(columns[at][0]).decode()}:" for at in texts], dtype=pl.String)
        owner = pl.Series(np.repeat(np.arange(len(texts), dtype=np.uint32), lengths))
        values = pl.concat([columns[at][1].alias(_VALUE) for at in texts]).to_frame()
        encoded = pl.struct(_VALUE).struct.json_encode().str.strip_prefix(f'{{"{_VALUE}":').str.strip_suffix("}")
        cells = values.select(pl.concat_str(names.gather(owner), encoded)).to_series()
        begins = np.cumsum([0, *lengths]).tolist()
        made |= {at: cells.slice(begin, length) for at, begin, length in zip(texts, begins, lengths, strict=False)}
    return [made[at] for at in range(len(columns))]


def _plain(series: pl.Series) -> pl.Expr:
    value = pl.col(series.name)
    if isinstance(series.dtype, pl.Datetime):
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if series.dtype.is_float():
        return pl.when(value.is_finite()).then(value)
    return value
