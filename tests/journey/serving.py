"""What tests of the live system share: a running `miharu serve` on free ports, and how to ask it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson

from miharu.pipeline import read_vitals

_Found = TypeVar("_Found")

FREE = {
    "MIHARU_API_ADDRESS": "127.0.0.1:0",
    "MIHARU_HTTP_ADDRESS": "127.0.0.1:0",
    "MIHARU_SYSLOG_UDP_ADDRESS": "127.0.0.1:0",
    "MIHARU_SYSLOG_TCP_ADDRESS": "127.0.0.1:0",
    "MIHARU_WATCH_ITSELF": "false",
}


def until(found: Callable[[], _Found], seconds: float = 30.0, what: str = "it") -> _Found:
    """Ask again until the answer is true, and return it; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s: {answer!r}"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Served:
    """A running system: its data folder, the supervisor's process, addresses by name."""

    data: Path
    process: subprocess.Popen[bytes]
    addresses: Mapping[str, str]

    def port(self, name: str) -> int:
        return int(self.addresses[name].rpartition(":")[2])

    def token(self, name: str) -> str:
        return (self.data / "tokens" / name).read_text().strip()

    @property
    def intake(self) -> str:
        return f"http://{self.addresses['http']}"

    def api(self) -> httpx.Client:
        """Return a client of the API with the first token."""
        return httpx.Client(
            base_url=f"http://{self.addresses['api']}/api/v1",
            headers={"Authorization": f"Bearer {self.token('admin')}"},
            timeout=30,
        )

    def events(self, query: str = "", **more: Any) -> list[dict[str, Any]]:
        with self.api() as api:
            answer = api.get("/events", params={"q": query, "limit": 100_000, **more})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def sql(self, statement: str) -> list[dict[str, Any]]:
        with self.api() as api:
            answer = api.post("/sql", json={"sql": statement})
        if answer.status_code == 400 and "There is no column" in answer.text:
            return []  # a column is made when the first event fills it
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows: list[dict[str, Any]] = body.get("rows", body.get("events"))
        return rows

    def count(self, where: str = "1") -> int:
        """Return the number of stored events; fails where an id is there twice."""
        rows = self.sql(f"SELECT count() AS n, uniqExact(`event.id`) AS ids FROM events WHERE {where}")
        if not rows:
            return 0
        assert rows[0]["n"] == rows[0]["ids"], rows
        return int(rows[0]["n"])

    def part_pid(self, name: str) -> int:
        """Return the process of a part."""
        return until(lambda: read_vitals(self.data).get(name), what=f"vitals of {name}").pid

    def log(self) -> list[dict[str, Any]]:
        """Return the system's own log."""
        return [orjson.loads(line) for line in (self.data / "logs" / "miharu.log").read_bytes().splitlines()]


@contextmanager
def serving(data: Path, ends_with: int = 0, **settings: str) -> Iterator[Served]:
    """Run `miharu serve` on a data folder; settings as `MIHARU_…`. It must end cleanly, or as the test says."""
    given = {f"MIHARU_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", "from miharu.cli import main; main()", "--data", str(data), "--json", "serve"],
        stdout=subprocess.PIPE,
        env={**os.environ, **FREE, **given},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"serve ended with {process.wait()}"
        yield Served(data, process, orjson.loads(line)["addresses"])
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
    assert code == ends_with, code
