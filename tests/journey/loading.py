"""Senders that keep sending while a test disturbs the system, and what they have a right to expect of it."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from miharu.pipeline import read_vitals
from tests.journey.serving import Served, until

BUSY = frozenset({429, 503})
WAYS: dict[str, Callable[[dict[str, object]], str]] = {
    "/logs": lambda record: json.dumps(record) + "\n",
    "/_bulk": lambda record: '{"create":{"_index":"logs"}}\n' + json.dumps(record) + "\n",
    "/services/collector/event": lambda record: json.dumps({"event": record}),
}
"""Path → what one record looks like there."""


@dataclass(slots=True)
class HttpSender:
    """Sends batches and sends each again, unchanged, until it is acknowledged."""

    mark: str
    url: str
    token: str
    path: str = "/logs"
    batch: int = 20
    padding: int = 0
    pause: float = 0.01
    stop: threading.Event = field(default_factory=threading.Event)
    begun: int = 0
    acknowledged: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    lost: int = 0

    @classmethod
    def of(cls, served: Served, mark: str, **more: object) -> HttpSender:
        return cls(mark, served.intake, served.token("intake"), **more)  # type: ignore[arg-type]

    def body(self) -> bytes:
        first = self.acknowledged
        records = [
            {"mark": self.mark, "seq": first + each, "message": "m" * self.padding} for each in range(self.batch)
        ]
        return "".join(map(WAYS[self.path], records)).encode()

    def run(self) -> None:
        """Send until told to stop; what was not acknowledged by then stays with the sender."""
        with httpx.Client(base_url=self.url, auth=("sender", self.token), timeout=60) as client:
            while not self.stop.is_set():
                if self.once(client):
                    time.sleep(self.pause)
                else:
                    self.stop.wait(0.05)

    def once(self, client: httpx.Client) -> bool:
        self.begun = self.acknowledged + self.batch
        try:
            answer = client.post(self.path, content=self.body(), headers={"content-type": "application/x-ndjson"})
        except httpx.HTTPError:
            self.lost += 1
            return False
        self.answers[answer.status_code] += 1
        if answer.status_code in BUSY and "retry-after" not in answer.headers:
            self.without_retry_after += 1
        if answer.status_code == 200:
            self.acknowledged += self.batch
        return answer.status_code == 200


def line(mark: str, number: int, padding: int = 0) -> bytes:
    return f"<38>Mar  1 12:00:00 web01 app[7]: {mark} seq={number} {'p' * padding}\n".encode()


@dataclass(slots=True)
class TcpSender:
    """Writes lines into one connection as fast as it takes them; a small buffer lets it feel a reader that pauses."""

    mark: str
    port: int
    lines: int
    padding: int = 100
    rate: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    sent: int = 0

    def run(self) -> None:
        with socket.socket() as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
            stream.connect(("127.0.0.1", self.port))
            stream.settimeout(120)
            began = time.monotonic()
            while self.sent < self.lines and not self.stop.is_set():
                many = min(100, self.lines - self.sent)
                stream.sendall(b"".join(line(self.mark, self.sent + each, self.padding) for each in range(many)))
                self.sent += many
                if self.rate:
                    time.sleep(max(0.0, began + self.sent / self.rate - time.monotonic()))


@contextmanager
def sending(*senders: HttpSender | TcpSender) -> Iterator[None]:
    """Let senders run beside the test; stop them at its end."""
    threads = [threading.Thread(target=sender.run, daemon=True) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for sender in senders:
            sender.stop.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)


def numbers(served: Served, mark: str) -> list[int]:
    """Return the numbers of a mark's stored records, as often as they are stored."""
    rows = served.sql(
        """SELECT toUInt64OrZero(extract(`event.original`, 'seq"?[=:] ?([0-9]+)')) AS seq
        FROM events WHERE position(`event.original`, '"""
        + mark
        + "') > 0 ORDER BY seq"
    )
    return [int(row["seq"]) for row in rows]


def check_stored(served: Served, senders: Sequence[HttpSender], seconds: float = 60.0) -> None:
    """Everything acknowledged is stored once; of what was not, at most the request under way, and once, too."""
    for sender in senders:
        until(lambda sender=sender: stored(served, sender.mark) >= sender.acknowledged, seconds, sender.mark)  # type: ignore[misc]
        found = numbers(served, sender.mark)
        assert found == list(range(len(found))), f"{sender.mark}: numbers are missing or doubled"
        assert sender.acknowledged <= len(found) <= max(sender.acknowledged, sender.begun)
        assert not sender.without_retry_after


def stored(served: Served, mark: str) -> int:
    try:
        return served.count(f"position(`event.original`, '{mark}') > 0")
    except (httpx.HTTPError, AssertionError):  # the store or the API is away
        return 0


@contextmanager
def store_away(data: Path) -> Iterator[None]:
    """Kill the store's process and keep every other from starting: its lock is taken."""
    pid = read_vitals(data)["store"].pid
    with (data / "store.lock").open("a") as lock:
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        fcntl.flock(lock, fcntl.LOCK_EX)  # woken by the kernel when the process is gone, before another could start
        yield


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Stop a process and let it go on at the end."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def actions(served: Served) -> Counter[str]:
    """Return how often each action stands in the system's own log."""
    return Counter(str(each.get("event.action")) for each in served.log())


def health(served: Served) -> dict[str, object]:
    with served.api() as api:
        answer = api.get("/health")
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


def starts(served: Served) -> dict[str, int]:
    return dict(read_vitals(served.data)["supervisor"].counters)
