"""Whatever goes wrong is told in one form, with no insides, and passes again."""

from __future__ import annotations

import asyncio
import threading

import pytest
from starlette.requests import ClientDisconnect

from miharu.serve.api import access as access_module
from miharu.store import State, StateError, Store, StoreError, StoreLostError
from tests.unit.serve.apicraft import V1, import_lines, is_problem, settings_of, world


class Doors:
    """Opens the real store and state, unless told to fail."""

    def __init__(self) -> None:
        self.store_error: Exception | None = None
        self.state_error: Exception | None = None
        self.opened = 0

    def store(self, settings):
        self.opened += 1
        if self.store_error is not None:
            raise self.store_error
        return Store.open(settings.data, settings, grace=0.2)

    def state(self, settings):
        if self.state_error is not None:
            raise self.state_error
        return State.open(settings.data)


@pytest.fixture
def doors():
    return Doors()


@pytest.fixture
def here(tmp_path, doors):
    with world(settings_of(tmp_path), store_opener=doors.store, state_opener=doors.state) as opened:
        yield opened


def test_nothing_is_opened_before_it_is_needed(here, doors):
    assert here.ask("/health", None).status_code == 200
    assert here.ask("/version").status_code == 200
    assert doors.opened == 0
    assert here.json("/events")["count"] == 0
    assert doors.opened == 1


def test_paths_and_methods_that_are_not_there(here):
    problem = is_problem(here.ask("/nowhere"), 404)
    assert "/api/v1/nowhere" in problem["detail"]
    refused = here.ask("/events", "read", "DELETE")
    is_problem(refused, 405)
    assert "GET" in refused.headers["allow"]
    is_problem(here.ask("/api/other"), 404)


@pytest.mark.parametrize("error", [StoreError("cannot start: /secret/place"), StoreLostError("gone: /secret/place")])
def test_a_store_that_is_down(here, doors, error):
    doors.store_error = error
    for _ in range(2):
        answer = here.ask("/events")
        is_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "secret" not in answer.text
    is_problem(here.ask("/sql", "read", "POST", json={"sql": "SELECT 1"}), 503, "unavailable")
    assert here.ask("/alerts").status_code == 200
    assert here.ask("/rules").status_code == 200
    doors.store_error = None
    assert here.json("/events")["count"] == 0


def test_a_store_that_dies_is_opened_again(tmp_path):
    import_lines(tmp_path, 20)
    with world(settings_of(tmp_path)) as here:
        assert here.json("/events")["count"] == 20
        with Store.open(tmp_path, here.settings) as other:
            other.shutdown()
        assert here.json("/events")["count"] == 20


def test_a_state_that_is_down(tmp_path, doors):
    doors.state_error = StateError("refused: /secret/place")
    with world(settings_of(tmp_path), store_opener=doors.store, state_opener=doors.state) as here:
        answer = here.ask("/alerts")
        is_problem(answer, 503, "unavailable")
        assert "secret" not in answer.text
        assert here.ask("/health", None).status_code == 200
        doors.state_error = None
        assert here.ask("/alerts").status_code == 200


def test_a_fault_of_ours_shows_no_insides(here, doors):
    doors.store_error = ZeroDivisionError("a secret of the inside")
    problem = is_problem(here.ask("/events"), 500, "fault")
    assert len(problem["fault"]) == 8
    assert problem["fault"] in problem["detail"]
    assert "secret" not in str(problem)
    assert "ZeroDivisionError" not in str(problem)
    assert here.ask("/version").status_code == 200


def test_a_client_that_hangs_up_is_no_fault_of_ours(here, doors):
    doors.store_error = ClientDisconnect()
    is_problem(here.ask("/events"), 400)


def test_one_token_has_its_share_of_questions(here, doors, monkeypatch):
    monkeypatch.setattr(access_module, "_QUERIES_OF_ONE", 2)
    held, asked = threading.Event(), threading.Semaphore(0)

    def slow(settings):
        asked.release()
        assert held.wait(60)
        return Store.open(settings.data, settings, grace=0.2)

    here.app.state.services.access._store_opener = slow

    async def crowd():
        header = {"Authorization": f"Bearer {here.secrets['read']}"}
        under_way = [asyncio.create_task(here.client.get(f"{V1}/events", headers=header)) for _ in range(2)]
        await asyncio.to_thread(asked.acquire)
        while here.app.state.services.access._asking["a-read"] < 2:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        refused = await here.client.get(f"{V1}/events", headers=header)
        other = asyncio.create_task(
            here.client.get(f"{V1}/events", headers={"Authorization": f"Bearer {here.secrets['admin']}"})
        )
        alive = await here.client.get(f"{V1}/version", headers=header)
        held.set()
        return refused, alive, [*await asyncio.gather(*under_way), await other]

    refused, alive, answered = here.loop.run(crowd())
    is_problem(refused, 429, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert alive.status_code == 200
    assert [answer.status_code for answer in answered] == [200, 200, 200]
    assert here.ask("/events").status_code == 200


def test_a_store_that_never_answers_does_not_hold_the_request(here, doors, monkeypatch):
    monkeypatch.setattr(access_module, "_STUCK", 2)
    held = threading.Event()
    access = here.app.state.services.access
    access._settings = here.settings.model_copy(update={"query_seconds": 0.01})
    monkeypatch.setattr(access_module, "_MARGIN_SECONDS", 0.05)
    access._store_opener = lambda settings: Store.open(settings.data, settings, grace=0.2) if held.wait(60) else None
    try:
        is_problem(here.ask("/events"), 503, "unavailable")
        is_problem(here.ask("/events"), 503, "unavailable")
        assert access.running == 2
        is_problem(here.ask("/events"), 503, "busy")
    finally:
        held.set()
    while access.running:
        pass
    monkeypatch.setattr(access_module, "_MARGIN_SECONDS", 60)
    assert here.ask("/events").status_code == 200
