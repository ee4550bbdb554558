"""What is left of a record keeps every value, also where two of them have one name."""

from __future__ import annotations

import json

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
