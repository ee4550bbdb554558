"""A real store in a temporary folder, and small frames to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from miharu.core.columns import UTC_MICROS
from miharu.core.identity import record_ids
from miharu.core.settings import Settings
from miharu.store import Store

CREATED = datetime(2024, 6, 1, tzinfo=UTC)

MakeEvents = Callable[..., pl.DataFrame]


def _events(times: list[datetime], key: str = "0" * 32, **columns: object) -> pl.DataFrame:
    rows = len(times)
    return pl.DataFrame(
        {
            "@timestamp": pl.Series(times, dtype=UTC_MICROS),
            "event.id": record_ids(key, np.arange(rows, dtype=np.uint64)),
            "event.dataset": ["test.events"] * rows,
            "event.original": [b"record %d of the test" % row for row in range(rows)],
            "event.created": pl.Series([CREATED] * rows, dtype=UTC_MICROS),
            "log.file.path": ["here.log"] * rows,
            "log.offset": pl.Series(range(rows), dtype=pl.UInt64),
            **columns,
        }
    )


@pytest.fixture(scope="session")
def make_events() -> MakeEvents:
    """Return a function: instants (and further columns) → a batch."""
    return _events


@pytest.fixture(scope="session")
def days() -> Callable[..., list[datetime]]:
    """Return a function: number of days → that many instants, a day apart, the last at CREATED."""
    return lambda count, step=1.0: [CREATED - timedelta(days=step * back) for back in reversed(range(count))]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with little memory and a data folder of the test's own."""
    return Settings(data=tmp_path / "data", store_memory_bytes=600_000_000)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Open one store for the tests of a module: starting its process takes a second."""
    data = tmp_path_factory.mktemp("shared") / "data"
    with Store.open(data, Settings(data=data, store_memory_bytes=600_000_000), grace=0.2) as opened:
        yield opened


@pytest.fixture
def store(shared_store: Store) -> Store:
    """The module's store, its tables empty and every token forgotten."""
    for table in ("events", "findings", "rejects"):
        shared_store.query(f"TRUNCATE TABLE {table}")
    return shared_store
