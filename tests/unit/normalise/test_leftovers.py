"""What is left of a record keeps every value, of whatever type, also where two of them have one name."""

from __future__ import annotations

import json

import orjson
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.normalise.leftovers import encode

ROWS = st.lists(st.tuples(*[st.none() | st.integers(0, 9)] * 3), min_size=1, max_size=6)


def naive(row: tuple[int | None, ...]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for name, value in zip(("a", "b", "a"), row, strict=True):
        if value is not None:
            found[f"{name}.2" if name in found else name] = value
    return found or None


@given(ROWS)
def test_values_of_one_name(rows: list[tuple[int | None, ...]]):
    columns = [
        pl.Series(name, values, dtype=pl.Int64) for name, values in zip("xyz", zip(*rows, strict=True), strict=True)
    ]
    text = encode(columns, {"x": "a", "y": "b", "z": "a"}.__getitem__)
    found = [None] * len(rows) if text is None else [json.loads(each) if each else None for each in text]
    assert found == [naive(row) for row in rows]


KINDS = {
    pl.String(): st.text(max_size=8),
    pl.Int64(): st.integers(-(2**63), 2**63 - 1),
    pl.Float64(): st.floats(allow_nan=False, allow_infinity=False),
    pl.Boolean(): st.booleans(),
    pl.List(pl.String()): st.lists(st.text(max_size=3), max_size=2),
}


@st.composite
def columns_of_all_kinds(draw: st.DrawFn) -> list[pl.Series]:
    height = draw(st.integers(1, 5))
    names = draw(st.lists(st.text(max_size=4), min_size=1, max_size=8, unique=True))
    kinds = [draw(st.sampled_from(list(KINDS))) for _ in names]
    return [
        pl.Series(name, draw(st.lists(st.none() | KINDS[kind], min_size=height, max_size=height)), dtype=kind)
        for name, kind in zip(names, kinds, strict=True)
    ]


@given(columns_of_all_kinds())
def test_values_of_all_kinds(columns: list[pl.Series]):
    text = encode(columns, str)
    found = [None] * len(columns[0]) if text is None else [orjson.loads(each) if each else None for each in text]
    naive = [
        {series.name: value for series, value in zip(columns, row, strict=True) if value is not None} or None
        for row in zip(*(series.to_list() for series in columns), strict=True)
    ]
    assert found == naive


def test_values_stand_in_the_order_of_their_columns():
    columns = [pl.Series("b", ["x", None]), pl.Series("a", [None, 2]), pl.Series("c", ["y", "z"])]
    text = encode([*columns, pl.Series("d", [None, "w"])], str)
    assert text is not None
    assert text.to_list() == ['{"c":"y","b":"x"}', '{"c":"z","a":2,"d":"w"}']
