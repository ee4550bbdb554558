"""Values that are worked out for whole columns are those that a plain loop over the rows gives."""

from __future__ import annotations

import re

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from miharu.normalise.conversions import duration_clock, integer
from miharu.normalise.related import related

ADDRESS = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]) | st.none()
LIST = st.lists(ADDRESS, max_size=3) | st.none()
CLOCK = st.from_regex(r"\A(?:[0-9]{1,3}d )?[0-9]{1,3}h?:[0-9]{2}m?:[0-9]{2}s?\Z")
NUMBER = st.integers(-(2**63), 2**63 - 1).map(str) | st.integers(0, 2**60).map(lambda value: f" {value:#x} ")
ODD = st.text(alphabet="0123456789:dhms x-", max_size=10) | st.none()


@given(st.lists(st.tuples(LIST, ADDRESS, LIST, ADDRESS), min_size=1, max_size=10))
def test_related_lists_hold_each_value_once_in_order(rows: list[tuple[list[str] | str | None, ...]]) -> None:
    names = ["host.ip", "source.ip", "related.ip", "destination.ip"]
    lists = pl.List(pl.String)
    schema = {name: lists if at % 2 == 0 else pl.String for at, name in enumerate(names)}
    batch = pl.DataFrame(rows, schema=schema, orient="row")
    expected = []
    used = any(value is not None for row in rows for value in (row[0], row[1], row[3]))
    for host, source, known, destination in batch.iter_rows():
        # The list that is there already comes first, then other lists, then single values.
        values = [*(known or []), *(host or []), source, destination]
        found = list(dict.fromkeys(value for value in values if value is not None))
        expected.append(found or None)
    made = {series.name: series.to_list() for series in related(batch)}
    assert made == ({"related.ip": expected} if used else {})


@given(st.lists(CLOCK | ODD, min_size=1, max_size=10))
def test_clocks(texts: list[str | None]) -> None:
    assert column(texts).select(duration_clock(pl.col("v"))).to_series().to_list() == [nanos(text) for text in texts]


@given(st.lists(NUMBER | st.none(), min_size=1, max_size=10))
def test_whole_numbers(texts: list[str | None]) -> None:
    told = column(texts).select(integer(pl.col("v"))).to_series().to_list()
    assert told == [None if text is None else int(text.strip(), 0) for text in texts]


def column(texts: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({"v": texts}, schema={"v": pl.String})


def nanos(text: str | None) -> int | None:
    found = re.fullmatch(r"(?:([0-9]+)d )?([0-9]+)h?:([0-9]{2})m?:([0-9]{2})s?", text or "")
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 10**9
