"""Pipes over real events in a real engine: each stage does what ES|QL's word for it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from miharu.core.errors import QueryError
from miharu.search import compile_search

CHILD = Path(__file__).with_name("search_child.py")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 24, tzinfo=UTC)
Search = Callable[..., list[list[Any]]]


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def row(index: int, **values: Any) -> dict[str, Any]:
    return {
        "@timestamp": micros(values.pop("at", START + timedelta(minutes=20 * index))),
        "event.id": f"e{index}",
        "event.dataset": "test.rows",
        "event.original": f"record number {index}",
        "message": None,
        "host.name": "web" if index % 2 else "db",
        "user.name": None if index == 5 else f"user{index % 3}",
        "event.code": str(4620 + index),
        "source.ip": f"192.0.2.{index}" if index % 4 else "198.51.100.1",
        "destination.port": 20 + index,
        "tags": ["even"] if index % 2 == 0 else ["odd", "few"],
        "fields": json.dumps({"app.size": index * 10, "app.kind": "big" if index > 6 else "small"}),
        **values,
    }


ROWS = [row(index) for index in range(10)]
ROWS += [row(10, at=datetime(1601, 1, 1, 5, 30, tzinfo=UTC)), row(11, at=datetime(2999, 1, 1, 5, 30, tzinfo=UTC))]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    folder = tmp_path_factory.mktemp("pipes") / "data"
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(request: Any) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.flush()
        answer: dict[str, Any] = json.loads(child.stdout.readline())
        return answer

    types = ask(ROWS)["types"]

    def run(text: str, **options: Any) -> list[list[Any]]:
        query = compile_search(text, types, **{"limit": 100, "now": NOW, **options})
        answer = ask(query.sql)
        assert "rows" in answer, (query.sql, answer)
        rows: list[list[Any]] = answer["rows"]
        assert all(len(found) == len(query.columns) for found in rows)
        return rows

    yield run
    child.communicate(timeout=30)


def today(hour: int, minute: int = 0) -> str:
    return f"2026-11-24 {hour:02}:{minute:02}:00.000000"


CASES = [
    ("user.name : user1 | keep event.id", [["e7"], ["e4"], ["e1"], ["e10"]]),
    ("| sort destination.port | keep event.id | limit 2", [["e0"], ["e1"]]),
    ("| sort destination.port desc | limit 3 | sort event.id | keep event.id", [["e10"], ["e11"], ["e9"]]),
    ("| limit 2 | where destination.port < 31 | keep event.id", [["e9"]]),
    ("| limit 3 | where number | keep event.id", [["e11"], ["e9"], ["e8"]]),
    ("| limit 3 | where app.kind : big | keep event.id, app.size", [["e11", "110"], ["e9", "90"], ["e8", "80"]]),
    ("| stats count()", [[12]]),
    ("host.name : web | stats n = count(), dc(user.name) as users", [[6, 3]]),
    ("| stats count() by host.name", [["db", 6], ["web", 6]]),
    (
        "| stats count() by user.name | sort count desc, user.name",
        [["user0", 4], ["user1", 4], ["user2", 3], [None, 1]],
    ),
    ("| stats count() by tags | sort count() desc, tags | limit 1", [["even", 6]]),
    ("| stats min(destination.port), max(event.code), avg(destination.port)", [[20, "4631", 25.5]]),
    ("| stats median(destination.port), percentile(destination.port, 100)", [[26, 31]]),
    ("event.id : (e1 or e4) | stats values(user.name), values(tags)", [[["user1"], ["even", "few", "odd"]]]),
    ("| stats first(event.id), last(event.id)", [["e10", "e11"]]),
    ("destination.port < 26 | stats count() by bucket(@timestamp, 1h)", [[today(0), 3], [today(1), 3]]),
    ("| eval double = destination.port * 2 - 1 | where double >= 61 | keep double | sort double", [[61]]),
    ("| eval message = upper(host.name) | stats count() by message", [["DB", 6], ["WEB", 6]]),
    ("| eval a = destination.port, destination.port = 1, b = destination.port | stats sum(a), sum(b)", [[306, 12]]),
    ('event.id : e3 | eval x = concat(host.name, "-", destination.port), y = length(x) | keep x, y', [["web-23", 6]]),
    ('event.id : e3 | eval s = if(host.name == "web" and destination.port > 22, "yes", "no") | keep s', [["yes"]]),
    ("event.id : e5 | eval u = coalesce(user.name, host.name), n = is_null(user.name) | keep u, n", [["web", True]]),
    ('event.id : e6 | eval in = cidr_match(source.ip, "192.0.2.0/28") | keep in', [[True]]),
    ("event.id : e6 | eval s = to_number(app.size) + 1, z = 1 / 0 | keep s, z", [[61, None]]),
    ("event.id : e6 | eval t = @timestamp - 1h, age = (@timestamp - t) / 60 | keep t, age", [[today(1), 60]]),
    ("event.id : e6 | eval h = hour(@timestamp), s = substring(host.name, 1, 1) | keep h, s", [[2, "d"]]),
    (
        "event.id : e1 | keep event.*, host.name | drop event.o*, event.c*d, event.ingested, event.risk_score",
        [["e1", "test.rows", "4621", "web"]],
    ),
    ("| stats n = count() by host.name | stats max(n), count()", [[6, 2]]),
    ("| stats count() by destination.port % 2", [[0, 6], [1, 6]]),
    ("| stats dc(host.name) | where `dc(host.name)` == 2", [[2]]),
    ("| stats count() by host.name | where host.name : w* and count >= 6", [["web", 6]]),
    ("| eval `my column` = 1 | stats sum(`my column`)", [[12]]),
    (
        "event.id: e1 | eval host.name = user.name, user.name = host.name | keep host.name, user.name",
        [["user1", "user1"]],
    ),
    ("app.kind : big | stats count() by app.kind", [["big", 5]]),
]


@pytest.mark.mission("S3")
@pytest.mark.parametrize(("text", "expected"), CASES)
def test_pipe(text: str, expected: list[list[Any]], search: Search) -> None:
    assert search(text) == expected


def test_buckets_hold_for_every_year(search: Search) -> None:
    found = search("event.id : (e10 or e11) | stats count() by day = bucket(@timestamp, 1d)")
    assert found == [["1601-01-01 00:00:00.000000", 1], ["2999-01-01 00:00:00.000000", 1]]
    assert search("event.id : e0 | stats count() by bucket(@timestamp, 1w)")[0][0].startswith("2026-11-23")


def test_time_range_begins_inclusive_and_ends_exclusive(search: Search) -> None:
    span = {"start": START + timedelta(minutes=20), "end": START + timedelta(minutes=60)}
    assert search("| keep event.id", **span) == [["e2"], ["e1"]]
    odd = {"end": datetime(1900, 1, 1, tzinfo=UTC)}
    assert search("| keep event.id", **odd) == [["e10"]]
    assert search("| keep event.id", start=datetime(2300, 1, 1, tzinfo=UTC)) == [["e11"]]


def test_without_pipes_all_columns_come_newest_first(search: Search) -> None:
    found = search("record", limit=3)
    assert [values[1] for values in found] == ["e11", "e9", "e8"]
    assert search("*", limit=3) == found
    assert search("", limit=3) == found


def test_long_chains_of_expressions_stay_small(search: Search) -> None:
    chain = ", ".join(["x = destination.port", *["x = x + x"] * 40])
    assert search(f"event.id : e0 | eval {chain} | keep x") == [[20 * 2**40]]


ERRORS = [
    ("usr.name : x", 0, "user.name"),
    ("| stats count() by usr.name", 19, "user.name"),
    ("| stats count() | where host.name : x", 24, "count"),
    ("| stats count() | where failed", 24, "field : value"),
    ("| eval x = lowr(host.name)", 11, "lower"),
    ("| eval x = lower(destination.port)", 11, "to_string"),
    ("| eval x = lower(tags)", 17, "group by"),
    ("| stats sum(host.name)", 8, "to_number"),
    ("| stats nosuch(host.name)", 8, "count"),
    ("| stats percentile(destination.port)", 8, "95"),
    ("| stats count(), count()", 8, "name"),
    ("| limit 1.5", 8, "20"),
    ("| nosuch", 2, "stats"),
    ("| eval x = 1h", 11, "bucket"),
    ("user.name :", 11, "value"),
    ("(a or b", 7, "bracket"),
    ("a or", 4, "complete"),
    ('user.name : "a', 12, '"'),
    ("destination.port : many", 19, "number"),
    ("destination.port >= 1*", 20, "Wildcards"),
    ("@timestamp > tomorrow", 13, "now-24h"),
    ("@timestamp > 2026-13-01", 13, "now-24h"),
    ("process.pe.signed : maybe", 20, "true"),
    ("nosuch.* : x", 0, "nosuch"),
    ("12:30", 2, "quotes"),
    ("a | keep nosuchcolumn*", 9, "nosuch"),
    ("(" * 5000 + "a" + ")" * 5000, None, "brackets"),
    ("| eval `#1` = 1", 7, "letters"),
]


@pytest.mark.parametrize(("text", "position", "part"), ERRORS)
def test_errors_point_at_the_character_and_help(text: str, position: int | None, part: str, search: Search) -> None:
    with pytest.raises(QueryError) as caught:
        search(text)
    message = str(caught.value)
    assert caught.value.position == position
    assert part in message
    if position is not None:
        lines = message.split("\n")
        assert lines[-2] == f"  {text}"
        assert lines[-1] == " " * (position + 2) + "^"


def test_names_that_differ_by_a_number_are_no_slips(search: Search) -> None:
    assert search("app.size2 : x") == []
    assert search("`usr.name` : x") == []
