"""What tests of the API share: an app over a real store, with a token of every scope."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from miharu.core.settings import Settings
from miharu.serve.api.app import make_api
from miharu.store import State
from tests.journey.importing import Place, auth_lines

V1 = "/api/v1"
PROBLEM = "application/problem+json"


@dataclass
class World:
    """An app, a client of it, and a secret for each scope."""

    settings: Settings
    app: FastAPI
    client: httpx.AsyncClient
    loop: asyncio.Runner
    secrets: Mapping[str, str] = field(default_factory=dict)

    def ask(self, path: str, scope: str | None = "read", method: str = "GET", **more: Any) -> httpx.Response:
        """Send a request with a token of a scope (None: without one)."""
        headers = dict(more.pop("headers", {}))
        if scope is not None:
            headers["Authorization"] = f"Bearer {self.secrets[scope]}"
        place = path if path.startswith(("/api", "/metrics")) else V1 + path
        return self.loop.run(self.client.request(method, place, headers=headers, **more))

    def json(self, path: str, scope: str | None = "read", method: str = "GET", **more: Any) -> Any:
        """Return the answer of a request that goes well."""
        answer = self.ask(path, scope, method, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def settings_of(data: Path, **more: Any) -> Settings:
    """Return settings with little memory."""
    return Settings(data=data, store_memory_bytes=600_000_000, **more)


def make_secrets(data: Path) -> dict[str, str]:
    """Make a token of each scope."""
    with State.open(data) as state:
        return {scope: state.create_token(f"a-{scope}", [scope]) for scope in ("intake", "read", "write", "admin")}


def import_lines(data: Path, count: int) -> None:
    """Store failed logons; they raise alerts."""
    file = data / "auth.log"
    data.mkdir(parents=True, exist_ok=True)
    file.write_bytes(auth_lines(count))
    Place(data).take(file)


@contextmanager
def world(settings: Settings, client: tuple[str, int] = ("192.0.2.7", 40_000), **openers: Any) -> Iterator[World]:
    """Give an app over a data folder; requests come from `client`."""
    app = make_api(settings, **openers)
    secrets = make_secrets(settings.data)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=client)
    with asyncio.Runner() as loop:
        lifespan = app.router.lifespan_context(app)
        loop.run(lifespan.__aenter__())
        opened = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60)
        try:
            yield World(settings, app, opened, loop, secrets)
        finally:
            loop.run(opened.aclose())
            loop.run(lifespan.__aexit__(None, None, None))


def is_problem(answer: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem as RFC 9457 lays it out, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == (f"/api/docs#{kind}" if kind else "about:blank")
    assert "Traceback" not in answer.text
    return problem
