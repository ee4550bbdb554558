"""A receiver on the loopback that keeps what it was sent, and alerts to tell it of."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from miharu.core.alert import Alert
from miharu.core.settings import Settings
from miharu.respond import Target, alert_context, load_targets
from miharu.store import Delivery, Notice, State

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = "a secret of the test"


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def delivery(self) -> str:
        return self.headers["x-miharu-delivery"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def alerts(self) -> list[str]:
        return [notice["alert"]["id"] for notice in self.json["notices"]]


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Receiver:
    """Answers requests with `answers` in turn, then with 200; `hold` is called before each answer."""

    def __init__(self, answers: Iterable[Answer] = (), certificate: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.answers = deque(answers)
        self.hold: Callable[[Request], None] = lambda _: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, self.rfile.read(size))
                receiver.requests.append(request)
                receiver.hold(request)
                answer = receiver.answers.popleft() if receiver.answers else Answer()
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:  # the sender was killed
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_: object) -> None:
                """Say nothing of senders that went away."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?team=blue"

    @property
    def deliveries(self) -> list[str]:
        return [request.delivery for request in self.requests]

    @property
    def alerts(self) -> list[str]:
        return [alert for request in self.requests for alert in request.alerts]


def signature(secret: str, request: Request) -> str:
    """What a receiver computes with nothing but the page that describes it."""
    signed = request.headers["x-miharu-timestamp"].encode("ascii") + b"." + request.body
    return "v1=" + hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


def target(url: str, **more: Any) -> Target:
    entry = {"name": "ops", "kind": "webhook", "url": url, **more}
    return load_targets(Settings(notify=(entry,)))[0]


def alert(number: int, level: str = "high", rule: str = "r1", entity: str = '{"host.name":"web01"}') -> Alert:
    last = START + timedelta(minutes=5)
    return Alert(f"{number:032x}", rule, "A rule", level, entity, START, last, "f" * 32, 3)


def notice(number: int, to: str = "ops", level: str = "high") -> Notice:
    made = alert(number, level)
    return Notice(to, made.id, "opened", alert_context(made, "opened"))


def delivery(*numbers: int, to: str = "ops") -> Delivery:
    return Delivery("d" * 32, to, tuple(notice(number, to).body for number in numbers), 1, START)


def queue(state: State, *notices: Notice) -> None:
    with state.transaction() as transaction:
        transaction.enqueue(notices)


def total(state: State) -> dict[str, int]:
    found: dict[str, int] = {}
    for count in state.outbox_counts():
        found[count.state] = found.get(count.state, 0) + count.notices
    return found


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)
