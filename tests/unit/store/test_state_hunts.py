"""A hunt's pieces are counted once, and what was written down is there after a restart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from miharu.store import Segment, State

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Scan:
    """Enough of a fingerprint."""

    size, digest, heads = 10, "d" * 32, {1: "h" * 32}


def test_a_hunt_goes_on_where_it_was(tmp_path: Path):
    with State.open(tmp_path, clock=lambda: NOW) as state:
        hunt = state.hunts.begin("k" * 32, "asked", {"r1": "h1"}, (NOW, None))
        state.hunts.lay_out(hunt.id, NOW, {"pieces": [{"rows": 3}, {"rows": 4}], "excluded": []})
        state.hunts.write_down(hunt.id, b"\x00findings")
    with State.open(tmp_path, clock=lambda: NOW) as state:
        (found,) = state.hunts.unfinished()
        assert (found.id, found.rules, found.begin, found.end) == (hunt.id, {"r1": "h1"}, NOW, None)
        assert (found.done, found.pending, found.plan["pieces"][1]) == (0, b"\x00findings", {"rows": 4})
        with state.transaction() as transaction:
            transaction.finish_hunt(hunt.id, (3, 2, 1))
        (found,) = state.hunts.unfinished("asked")
        assert (found.done, found.pending, found.events, found.findings, found.alerts) == (1, None, 3, 2, 1)
        assert state.hunts.unfinished("changed") == []
        state.hunts.end(hunt.id)
        assert state.hunts.unfinished() == []
        later = state.hunts.begin("l" * 32, "changed", {}, (None, None))
        assert [each.id for each in state.hunts.latest(5)] == [later.id, hunt.id]


def test_rules_that_judge_are_noted_as_a_whole(tmp_path: Path):
    many = {f"rule {number}": "a" * 32 for number in range(2_500)}
    with State.open(tmp_path) as state:
        assert state.hunts.seen_rules() == {}
        state.hunts.see_rules(many)
        assert state.hunts.seen_rules() == many
        state.hunts.see_rules({"one": "b" * 32})
        assert state.hunts.seen_rules() == {"one": "b" * 32}


def test_batches_under_way_are_told_by_their_instants(tmp_path: Path):
    with State.open(tmp_path, clock=lambda: NOW) as state:
        assert state.hunts.under_way() == []
        live = state.begin_live("worker", (0, 0), (0, 9), datetime(2026, 11, 2, tzinfo=UTC))
        state.register("f" * 32, "a.log", Scan())
        state.begin_batch([Segment("f" * 32, 0, 5)])
        assert state.hunts.under_way() == [NOW, live.created]
        with state.transaction() as transaction:
            transaction.finish_live("worker", live.token)
        assert state.hunts.under_way() == [NOW]
