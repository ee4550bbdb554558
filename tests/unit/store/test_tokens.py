"""Tokens: made once, found by their secret while they live, never shown again; alerts that can be followed."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from typer.testing import CliRunner

import miharu.store.migrations
from miharu.cli.app import make_app
from miharu.core.alert import Alert
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.store import AlertFilter, State, Store, store_answers
from miharu.store.schema import _VERSIONS

START = datetime(2024, 6, 1, 12, tzinfo=UTC)


class Now:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.instant = START

    def __call__(self) -> datetime:
        return self.instant


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def state(tmp_path: Path, now: Now) -> Iterator[State]:
    with State.open(tmp_path, clock=now) as opened:
        yield opened


def alert(number: int, **changes: object) -> Alert:
    made = Alert(f"{number:032x}", "r1", "A rule", "high", "{}", START, START, "f" * 32, 1)
    return replace(made, **changes)


# -- tokens ----------------------------------------------------------------------------------------


def test_a_token_is_found_by_its_secret_only(state):
    secret = state.create_token("web01", ["intake", "read"])
    other = state.create_token("ann", {"admin"})
    assert re.fullmatch(r"mhr_[A-Za-z0-9_-]{43}", secret)
    found = state.token(secret)
    assert (found.name, found.scopes, found.created, found.expires) == ("web01", ("intake", "read"), START, None)
    assert state.token(other).name == "ann"
    for wrong in ("", "mhr_", secret[:-1], secret + "A", secret.lower(), "mhr_\udce9", "web01"):
        assert state.token(wrong) is None


def test_the_secret_is_nowhere_in_the_folder(state, tmp_path):
    secret = state.create_token("web01", ["intake"])
    state.close()
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"web01" in held
    assert secret.encode() not in held
    assert secret.removeprefix("mhr_").encode() not in held


def test_what_a_scope_allows(state):
    reader = state.token(state.create_token("r", ["read"]))
    assert [scope for scope in ("intake", "read", "write", "admin") if reader.allows(scope)] == ["read"]
    ruler = state.token(state.create_token("a", ["admin"]))
    assert all(ruler.allows(scope) for scope in ("intake", "read", "write", "admin"))


def test_a_token_ends_at_its_instant(state, now):
    secret = state.create_token("short", ["read"], START + timedelta(hours=1))
    now.instant = START + timedelta(minutes=59)
    assert state.token(secret) is not None
    now.instant = START + timedelta(hours=1)
    assert state.token(secret) is None
    again = state.create_token("short", ["read"])
    assert state.token(again) is not None
    assert [(token.name, token.live(now())) for token in state.list_tokens()] == [("short", False), ("short", True)]


def test_a_revoked_token_is_dead_and_its_name_free(state):
    secret = state.create_token("web01", ["intake"])
    with pytest.raises(OperatorError, match="a live token is named 'web01'"):
        state.create_token("web01", ["read"])
    state.revoke_token("web01")
    assert state.token(secret) is None
    assert state.list_tokens()[0].revoked == START
    with pytest.raises(OperatorError, match="no live token is named 'web01'"):
        state.revoke_token("web01")
    assert state.token(state.create_token("web01", ["read"])).scopes == ("read",)


@pytest.mark.parametrize(
    ("name", "scopes", "expires", "said"),
    [
        ("a", [], None, "a token needs a scope; choose among intake, read, write, admin"),
        ("a", ["read", "root"], None, "'root' is no scope"),
        (" ", ["read"], None, "a token needs a name"),
        ("a", ["read"], START, "would be expired at once"),
    ],
)
def test_what_cannot_be_made(state, name, scopes, expires, said):
    with pytest.raises(OperatorError, match=said):
        state.create_token(name, scopes, expires)
    assert state.list_tokens() == []


def test_a_reader_does_not_wait_for_a_writer(state, tmp_path):
    secret = state.create_token("web01", ["intake"])
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None, timeout=0)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert state.token(secret).name == "web01"
        assert state.last_revision() == 0
        writer.execute("ROLLBACK")


# -- revisions -------------------------------------------------------------------------------------


def test_changes_of_alerts_can_be_followed(state):
    assert (state.last_revision(), state.alerts_since(0, 10)) == (0, [])
    state.upsert_alerts([alert(1), alert(2)])
    state.upsert_alerts([alert(3)])
    assert state.alerts_since(0, 10) == [(1, alert(1)), (2, alert(2)), (3, alert(3))]
    state.upsert_alerts([alert(1, count=2)])
    state.upsert_alerts([])
    assert state.last_revision() == 4
    assert state.alerts_since(3, 10) == [(4, alert(1, count=2))]
    assert state.alerts_since(1, 1) == [(2, alert(2))]
    assert [revision for revision, _ in state.alerts_since(0, 10)] == [2, 3, 4]


def test_alerts_of_an_older_database_are_numbered_by_their_last_change(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.begin() as connection:
        migrate(connection, "r0001")
        for number, updated in ((1, 30), (2, 10), (3, 20)):
            connection.exec_driver_sql(
                "INSERT INTO alerts VALUES (?, 'r1', 'A rule', 'high', '{}', 0, 0, '', 1, 'open', NULL, 0, ?)",
                (f"{number:032x}", updated),
            )
    engine.dispose()
    with State.open(tmp_path) as state:
        assert [(revision, int(found.id, 16)) for revision, found in state.alerts_since(0, 9)] == [
            (1, 2),
            (2, 3),
            (3, 1),
        ]
        state.upsert_alerts([alert(9)])
        assert state.last_revision() == 4


def test_the_way_back(tmp_path):
    with State.open(tmp_path) as state:
        state.upsert_alerts([alert(1)])
    engine = create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.begin() as connection:
        config = alembic_config(connection)
        command.downgrade(config, "r0001")
        assert connection.exec_driver_sql("SELECT count(*) FROM alerts").scalar() == 1
        assert connection.exec_driver_sql(f"SELECT version_num FROM {_VERSIONS}").scalar() == "r0001"
    engine.dispose()
    with State.open(tmp_path) as state:
        assert state.alerts_since(0, 9) == [(1, alert(1))]


def migrate(connection, revision):
    command.upgrade(alembic_config(connection), revision)


def alembic_config(connection):
    config = Config()
    config.set_main_option("script_location", str(Path(miharu.store.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


# -- the command -----------------------------------------------------------------------------------


def call(data, *words, code=0):
    done = CliRunner().invoke(make_app(), ["--data", str(data), *words])
    assert done.exit_code == code, done.output
    return done


def test_the_command_makes_lists_and_revokes(tmp_path):
    secret = call(tmp_path, "tokens", "create", "web01", "--scope", "intake").stdout.strip()
    made = json.loads(
        call(tmp_path, "--json", "tokens", "create", "d", "--scope=read", "--scope=write", "--days=2").stdout
    )
    assert made["scopes"] == ["read", "write"]
    with State.open(tmp_path) as state:
        assert state.token(secret).name == "web01"
        lasting = state.token(made["token"])
        assert lasting.expires - lasting.created == pytest.approx(timedelta(days=2), abs=timedelta(minutes=1))
    call(tmp_path, "tokens", "revoke", "web01")
    lines = call(tmp_path, "--json", "tokens", "list").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["d"]
    rows = [json.loads(line) for line in call(tmp_path, "--json", "tokens", "list", "--all").stdout.splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [("d", "live"), ("web01", "revoked")]
    assert secret not in call(tmp_path, "tokens", "list", "--all").stdout


def test_the_command_refuses_in_a_sentence(tmp_path):
    assert "root" in str(call(tmp_path, "tokens", "create", "a", "--scope", "root", code=1).exception)
    assert "no live token" in str(call(tmp_path, "tokens", "revoke", "a", code=1).exception)
    call(tmp_path, "tokens", "create", "a", code=2)
    call(tmp_path, "tokens", "create", "a", "--scope", "read", "--days", "1e300", code=2)


# -- alerts page by page, and their state ----------------------------------------------------------


def test_pages_hold_every_alert_once(state):
    state.upsert_alerts(alert(number, last=START + timedelta(hours=number // 3)) for number in range(10))
    seen, after = [], None
    while page := state.page_alerts(AlertFilter(level="high"), after, 4):
        seen += page
        after = (page[-1].last, page[-1].id)
    assert seen == state.list_alerts()
    assert len(seen) == 10
    assert state.page_alerts(AlertFilter(state="closed"), None, 4) == []


def test_an_alert_is_closed_and_opened(state):
    gone = alert(2, state="superseded", superseded_by="a" * 32)
    state.upsert_alerts([alert(1), gone])
    assert state.set_alert_state(alert(1).id, "closed") == alert(1, state="closed")
    assert state.alert(alert(1).id).state == "closed"
    assert state.alerts_since(2, 9) == [(3, alert(1, state="closed"))]
    state.set_alert_state(alert(1).id, "closed")
    assert state.last_revision() == 3
    state.set_alert_state(alert(1).id, "open")
    assert state.alerts_since(3, 9) == [(4, alert(1))]
    assert state.set_alert_state("7" * 32, "open") is None
    with pytest.raises(OperatorError, match=f"change {'a' * 32}"):
        state.set_alert_state(gone.id, "closed")


def test_whether_the_store_answers(tmp_path):
    assert not store_answers(tmp_path)
    settings = Settings(data=tmp_path, store_memory_bytes=600_000_000)
    with Store.open(tmp_path, settings, grace=0.2) as store:
        assert store_answers(tmp_path)
        assert store.query("SELECT 1").height == 1
    while store_answers(tmp_path):  # it ends a moment after its last client; asking makes us one
        time.sleep(0.5)
