"""Bytes and bounds of a column of texts give the texts back."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.letters import text_bytes


@given(st.lists(st.text(max_size=20) | st.none(), max_size=20), st.integers(0, 5))
def test_texts_come_back(texts: list[str | None], begin: int) -> None:
    series = pl.concat([pl.Series(texts, dtype=pl.String), pl.Series(["x"], dtype=pl.String)])
    part = series.slice(begin)
    letters, bounds = text_bytes(part)
    assert len(bounds) == len(part) + 1
    pairs = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    assert [letters[start:stop].tobytes().decode() for start, stop in pairs] == part.fill_null("").to_list()
