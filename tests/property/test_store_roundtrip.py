"""What the store is given it gives back; whatever was stored of a batch before, each row is there once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miharu.core.columns import UTC_MICROS
from miharu.core.identity import record_ids
from miharu.core.settings import Settings
from miharu.store import Store

CREATED = datetime(2024, 6, 1, tzinfo=UTC)
QUIET = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

instants = st.datetimes(timezones=st.just(UTC)) | st.integers(-3000, 400).map(
    lambda days: CREATED + timedelta(days=days)
)
texts = st.none() | st.text()
rows = st.lists(
    st.tuples(
        instants,
        st.binary(max_size=40),
        texts,
        texts,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.lists(st.text()),
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    data = tmp_path_factory.mktemp("store")
    with Store.open(data, Settings(data=data, store_memory_bytes=600_000_000), grace=0.2) as opened:
        yield opened


def batch(values: list[tuple[object, ...]]) -> pl.DataFrame:
    times, raw, host, message, number, names = zip(*values, strict=True)
    count = len(values)
    return pl.DataFrame(
        {
            "@timestamp": pl.Series(times, dtype=UTC_MICROS),
            "event.id": record_ids("5" * 32, np.arange(count, dtype=np.uint64)),
            "event.dataset": ["test.any"] * count,
            "event.original": pl.Series(raw, dtype=pl.Binary),
            "event.created": pl.Series([CREATED] * count, dtype=UTC_MICROS),
            "host.name": pl.Series(host, dtype=pl.String),
            "message": pl.Series(message, dtype=pl.String),
            "log.file.path": ["x"] * count,
            "log.offset": pl.Series(range(count), dtype=pl.UInt64),
            "x.number": pl.Series(number, dtype=pl.Int64),
            "x.names": pl.Series(names, dtype=pl.List(pl.String)),
        }
    )


@QUIET
@given(rows)
def test_any_event_comes_back_as_it_was(store, values):
    frame = batch(values)
    store.query("TRUNCATE TABLE events")
    store.insert("events", frame, "t")
    names = ", ".join(f"`{name}`" for name in frame.columns)
    back = store.query(f"SELECT {names} FROM events ORDER BY `log.offset`")
    assert back.to_dicts() == frame.to_dicts()


@QUIET
@given(rows, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5), st.randoms())
def test_again_completes_any_part_of_a_batch(store, values, cuts, random):
    frame = batch(values)
    store.query("TRUNCATE TABLE events")
    stored = frame.sample(fraction=random.random(), seed=random.randrange(1000))
    store.insert("events", stored, "t")
    for begin, length in cuts:
        store.insert_later("events", frame.slice(begin, length), "t", again=True).result()
    store.insert_later("events", frame, "t", again=True).result()
    assert sorted(store.query("SELECT `event.id` AS id FROM events")["id"]) == sorted(frame["event.id"])


@QUIET
@given(st.text(), st.lists(st.text(), max_size=5))
def test_bound_values_are_never_read_as_sql(store, text, items):
    row = store.query("SELECT {a:String} AS a, {b:Array(String)} AS b", {"a": text, "b": items})
    assert row.to_dicts() == [{"a": text, "b": items}]
