"""The API as a process: its address, its streams, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from miharu.core.alert import Alert
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import read_vitals
from miharu.serve.api.main import address_of, listen
from miharu.store import State, Store
from tests.unit.serve.apicraft import V1, make_secrets

CODE = """
import sys
from pathlib import Path
from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.serve.api import main
main._LAST_REQUESTS_SECONDS = float(sys.argv[3])
main.run(Settings(data=Path(sys.argv[1]), api_address=sys.argv[2], store_memory_bytes=600_000_000))
"""
START = datetime(2024, 6, 1, 12, tzinfo=UTC)


def alert(number: int, **changes: object) -> Alert:
    shape = {"level": "high", "count": 1} | changes
    return Alert(
        f"{number:032x}", "r1", "A rule", str(shape["level"]), "{}", START, START, "f" * 32, int(str(shape["count"]))
    )


@dataclass
class Running:
    """An API process, how to reach it, and the state it reads."""

    process: subprocess.Popen[bytes]
    data: Path
    address: str
    state: State
    secrets: dict[str, str]

    def header(self, scope: str = "read") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[scope]}"}

    def get(self, path: str, **more) -> httpx.Response:
        return httpx.get(f"http://{self.address}{path}", headers=self.header() | more.pop("headers", {}), **more)

    @contextmanager
    def stream(self, last: int | None = None, query: str = "") -> Iterator[Iterator[dict[str, str]]]:
        """Give the events of a stream of alerts, as they come."""
        headers = self.header() | ({} if last is None else {"Last-Event-ID": str(last)})
        place = f"http://{self.address}{V1}/alerts/stream{query}"
        with httpx.stream("GET", place, headers=headers, timeout=30) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            assert next(lines) == ": alerts follow"
            yield events(lines)


def events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yield server-sent events; comments and `retry` are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


@contextmanager
def running(data: Path, address: str = "127.0.0.1:0", patience: float = 5) -> Iterator[Running]:
    secrets = make_secrets(data)
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", CODE, str(data), address, str(patience)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        with State.open(data) as state:
            yield Running(process, data, wait_for_address(process, data), state, secrets)
    finally:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()


def wait_for_address(process: subprocess.Popen[bytes], data: Path) -> str:
    while True:
        vitals = read_vitals(data).get("api")
        if vitals is not None and vitals.pid == process.pid and vitals.state == "running":
            return str(vitals.details["address"])
        assert process.poll() is None
        time.sleep(0.02)


def wait_for_followers(here: Running, count: int) -> None:
    while read_vitals(here.data)["api"].gauges["streams"] != count:
        time.sleep(0.02)


def said(event: dict[str, str]) -> tuple[int, int]:
    """Return the revision and the number of the alert of an event."""
    assert event["event"] == "alert"
    return int(event["id"]), int(json.loads(event["data"])["id"], 16)


# -- life ------------------------------------------------------------------------------------------


def test_it_answers_counts_and_ends_when_told(tmp_path):
    with running(tmp_path) as here:
        assert here.get(f"{V1}/version").status_code == 200
        assert httpx.get(f"http://{here.address}/metrics").status_code == 200
        assert httpx.get(f"http://{here.address}{V1}/health").json()["status"] in {"ok", "trouble"}
        while read_vitals(tmp_path)["api"].counters["requests"] < 3:
            time.sleep(0.02)
        here.process.terminate()
        assert here.process.wait(30) == 0
        assert read_vitals(tmp_path)["api"].state == "stopped"
        assert here.process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_open_streams_do_not_hold_it(tmp_path, number):
    with running(tmp_path) as here, here.stream() as stream, here.stream(0) as other:
        wait_for_followers(here, 2)
        here.process.send_signal(number)
        assert here.process.wait(30) == 0
        assert list(stream) == list(other) == []  # both ended as answers do
        assert here.process.stderr.read() == b""


def test_it_ends_with_its_supervisor(tmp_path):
    with running(tmp_path) as here, here.stream() as stream:
        here.process.stdin.close()
        assert here.process.wait(30) == 0
        assert list(stream) == []


def pairs(one: int, two: int) -> dict[str, str]:
    """Return a question that looks at so many pairs of numbers."""
    rows = "SELECT arrayJoin(range({})) AS {}"
    return {
        "sql": f"SELECT count() AS n FROM ({rows.format(one, 'a')}) AS one "
        f"CROSS JOIN ({rows.format(two, 'b')}) AS two WHERE cityHash64(a, b) = 1"
    }


def at_the_store(vitals: Vitals) -> bool:
    """Whether a question is under way, and not the one before it."""
    return vitals.counters["requests"] >= 1 and vitals.gauges["queries"] == 1


@contextmanager
def asking(here: Running, one: int, two: int) -> Iterator[list[httpx.Response | httpx.HTTPError]]:
    """Ask in a thread and go on when the question is at the store; at the end the list holds what came of it."""
    outcome: list[httpx.Response | httpx.HTTPError] = []

    def ask() -> None:
        try:
            outcome.append(
                httpx.post(f"http://{here.address}{V1}/sql", json=pairs(one, two), headers=here.header(), timeout=100)
            )
        except httpx.HTTPError as error:
            outcome.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        while not outcome and not at_the_store(read_vitals(here.data)["api"]):
            time.sleep(0.02)
        yield outcome
    finally:
        thread.join()


def test_a_question_under_way_is_answered_before_the_end(tmp_path):
    with running(tmp_path, patience=60) as here:
        assert here.get(f"{V1}/events", timeout=60).status_code == 200
        with asking(here, 20_000, 40_000) as outcome:
            assert outcome == []
            here.process.terminate()
        (answer,) = outcome
        assert isinstance(answer, httpx.Response), answer
        assert answer.json()["rows"] == [{"n": 0}]
        assert here.process.wait(60) == 0


def test_a_question_that_takes_too_long_does_not_hold_it(tmp_path):
    with running(tmp_path, patience=2) as here:
        assert here.get(f"{V1}/events", timeout=60).status_code == 200
        with Store.open(tmp_path, Settings(data=tmp_path)) as store, asking(here, 1_000_000, 1_000_000) as outcome:
            assert outcome == []
            here.process.terminate()
            assert here.process.wait(40) == 0  # the question would run until its limit, a minute
            os.kill(store.process_id, signal.SIGKILL)
        (answer,) = outcome
        assert isinstance(answer, httpx.Response), answer
        assert answer.status_code == 503
        assert b"Traceback" not in here.process.stderr.read()


def test_the_address(tmp_path):
    with running(tmp_path / "six", "[::1]:0") as here:
        assert here.address.startswith("[::1]:")
        assert here.get(f"{V1}/version").status_code == 200
    with listen("127.0.0.1:0") as taken:
        assert socket.create_connection(("127.0.0.1", int(address_of(taken).rpartition(":")[2]))).close() is None
        with pytest.raises(OperatorError, match=r"cannot listen on .*set api_address"):
            listen(address_of(taken))
    for wrong in ("", "8600", "127.0.0.1", "127.0.0.1:http", ":8600", "127.0.0.1:99999", "192.0.2.1:0"):
        with pytest.raises(OperatorError, match=r"api_address|cannot listen"):
            listen(wrong)


# -- streams ---------------------------------------------------------------------------------------


def test_new_and_changed_alerts_come(tmp_path):
    with running(tmp_path) as here:
        here.state.upsert_alerts([alert(1)])
        with here.stream() as stream:
            here.state.upsert_alerts([alert(2)])
            assert said(next(stream)) == (2, 2)
            here.state.upsert_alerts([alert(1, count=5)])
            event = next(stream)
            assert said(event) == (3, 1)
            assert json.loads(event["data"])["count"] == 5


def test_a_stream_goes_on_where_it_was(tmp_path):
    with running(tmp_path) as here:
        here.state.upsert_alerts([alert(number) for number in range(1, 6)])
        with here.stream(2) as stream:
            assert [said(next(stream)) for _ in range(3)] == [(3, 3), (4, 4), (5, 5)]
            here.state.upsert_alerts([alert(6)])
            assert said(next(stream)) == (6, 6)
        with here.stream(0) as stream:
            assert [said(next(stream))[0] for _ in range(6)] == [1, 2, 3, 4, 5, 6]
        with here.stream(10**6) as stream:  # of another database
            here.state.upsert_alerts([alert(7)])
            assert said(next(stream)) == (7, 7)


def test_a_stream_that_lags_misses_nothing(tmp_path):
    with running(tmp_path) as here, here.stream() as slow, here.stream() as quick:
        wait_for_followers(here, 2)
        for begin in range(1, 5_001, 500):
            here.state.upsert_alerts([alert(number) for number in range(begin, begin + 500)])
        assert [said(next(quick))[0] for _ in range(5_000)] == list(range(1, 5_001))
        assert [said(next(slow))[0] for _ in range(5_000)] == list(range(1, 5_001))


def test_only_as_severe_as_wanted(tmp_path):
    with running(tmp_path) as here, here.stream(0, "?level=high") as stream:
        here.state.upsert_alerts([alert(1, level="low"), alert(2, level="critical"), alert(3, level="medium")])
        here.state.upsert_alerts([alert(4)])
        assert [said(next(stream)) for _ in range(2)] == [(2, 2), (4, 4)]


def test_streams_that_were_left_are_forgotten(tmp_path):
    with running(tmp_path) as here:
        with here.stream(), here.stream():
            wait_for_followers(here, 2)
        wait_for_followers(here, 0)
        with here.stream() as stream:
            here.state.upsert_alerts([alert(1)])
            assert said(next(stream)) == (1, 1)


@pytest.mark.parametrize("last", ["x", "-1", "1.5"])
def test_an_id_that_is_none(tmp_path, last):
    with running(tmp_path) as here:
        answer = here.get(f"{V1}/alerts/stream", headers={"Last-Event-ID": last})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["where"] == "header.last-event-id"
