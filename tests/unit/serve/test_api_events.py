"""Searches and SQL over HTTP: the rows, their forms, their limits, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from miharu.cli.output import write_ndjson
from miharu.pipeline import open_lake, search_events
from miharu.serve.api.rows import encode
from tests.unit.serve.apicraft import World, import_lines, is_problem, settings_of, world

LINES = 1_200
NDJSON = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("events") / "data"
    import_lines(data, LINES)
    with world(settings_of(data, query_rows=5_000)) as opened:
        yield opened


def rows(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


# -- events ----------------------------------------------------------------------------------------


def test_a_search_gives_flat_events_newest_first(here):
    found = here.json("/events", params={"q": "source.ip : 203.0.113.3", "limit": 5})
    assert found["count"] == len(found["events"]) == 5
    assert found["truncated"] is True
    assert found["seconds"] > 0
    times = [event["@timestamp"] for event in found["events"]]
    assert times == sorted(times, reverse=True)
    assert all(event["source.ip"] == "203.0.113.3" and event["user.name"] == "root" for event in found["events"])
    assert all(None not in event.values() for event in found["events"])
    assert {"@timestamp", "source.ip", "event.original"} <= set(found["columns"])
    assert found["events"][0]["event.original"].startswith("2026-03-01T")


def test_the_answer_is_what_the_command_says(here):
    with open_lake(here.settings) as lake:
        shown = io.StringIO()
        write_ndjson(search_events(lake, "", start=None, end=None, limit=50), shown)
    expected = [json.loads(line) for line in shown.getvalue().splitlines()]
    assert rows(here.ask("/events", params={"limit": 50}, headers=NDJSON)) == expected
    assert here.json("/events", params={"limit": 50})["events"] == expected


def test_many_events_come_whole(here):
    found = here.json("/events", params={"limit": 5_000})
    assert found["count"] == len(found["events"]) == LINES
    assert found["truncated"] is False
    streamed = here.ask("/events", params={"limit": 5_000}, headers=NDJSON)
    assert streamed.headers["x-truncated"] == "false"
    assert rows(streamed) == found["events"]


def test_exactly_as_many_as_asked_for_are_not_truncated(here):
    assert here.json("/events", params={"limit": LINES})["truncated"] is False
    assert here.json("/events", params={"limit": LINES - 1})["truncated"] is True


def test_time_bounds_and_pipes(here):
    bounds = {"from": "2026-03-01T00:00:10Z", "to": "2026-03-01T00:00:20Z", "limit": 100}
    assert here.json("/events", params=bounds)["count"] == 10
    counted = here.json("/events", params={"q": "* | stats count() by source.ip"})
    assert sum(event["count"] for event in counted["events"]) == LINES
    assert counted["columns"] == ["source.ip", "count"]
    assert here.json("/events", params={"from": "now-1m"})["count"] == 0


def test_only_the_columns_wanted(here):
    found = here.json("/events", params={"columns": "source.ip, @timestamp", "limit": 3})
    assert [sorted(event) for event in found["events"]] == [["@timestamp", "source.ip"]] * 3
    assert sorted(found["columns"]) == ["@timestamp", "source.ip"]
    times = [
        event["@timestamp"]
        for event in here.json("/events", params={"columns": "@timestamp", "limit": LINES})["events"]
    ]
    assert times == sorted(times, reverse=True)
    problem = is_problem(here.ask("/events", params={"q": "* | stats count()", "columns": "user.name"}), 400, "query")
    assert "none of the columns user.name" in problem["detail"]


@pytest.mark.parametrize("name", ["x` FROM events --", "`", "\\", "a,b;"])
def test_a_column_name_is_no_sql(here, name):
    answer = here.ask("/events", params={"columns": f"{name},source.ip", "limit": 1})
    assert [list(event) for event in answer.json()["events"]] == [["source.ip"]]


def test_a_wrong_search_points_at_the_place(here):
    problem = is_problem(here.ask("/events", params={"q": "user.nme : root"}), 400, "query")
    assert problem["position"] == 0
    assert "user.name" in problem["hint"]
    assert "\n" not in problem["detail"]
    problem = is_problem(here.ask("/events", params={"q": "user.name : (root"}), 400, "query")
    assert problem["position"] == 17


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"limit": 0}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"limit": 5_001}, "query.limit"),
        ({"from": "yesterday-ish"}, "query.from"),
        ({"to": "2026-13-01"}, "query.to"),
        ({"query": "x"}, "query.query"),
    ],
)
def test_wrong_parameters_are_named(here, params, where):
    problem = is_problem(here.ask("/events", params=params), 422, "parameters")
    assert [fault["where"] for fault in problem["errors"]] == [where]


# -- sql -------------------------------------------------------------------------------------------


def sql(here, text, **more):
    return here.ask("/sql", "read", "POST", json={"sql": text}, **more)


def test_sql_gives_rows(here):
    found = sql(here, "SELECT `source.ip`, count() AS n FROM events GROUP BY 1 ORDER BY 1").json()
    assert found["columns"] == ["source.ip", "n"]
    assert found["rows"] == [{"source.ip": f"203.0.113.{last}", "n": LINES // 5} for last in range(5)]
    assert found["count"] == 5
    assert rows(sql(here, "SELECT 1 AS a, NULL AS b", headers=NDJSON)) == [{"a": 1, "b": None}]


def test_values_of_every_kind_can_be_told(here):
    text = (
        "SELECT 18446744073709551615 AS large, nan AS n, "
        "toDecimal64('1.50', 2) AS money, toDate('2026-03-01') AS day, [1, 2] AS list, map('k', 1) AS m, "
        "toDateTime64('2026-03-01 01:02:03.5', 6, 'UTC') AS at, unhex('ff41') AS bytes, tuple(1, 'a') AS pair"
    )
    (row,) = sql(here, text).json()["rows"]
    assert row["large"] == 18446744073709551615
    assert row["n"] is None
    assert row["money"] == "1.50"
    assert row["day"].startswith("2026-03-01")
    assert row["list"] == [1, 2]
    assert row["m"] == {"k": 1}
    assert row["pair"] == {"1": 1, "2": "a"}
    assert row["at"] == "2026-03-01T01:02:03.500000Z"
    assert row["bytes"] == "\ufffdA"


def test_two_columns_of_one_name_are_refused(here):
    problem = is_problem(sql(here, "SELECT 1, 1"), 400, "query")
    assert "AS" in problem["hint"]


def test_numbers_beyond_64_bits_are_told_in_full():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    assert (
        encode({"n": 2**70, "m": {b"k": [at]}})
        == b'{"n": 1180591620717411303424, "m": {"k": ["2026-03-01T00:00:00Z"]}}'
    )


def test_no_rows_are_an_answer(here):
    found = sql(here, "SELECT `source.ip` FROM events WHERE 0").json()
    assert (found["columns"], found["rows"], found["count"]) == (["source.ip"], [], 0)
    assert sql(here, "SELECT 1 WHERE 0", headers=NDJSON).text == ""


@pytest.mark.parametrize(
    "attack",
    [
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT file('/etc/passwd')",
        "SELECT * FROM url('http://192.0.2.1/', 'LineAsString')",
        "SELECT * FROM system.processes",
        "SELECT 1 INTO OUTFILE '/tmp/out'",
        "SELECT 1; DROP TABLE events",
        "SELECT * FROM events SETTINGS readonly = 0",
        "KILL QUERY WHERE 1",
        "SELECT * FROM Python(token)",
        "SELECT * FROM executable('id', 'TSV', 'x String')",
    ],
)
def test_attacks_are_refused(here, attack):
    is_problem(sql(here, attack), 400, "query")
    assert sql(here, "SELECT count() AS n FROM events").json()["rows"] == [{"n": LINES}]


def test_wrong_sql_points_at_the_place(here):
    problem = is_problem(sql(here, "SELECT `source.ipp` FROM events"), 400, "query")
    assert "source.ipp" in problem["detail"]
    problem = is_problem(sql(here, "SELECT 1 +"), 400, "query")
    assert problem["position"] == 10


def test_limits_of_a_user_hold(here):
    problem = is_problem(sql(here, "SELECT number FROM numbers(6000)"), 400, "query")
    assert "large" in problem["detail"] or "numbers" in problem["detail"]
    problem = is_problem(sql(here, "SELECT a.`event.id` FROM events AS a, events AS b"), 400, "query")
    assert "too large" in problem["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"sql": 1}', b"\xff", b'{"sql": null}'])
def test_a_body_that_is_none(here, body):
    problem = is_problem(here.ask("/sql", "read", "POST", content=body), 422, "parameters")
    assert all(fault["where"].startswith("body") for fault in problem["errors"])


def test_a_body_that_is_too_long(here):
    text = json.dumps({"sql": "SELECT 1 " + " " * 1_100_000}).encode()
    is_problem(here.ask("/sql", "read", "POST", content=text), 413)
