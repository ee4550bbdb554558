"""Alerts over HTTP: listed page by page, explained, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from miharu.core.alert import Alert
from miharu.pipeline import open_lake
from tests.unit.serve.apicraft import World, import_lines, is_problem, settings_of, world

START = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("alerts") / "data"
    import_lines(data, 60)
    with world(settings_of(data)) as opened:
        yield opened


@pytest.fixture
def empty(tmp_path) -> Iterator[World]:
    with world(settings_of(tmp_path)) as opened:
        yield opened


def make(number: int, **changes: object) -> Alert:
    given = {"rule_level": "high", "first": START, "last": START + timedelta(hours=number), "state": "open"} | changes
    return Alert(
        f"{number:032x}",
        "r1" if number % 2 else "r2",
        f"Rule {number}",
        str(given["rule_level"]),
        '{"user.name":"ann"}',
        given["first"],
        given["last"],
        "f" * 32,
        number,
        str(given["state"]),
        "a" * 32 if given["state"] == "superseded" else None,
    )


def keep(here: World, *alerts: Alert) -> None:
    here.loop.run(here.app.state.services.access.note(lambda state: state.upsert_alerts(alerts)))


def numbers(page):
    return [int(alert["id"], 16) for alert in page["alerts"]]


def test_what_an_import_raised_is_listed(here):
    page = here.json("/alerts")
    assert page["alerts"]
    assert page["next"] is None
    with open_lake(here.settings) as lake:
        assert {alert["id"] for alert in page["alerts"]} == {alert.id for alert in lake.state.list_alerts()}
    first = page["alerts"][0]
    assert first["entity"]
    assert first["first"].endswith("Z")
    assert first["count"] > 0


def test_pages_follow_each_other(empty):
    keep(empty, *(make(number, last=START + timedelta(hours=number // 3)) for number in range(1, 11)))
    seen, cursor, pages = [], {}, 0
    while True:
        page = empty.json("/alerts", params={"limit": 3, **cursor})
        seen += numbers(page)
        pages += 1
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == 4
    assert sorted(seen) == list(range(1, 11))
    assert seen == [number for _, number in sorted((-(number // 3), number) for number in range(1, 11))]
    assert empty.json("/alerts", params={"limit": 10})["next"] is None


def test_filters(empty):
    keep(empty, make(1), make(2, rule_level="low"), make(3, state="closed"), make(4, state="superseded"))
    assert numbers(empty.json("/alerts")) == [2, 1]
    assert numbers(empty.json("/alerts", params={"state": "all"})) == [4, 3, 2, 1]
    assert numbers(empty.json("/alerts", params={"state": "closed"})) == [3]
    assert numbers(empty.json("/alerts", params={"level": "medium"})) == [1]
    assert numbers(empty.json("/alerts", params={"rule": "r2"})) == [2]
    assert numbers(empty.json("/alerts", params={"since": "2024-06-01T13:30:00Z"})) == [2]
    assert numbers(empty.json("/alerts", params={"until": "2024-06-01T11:59:00Z"})) == []


@pytest.mark.parametrize("cursor", ["x", "!!", "bm9uc2Vuc2U", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OjE", "é"])
def test_a_cursor_nobody_gave(empty, cursor):
    problem = is_problem(empty.ask("/alerts", params={"cursor": cursor}), 422, "parameters")
    assert problem["errors"][0]["where"] == "query.cursor"


@pytest.mark.parametrize("params", [{"state": "gone"}, {"level": "huge"}, {"limit": 1001}, {"since": "x"}, {"a": "b"}])
def test_wrong_parameters(empty, params):
    is_problem(empty.ask("/alerts", params=params), 422, "parameters")


def test_an_alert_explains_itself(here):
    listed = here.json("/alerts")["alerts"][0]
    case = here.json(f"/alerts/{listed['id'][:10]}", params={"limit": 2})
    assert case["alert"] == listed
    assert 1 <= len(case["evidence"]) <= 2
    proof = case["evidence"][0]
    assert proof["finding"]["rule.id"] == listed["rule_id"]
    assert proof["event"]["event.id"] == proof["finding"]["event.id"]
    assert "sshd" in proof["event"]["event.original"]
    assert proof["explanation"]["verdict"] is True
    tests = list(leaves(proof["explanation"]))
    assert any(test["verdict"] and test["value"] is not None for test in tests)
    assert all({"field", "column", "operator", "wanted", "label"} <= set(test) for test in tests)


def leaves(node):
    if node["kind"] == "test":
        yield node
    for child in node.get("children", ()):
        yield from leaves(child)


def test_ids_that_name_none_or_several(empty):
    keep(empty, make(1), make(2))
    is_problem(empty.ask("/alerts/f"), 404)
    is_problem(empty.ask("/alerts/nothing"), 404)
    problem = is_problem(empty.ask("/alerts/0"), 409)
    assert "several" in problem["detail"]
    is_problem(empty.ask("/alerts/0", "write", "PATCH", json={"state": "closed"}), 409)


def test_an_alert_is_closed_and_opened(empty):
    keep(empty, make(1), make(2, state="superseded"))
    closed = empty.json(f"/alerts/{make(1).id}", "write", "PATCH", json={"state": "closed"})
    assert closed["state"] == "closed"
    assert numbers(empty.json("/alerts")) == []
    assert empty.json(f"/alerts/{make(1).id}", "write", "PATCH", json={"state": "open"})["state"] == "open"
    assert numbers(empty.json("/alerts")) == [1]
    problem = is_problem(empty.ask(f"/alerts/{make(2).id}", "write", "PATCH", json={"state": "open"}), 409)
    assert "a" * 32 in problem["detail"]
    for body in ({"state": "superseded"}, {"state": 1}, {}, {"stat": "open"}):
        is_problem(empty.ask(f"/alerts/{make(1).id}", "write", "PATCH", json=body), 422, "parameters")
