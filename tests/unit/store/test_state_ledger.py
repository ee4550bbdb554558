"""The import ledger and the batch journal: nothing is begun twice, nothing finished is forgotten."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xxhash
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from miharu.store import Counts, Segment, State, StateError
from miharu.store.schema import HEAD, _migrate, bring_up_to_date
from miharu.store.state_tables import METADATA

NOW = datetime(2024, 6, 1, 12, 0, 0, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    """What a reader knows of content after one pass."""

    size: int
    digest: str
    heads: Mapping[int, str]


def seen(content: bytes) -> Seen:
    digest = xxhash.xxh3_128_hexdigest
    heads = {2**k: digest(content[: 2**k]) for k in range(13) if 2**k <= len(content)}
    return Seen(len(content), digest(content), heads)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path, clock=lambda: NOW) as opened:
        yield opened


def register(state: State, content: bytes, key: str | None = None, path: str = "a.log") -> str:
    scan = seen(content)
    state.register(key or scan.digest, path, scan)
    return key or scan.digest


@pytest.mark.parametrize("size", [0, 1, 3, 1000, 5000])
def test_content_is_found_by_its_head_and_so_is_what_it_grew_into(state, size):
    content = bytes(range(256)) * 40
    key = register(state, content[:size])
    (known,) = state.lookup(seen(content[:size]).heads)
    assert (known.file_key, known.size, known.digest) == (key, size, seen(content[:size]).digest)
    assert (known.path, known.complete, known.committed) == ("a.log", False, 0)
    if size:
        assert [each.file_key for each in state.lookup(seen(content).heads)] == [key]
    assert state.lookup(seen(b"something else").heads) == []


def test_a_batch_is_pending_until_it_is_finished_and_its_files_move_on(state):
    one, two = register(state, b"one\n" * 100), register(state, b"two\n" * 100)
    segments = (Segment(one, 0, 400, completes=400), Segment(two, 0, 200))
    batch = state.begin_batch(segments)
    assert batch.segments == segments
    assert batch.created == NOW
    assert state.pending_batches() == [batch]
    state.finish_batch(batch.token, [Counts(100, 99, 1), Counts(50, 50, 0)])
    assert state.pending_batches() == []
    (first,), (second,) = state.lookup(seen(b"one\n" * 100).heads), state.lookup(seen(b"two\n" * 100).heads)
    assert (first.complete, first.committed) == (True, 400)
    assert (second.complete, second.committed) == (False, 200)
    assert state.counts([(one, 400), (two, 400)]) == {(one, 400): Counts(100, 99, 1), (two, 400): Counts(50, 50, 0)}


def test_a_file_that_grew_keeps_its_key_and_both_contents(state):
    key = register(state, b"line\n" * 10)
    batch = state.begin_batch([Segment(key, 0, 50, completes=50)])
    state.finish_batch(batch.token, [Counts(10, 10, 0)])
    register(state, b"line\n" * 30, key, "b.log")
    old, new = state.lookup(seen(b"line\n" * 30).heads)
    assert (old.size, old.complete, new.size, new.complete) == (50, True, 150, False)
    assert new.committed == 50
    batch = state.begin_batch([Segment(key, 50, 150, completes=150)])
    state.finish_batch(batch.token, [Counts(20, 20, 0)])
    assert state.counts([(key, 50), (key, 150)]) == {(key, 50): Counts(10, 10, 0), (key, 150): Counts(30, 30, 0)}
    assert state.paths([key]) == {key: "b.log"}


def test_nothing_is_begun_twice(state):
    key = register(state, b"x" * 100)
    batch = state.begin_batch([Segment(key, 0, 60)])
    for begin in (0, 59):
        with pytest.raises(StateError, match=r"a\.log is being imported by another command"):
            state.begin_batch([Segment(key, begin, 80)])
    with pytest.raises(StateError, match="not registered"):
        state.begin_batch([Segment(key, 60, 80), Segment("0" * 32, 0, 1)])
    assert state.pending_batches() == [batch]
    # What was refused as a whole claimed nothing.
    assert len({state.begin_batch([Segment(key, 60, 80)]).token, batch.token}) == 2


def test_a_batch_is_finished_once(state):
    key = register(state, b"x" * 100)
    batch = state.begin_batch([Segment(key, 0, 100)])
    state.finish_batch(batch.token, [Counts(1, 1, 0)])
    for token in (batch.token, "0" * 32):
        with pytest.raises(StateError, match="not pending"):
            state.finish_batch(token, [Counts(1, 1, 0)])
    assert state.counts([(key, 100)])[key, 100] == Counts(1, 1, 0)


def test_an_error_in_a_transaction_undoes_all_of_it(state):
    key = register(state, b"x" * 100)
    batch = state.begin_batch([Segment(key, 0, 100)])
    with pytest.raises(ZeroDivisionError):
        finish_and_fail(state, batch.token)
    assert state.pending_batches() == [batch]


def finish_and_fail(state: State, token: str) -> None:
    with state.transaction() as transaction:
        transaction.finish_batch(token, [Counts(1, 1, 0)])
        assert transaction.live_alerts([]) == {}
        raise ZeroDivisionError


CHILD = """
import sys, os, signal
from pathlib import Path
from miharu.store import Segment, State
state = State.open(Path(sys.argv[1]))
state.begin_batch([Segment(sys.argv[2], 0, 10)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_batch_written_down_survives_the_death_of_its_writer(tmp_path):
    with State.open(tmp_path) as state:
        key = register(state, b"x" * 100)
    ended = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), key], check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    with State.open(tmp_path) as state:
        (batch,) = state.pending_batches()
    assert batch.segments == (Segment(key, 0, 10),)


def test_commits_are_synced_and_tables_are_those_of_the_code(tmp_path):
    State.open(tmp_path).close()
    State.open(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, METADATA) == []
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
    with State.open(tmp_path) as state, state._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_tables_made_at_once_are_those_that_the_migrations_make(tmp_path):
    made = []
    for name, make in (("at_once.db", bring_up_to_date), ("step_by_step.db", migrated)):
        engine = create_engine(f"sqlite:///{tmp_path / name}")
        make(engine)
        with engine.connect() as connection:
            shapes = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
            rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
        engine.dispose()
        # A table that was changed on the way has its name in quotes.
        made.append((sorted((*names, (sql or "").replace('"', "").split()) for *names, sql in shapes), rows))
    assert made[0] == made[1]
    assert made[0][1] == [(HEAD,)]


def migrated(engine):
    with engine.begin() as connection:
        _migrate(connection)


def test_processes_that_open_a_new_state_at_once_all_succeed(tmp_path):
    code = "import sys; from pathlib import Path; from miharu.store import State; State.open(Path(sys.argv[1])).close()"
    children = [subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [child.wait(timeout=60) for child in children] == [0] * 4


def test_a_state_is_opened_and_read_while_somebody_writes(tmp_path):
    State.open(tmp_path).close()
    writer = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with State.open(tmp_path) as state:
        assert state.list_tokens() == []
    writer.execute("ROLLBACK")
    writer.close()


def test_what_cannot_be_opened_is_said_in_a_sentence(tmp_path):
    (tmp_path / "state.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(StateError, match="not a database"):
        State.open(tmp_path)
    with pytest.raises(StateError, match="address of the state database"):
        State.open(tmp_path, url="nonsense")


def test_a_state_of_a_later_version_is_left_alone(tmp_path):
    State.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "state.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    with pytest.raises(StateError, match="another version"):
        State.open(tmp_path)
