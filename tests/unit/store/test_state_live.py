"""Live workers' places in the spool: written down before storing, moved on after it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from miharu.store import State, StateError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_batch_moves_the_place_when_it_is_done(tmp_path: Path):
    with State.open(tmp_path) as state:
        assert state.live_position("worker") == (0, 0)
        first = state.begin_live("worker", (0, 0), (1, 500), NOW)
        second = state.begin_live("worker", (1, 500), (2, 64), NOW)
        assert state.pending_live("worker") == [first, second]
        assert state.live_position("worker") == (2, 64)
        assert state.live_stored("worker") == (0, 0)
        with state.transaction() as transaction:
            transaction.finish_live("worker", first.token)
        assert state.live_stored("worker") == (1, 500)
    with State.open(tmp_path) as state:
        assert state.pending_live("worker") == [second]
        assert state.live_position("worker") == (2, 64)
        assert state.pending_live("another") == []


def test_a_span_is_taken_once(tmp_path: Path):
    with State.open(tmp_path) as state:
        batch = state.begin_live("worker", (0, 0), (1, 500), NOW)
        with pytest.raises(StateError, match="another process works as 'worker'"):
            state.begin_live("worker", (1, 100), (1, 900), NOW)
        with state.transaction() as transaction:
            transaction.finish_live("worker", batch.token)
        with pytest.raises(StateError, match="not pending"), state.transaction() as transaction:
            transaction.finish_live("worker", batch.token)
