"""Tokens of senders: known for a moment, right again soon after a change, and still known while the state is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.serve import admission as admissions
from miharu.serve.admission import Admission
from miharu.store import State, StateError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(admissions, "time", clock)
    return clock


def test_only_tokens_that_may_send_are_admitted(tmp_path: Path, clock: Clock):
    with State.open(tmp_path) as state:
        sends = state.create_token("web", ("intake",))
        reads = state.create_token("eyes", ("read",))
        admit = Admission(state)
        assert admit(sends) == "web"
        assert admit(reads) is None
        assert admit("") is None
        assert admit("miharu_nobody") is None
        assert admit("\x00\udc80") is None


def test_a_change_is_seen_after_a_moment(tmp_path: Path, clock: Clock):
    with State.open(tmp_path) as state:
        secret = state.create_token("web", ("intake",))
        admit = Admission(state)
        assert admit(secret) == "web"
        state.revoke_token("web")
        assert admit(secret) == "web"
        clock.now += admissions._FRESH_SECONDS
        assert admit(secret) is None


def test_while_the_state_is_away_the_last_answer_holds(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    with State.open(tmp_path) as state:
        secret, other = (state.create_token(name, ("intake",)) for name in ("web", "db"))
        admit = Admission(state)
        assert admit(secret) == "web"
        assert admit("unknown") is None

        def refuse(_: State, __: str):
            raise StateError("away")

        with monkeypatch.context() as away:
            away.setattr(State, "token", refuse)
            clock.now += 1000
            assert admit(secret) == "web"
            assert admit("unknown") is None
            assert admit(other) is None, "nobody knows"
        assert admit(other) == "db", "asked again as soon as the state is back"


def test_guesses_do_not_fill_memory(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admissions, "_REMEMBERED", 20)
    with State.open(tmp_path) as state:
        secret = state.create_token("web", ("intake",))
        admit = Admission(state)
        for number in range(100):
            assert admit(f"guess-{number}") is None
            assert admit(secret) == "web"
        assert len(admit._known) <= 20
