"""Searches through the real store: the SQL passes its read-only door and finds what was inserted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.search import compile_search
from miharu.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    with warnings.catch_warnings():
        # The store process outlives the handle of the one who started it, on purpose.
        warnings.simplefilter("ignore", ResourceWarning)
        opened = Store.open(folder, Settings(data=folder), grace=0.0)
    with opened:
        opened.insert("events", _events(), "batch-1")
        yield opened
        opened.shutdown()


def _events() -> pl.DataFrame:
    times = [datetime(1601, 1, 1, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)]
    created = [datetime(2026, 11, 24, tzinfo=UTC)] * 3
    return pl.DataFrame(
        {
            "@timestamp": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
            "event.id": ["a", "b", "c"],
            "event.dataset": ["test.rows"] * 3,
            "event.original": [b"Login FAILED \xff", b"login ok", b"reboot"],
            "event.created": pl.Series(created, dtype=pl.Datetime("us", "UTC")),
            "log.file.path": ["x.log"] * 3,
            "log.offset": pl.Series([0, 1, 2], dtype=pl.UInt64),
            "user.name": ["alice", "bob", None],
            "tags": [["x"], [], ["y", "x"]],
            "fields": ['{"app.kind":"small"}', None, None],
        }
    )


@pytest.mark.mission("S3")
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ["c", "b", "a"]),
        ("failed", ["a"]),
        ("not failed", ["c", "b"]),
        ("@timestamp < 1900-01-01", ["a"]),
        ("@timestamp : 2999-01-01", ["c"]),
        ("tags : x and not user.name : *", ["c"]),
        ("app.kind : SMALL", ["a"]),
    ],
)
def test_a_search_finds_what_was_inserted(text: str, ids: list[str], store: Store) -> None:
    query = compile_search(text, store.columns("events"))
    assert store.query_readonly(query.sql)["event.id"].cast(pl.String).to_list() == ids
    assert store.query(query.sql, query.params)["event.id"].cast(pl.String).to_list() == ids


def test_merging_changes_no_answer(store: Store) -> None:
    query = compile_search("not failed", store.columns("events"))
    before = store.query(query.sql)
    store.optimize()
    assert store.query(query.sql).equals(before)


def test_the_readonly_door_is_closed(store: Store) -> None:
    for sql in ("SELECT * FROM system.tables", "SELECT file('x.log')", "DROP TABLE events"):
        with pytest.raises(QueryError):
            store.query_readonly(sql)
