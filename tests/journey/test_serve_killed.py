"""Parts of the running system killed at random under load: what was acknowledged is stored, once."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from miharu.pipeline import read_vitals
from tests.journey.serving import Served, serving, until

ROUNDS = 50
BATCH = 40
PARTS = ("intake", "worker", "store", "api")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def json_lines(sender: str, first: int) -> tuple[str, bytes]:
    lines = [json.dumps({"sender": sender, "seq": first + each, "message": "m"}) for each in range(BATCH)]
    return "/logs", "".join(f"{line}\n" for line in lines).encode()


def bulk(sender: str, first: int) -> tuple[str, bytes]:
    lines = [
        f'{{"create":{{"_index":"logs"}}}}\n{json.dumps({"sender": sender, "seq": first + each, "message": "m"})}\n'
        for each in range(BATCH)
    ]
    return "/_bulk", "".join(lines).encode()


def hec(sender: str, first: int) -> tuple[str, bytes]:
    events = [json.dumps({"event": {"sender": sender, "seq": first + each, "message": "m"}}) for each in range(BATCH)]
    return "/services/collector/event", "".join(events).encode()


@dataclass(slots=True)
class Sender:
    """Sends until told to stop; a request that is not answered with success is sent again, unchanged."""

    name: str
    make: Callable[[str, int], tuple[str, bytes]]
    url: str
    token: str
    stop: threading.Event
    acknowledged: int = 0
    retries: int = 0
    errors: list[str] = field(default_factory=list)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, auth=("sender", self.token), timeout=30) as client:
            while not self.stop.is_set():
                path, body = self.make(self.name, self.acknowledged)
                while not self._sent(client, path, body):
                    self.retries += 1
                    time.sleep(0.02)
                self.acknowledged += BATCH
                time.sleep(0.005)

    def _sent(self, client: httpx.Client, path: str, body: bytes) -> bool:
        try:
            answer = client.post(path, content=body, headers={"content-type": "application/x-ndjson"})
        except httpx.HTTPError:
            return False
        if answer.status_code not in {200, 429, 503}:
            self.errors.append(f"{answer.status_code} {answer.text[:200]}")
        return answer.status_code == 200


@pytest.mark.timeout(900)
@pytest.mark.mission("S1")
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path):
    chance = random.Random(20260302)
    ports = {
        "http_address": f"127.0.0.1:{free_port()}",
        "api_address": f"127.0.0.1:{free_port()}",
        "spool_segment_bytes": "262144",
    }
    with serving(tmp_path, **ports) as served:
        stop = threading.Event()
        senders = [
            Sender(f"{make.__name__}-{number}", make, served.intake, served.token("intake"), stop)
            for make in (json_lines, bulk, hec)
            for number in range(2)
        ]
        threads = [threading.Thread(target=sender.run) for sender in senders]
        for thread in threads:
            thread.start()
        try:
            for _ in range(ROUNDS):
                time.sleep(chance.uniform(0.1, 0.8))
                kill(served, chance.choice(PARTS))
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not [sender.errors for sender in senders if sender.errors]
        assert sum(sender.retries for sender in senders) > 0
        check(served, {sender.name: sender.acknowledged for sender in senders})


def kill(served: Served, part: str) -> None:
    vitals = read_vitals(served.data).get(part)
    if vitals is not None and vitals.pid > 1:
        try:
            os.kill(vitals.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def check(served: Served, acknowledged: dict[str, int]) -> None:
    """Compare what is stored with what was acknowledged, record by record."""
    total = sum(acknowledged.values())
    until(lambda: stored(served) >= total, 90, f"{total} records")
    rows = served.sql(
        """SELECT extract(`event.original`, '"sender": "([^"]+)"') AS sender, count() AS n,
        uniqExact(extract(`event.original`, '"seq": ([0-9]+)')) AS numbers,
        max(toUInt64OrZero(extract(`event.original`, '"seq": ([0-9]+)'))) AS last FROM events GROUP BY sender"""
    )
    found = {row["sender"]: (row["n"], row["numbers"], row["last"]) for row in rows}
    assert found == {name: (count, count, count - 1) for name, count in acknowledged.items()}


def stored(served: Served) -> int:
    try:
        return served.count()
    except (httpx.HTTPError, AssertionError):  # the store or the API has just been killed
        return 0
