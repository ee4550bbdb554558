"""Alerts are written, replaced, found by id and by what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miharu.core.alert import Alert
from miharu.core.errors import OperatorError
from miharu.store import State

START = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as opened:
        yield opened


def make(id_: str, rule: str = "r1", entity: str = '{"user.name":"ann"}', **changes: object) -> Alert:
    alert = Alert(id_, rule, "A rule", "high", entity, START, START + timedelta(minutes=5), "f" * 32, 3)
    return replace(alert, **changes)


def test_an_alert_comes_back_as_it_was_and_is_replaced_by_its_id(state):
    old = make(
        "ab" * 16, first=datetime(1601, 1, 1, tzinfo=UTC), last=datetime(2999, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    )
    state.upsert_alerts([old])
    assert state.alert(old.id) == old
    new = replace(old, count=9, rule_level="critical", state="superseded", superseded_by="cd" * 16)
    state.upsert_alerts([new, make("cd" * 16)])
    assert state.alert(old.id) == new
    assert len(state.list_alerts()) == 2
    state.upsert_alerts([])


def test_live_alerts_of_many_keys(state):
    alerts = [make(f"{number:032x}", f"r{number % 3}", f'{{"n":"{number}"}}') for number in range(1000)]
    state.upsert_alerts(alerts)
    later = make("e" * 32, "r0", '{"n":"0"}', first=START + timedelta(days=1), last=START + timedelta(days=1))
    gone = make("f" * 32, "r0", '{"n":"0"}', state="superseded", superseded_by="e" * 32)
    state.upsert_alerts([later, gone])
    assert state.alerts_for("r0", '{"n":"0"}') == [alerts[0], later]
    assert state.alerts_for("r1", '{"n":"0"}') == []
    keys = [(alert.rule_id, alert.entity) for alert in alerts] + [("none", "{}")]
    with state.transaction() as transaction:
        found = transaction.live_alerts(keys)
    assert found[keys[0]] == [alerts[0], later]
    assert found["none", "{}"] == []
    assert sum(map(len, found.values())) == 1001


def test_filters(state):
    low = make("1" * 32, rule_level="low", last=START + timedelta(days=2))
    closed = make("2" * 32, rule="r2", state="closed")
    state.upsert_alerts([low, closed])
    assert state.list_alerts() == [low, closed]
    assert state.list_alerts(state="open") == [low]
    assert state.list_alerts(rule_id="r2") == [closed]
    assert state.list_alerts(level="medium") == [closed]
    assert state.list_alerts(since=START + timedelta(days=1)) == [low]
    assert state.list_alerts(until=START - timedelta(seconds=1)) == []
    assert state.list_alerts(limit=1) == [low]


def test_the_first_digits_of_an_id_are_enough_where_they_name_one(state):
    state.upsert_alerts([make("abc1" + "0" * 28), make("abc2" + "0" * 28), make("d" * 32)])
    assert state.alert("d") == make("d" * 32)
    assert state.alert("abc1") == make("abc1" + "0" * 28)
    for nothing in ("e", "", "%", "_", "D"):
        assert state.alert(nothing) is None
    with pytest.raises(OperatorError, match="several alerts have an id that starts with abc: abc10"):
        state.alert("abc")


def test_alerts_and_a_finished_batch_are_one_matter(state):
    with pytest.raises(ZeroDivisionError):
        write_and_fail(state)
    assert state.list_alerts() == []


def write_and_fail(state: State) -> None:
    with state.transaction() as transaction:
        transaction.upsert_alerts([make("d" * 32)])
        assert transaction.live_alerts([("r1", '{"user.name":"ann"}')])
        raise ZeroDivisionError
