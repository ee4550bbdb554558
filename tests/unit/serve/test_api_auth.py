"""Every route asks for its scope: nobody without a token, nobody with another, and admin for all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from miharu.store import State
from tests.unit.serve.apicraft import World, is_problem, settings_of, world

ALERT = "0" * 32
ROUTES: list[tuple[str, str, dict[str, Any], str, int]] = [
    ("GET", "/events", {}, "read", 200),
    ("POST", "/sql", {"json": {"sql": "SELECT 1"}}, "read", 200),
    ("GET", "/alerts", {}, "read", 200),
    ("GET", "/alerts/stream", {"params": {"level": "none"}}, "read", 422),
    ("GET", f"/alerts/{ALERT}", {}, "read", 404),
    ("PATCH", f"/alerts/{ALERT}", {"json": {"state": "closed"}}, "write", 404),
    ("GET", "/rules", {}, "read", 200),
    ("GET", "/rules/none", {}, "read", 404),
    ("GET", "/rules/none/explain", {"params": {"event": "none"}}, "read", 404),
    ("GET", "/rules/none/why-not", {}, "read", 404),
    ("GET", "/sources", {}, "read", 200),
    ("GET", "/senders", {}, "read", 200),
    ("GET", "/version", {}, "read", 200),
    ("GET", "/metrics", {}, "read", 200),
    ("GET", "/api/v1/metrics", {}, "read", 200),
]
"""Method, path, what is sent, the scope it takes, and the status with it."""
OPEN = {("GET", "/health"), ("GET", "/api/docs"), ("GET", "/api/v1/openapi.json")}
SCOPES = ("intake", "read", "write", "admin")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(settings_of(tmp_path_factory.mktemp("auth") / "data")) as opened:
        yield opened


def test_the_matrix_names_every_route(here):
    paths = here.app.openapi()["paths"]
    there = {
        (method.upper(), path.replace("{alert_id}", ALERT).replace("{rule_id}", "none"))
        for path, methods in paths.items()
        for method in methods
    }
    named = {(method, full(path)) for method, path, *_ in ROUTES} | {(method, full(path)) for method, path in OPEN}
    assert there | {("GET", path) for path in ("/api/docs", "/api/v1/openapi.json")} == named


def full(path):
    return path if path.startswith(("/api", "/metrics")) else f"/api/v1{path}"


@pytest.mark.parametrize(("method", "path", "sent", "scope", "status"), ROUTES)
def test_every_route_with_no_token_and_with_each(here, method, path, sent, scope, status):
    refused = here.ask(path, None, method, **sent)
    is_problem(refused, 401, "token")
    assert refused.headers["www-authenticate"] == "Bearer"
    for held in SCOPES:
        answer = here.ask(path, held, method, **sent)
        if held in {scope, "admin"}:
            assert answer.status_code == status, answer.text
        else:
            is_problem(answer, 403, "token")
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", sorted(path for _, path in OPEN))
def test_what_needs_no_token(here, path):
    assert here.ask(path, None).status_code == 200


@pytest.mark.parametrize(
    "header", ["Bearer mhr_unknown", "Bearer ", "Basic YTpi", "mhr_x", "Bearer mhr_ü", "bearer\tx", "Bearer a b"]
)
def test_what_is_no_token(here, header):
    for path in ("/events", "/metrics"):
        is_problem(here.ask(path, None, headers={"Authorization": header.encode()}), 401, "token")


def test_a_wrong_token_is_no_better_than_none_where_one_is_optional(here):
    is_problem(here.ask("/health", None, headers={"Authorization": "Bearer mhr_unknown"}), 401, "token")
    is_problem(here.ask("/health", "intake"), 403, "token")


def test_a_body_is_looked_at_only_with_a_token(here):
    is_problem(here.ask("/sql", None, "POST", content=b"{"), 401, "token")
    is_problem(here.ask(f"/alerts/{ALERT}", "read", "PATCH", content=b"{"), 403, "token")
    is_problem(here.ask("/sql", None, "POST", content=b"x" * 2_000_000), 401, "token")


def test_revoked_and_expired_tokens_are_refused_at_once(here):
    with State.open(here.settings.data) as state:
        secret = state.create_token("short", ["read"])
        late = state.create_token("late", ["read"], datetime.now(UTC) + timedelta(seconds=0.3))
        header = {"Authorization": f"Bearer {secret}"}
        assert here.ask("/version", None, headers=header).status_code == 200
        state.revoke_token("short")
        is_problem(here.ask("/version", None, headers=header), 401, "token")
        while state.token(late) is not None:
            pass
    is_problem(here.ask("/version", None, headers={"Authorization": f"Bearer {late}"}), 401, "token")


@pytest.mark.parametrize(
    ("client", "host", "more", "status"),
    [
        ("127.0.0.1", "127.0.0.1:8600", {}, 200),
        ("127.0.0.1", "localhost:8600", {}, 200),
        ("::1", "[::1]:8600", {}, 200),
        ("::ffff:127.0.0.1", "127.0.0.1", {}, 200),
        ("192.0.2.7", "127.0.0.1", {}, 401),
        ("127.0.0.1", "siem.example.com", {}, 401),
        ("127.0.0.1", "127.0.0.1.example.com", {}, 401),
        ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("192.0.2.7", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", "127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 401),
    ],
)
def test_metrics_are_open_to_programs_of_this_machine_only(tmp_path, client, host, more, status):
    with world(settings_of(tmp_path), (client, 5000)) as local:
        for path in ("/metrics", "/api/v1/metrics"):
            assert local.ask(path, None, headers={"Host": host, **more}).status_code == status
            assert local.ask(path, "read", headers={"Host": host, **more}).status_code == 200
        assert local.ask("/version", None, headers={"Host": host, **more}).status_code == 401


def test_answers_are_not_kept_or_guessed_at(here):
    for path, scope in (("/version", "read"), ("/events", None), ("/nowhere", None), ("/api/docs", None)):
        headers = here.ask(path, scope).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
