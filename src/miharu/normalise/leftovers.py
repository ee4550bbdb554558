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
    """Return the JSON text of each row's values under `name_of(name)`, null for a row without; None if all are.

    Where two values of one row have the same name, the second is called `<name>.2`.
    """
    named = _apart([(name_of(series.name), series) for series in columns if series.null_count() < len(series)])
    if not named:
        return None
    frame = pl.DataFrame([series.alias(str(place)) for place, (_, series) in enumerate(named)])
    members = [(name, frame.get_column(str(place))) for place, (name, _) in enumerate(named)]
    parts: list[pl.Expr] = []
    full = [(name, series) for name, series in members if not series.null_count()]
    if full:
        parts.append(_members(full))
    parts.extend(pl.lit(_sparse(name, series)) for name, series in members if series.null_count())
    joined = parts[0] if len(parts) == 1 else pl.concat_str(parts, separator=",", ignore_nulls=True)
    return (
        frame.select(joined=joined)
        .select(
            pl.when(pl.col("joined") != "").then(pl.concat_str(pl.lit("{"), "joined", pl.lit("}"))).alias(LEFTOVERS)
        )
        .to_series()
    )


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


def _members(columns: Sequence[tuple[str, pl.Series]]) -> pl.Expr:
    """Return the inside of a JSON object of `columns`, which have no nulls where it counts."""
    named = [_plain(series).alias(name) for name, series in columns]
    return pl.struct(named).struct.json_encode().str.strip_prefix("{").str.strip_suffix("}")


def _sparse(name: str, series: pl.Series) -> pl.Series:
    """Return the inside of a JSON object of one column, null where it is: only what is there is encoded."""
    rows = series.is_not_null().arg_true()
    text = series.gather(rows).to_frame().select(_members([(name, series)])).to_series()
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(series)).scatter(rows, text)


def _plain(series: pl.Series) -> pl.Expr:
    value = pl.col(series.name)
    if isinstance(series.dtype, pl.Datetime):
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if series.dtype.is_float():
        return pl.when(value.is_finite()).then(value)
    return value
