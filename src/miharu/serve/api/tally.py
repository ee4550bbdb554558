"""Requests → counts by route and status, for metrics and vitals; and the headers that every answer carries."""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_SECONDS: Final = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)


class Tally:
    """What the API has done since it started."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.counts: Counter[str] = Counter({"requests": 0, "refusals": 0, "faults": 0, "rows": 0})
        self._requests = prometheus_client.Counter(
            "miharu_api_requests",
            "Requests the API answered, by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "miharu_api_request_seconds",
            "Seconds until the head of an answer, by route.",
            ("route",),
            registry=self.registry,
            buckets=_SECONDS,
        )

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.counts["requests"] += 1
        if status >= _CLIENT_ERROR:
            self.counts["faults" if status >= _SERVER_ERROR else "refusals"] += 1
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class TallyMiddleware:
    """Counts the answers of an app and gives them their headers."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in given)]
                self._tally.note(scope["method"], _route(scope), message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, sending)


def _route(scope: Scope) -> str:
    """Return the path of a request with the names of its parameters in place of their values."""
    if "route" not in scope:
        return "other"
    parts = scope["path"].split("/")
    for name, value in scope.get("path_params", {}).items():
        # A value may be the same as a word of the path before it.
        place = len(parts) - 1 - parts[::-1].index(str(value)) if str(value) in parts else -1
        parts[place] = f"{{{name}}}"
    return "/".join(parts)
