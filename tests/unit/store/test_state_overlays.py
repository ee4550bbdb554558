"""What is said about rules is kept, numbered and never lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from miharu.core.errors import OperatorError
from miharu.store import RuleException, State

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def exception(name: str, rule: str = "r1", until: datetime | None = None) -> RuleException:
    return RuleException("", rule, name, "a : b", {"condition": "x", "x": {"a": "b"}}, {}, until, "why", "me", NOW)


def test_rules_are_turned_off_and_on_and_given_levels(tmp_path: Path):
    with State.open(tmp_path) as state:
        desk = state.overlays
        assert desk.revision() == 0
        assert desk.set_enabled("r1", "me", enabled=False)
        assert not desk.set_enabled("r1", "me", enabled=False)
        assert not desk.set_enabled("r2", "me", enabled=True)
        desk.set_level("r1", "critical", "you")
        assert desk.revision() == 2
    with State.open(tmp_path) as state:
        told = state.overlays.book().rules["r1"]
        assert (told.enabled, told.level, told.who) == (False, "critical", "you")
        state.overlays.set_level("r1", None, "me")
        assert state.overlays.set_enabled("r1", "me", enabled=True)
        told = state.overlays.book().rules["r1"]
        assert (told.enabled, told.level, state.overlays.revision()) == (True, None, 4)
        with pytest.raises(OperatorError, match="'loud' is no level; choose one of informational"):
            state.overlays.set_level("r1", "loud", "me")


def test_exceptions_are_kept_when_they_end(tmp_path: Path):
    with State.open(tmp_path, clock=lambda: NOW) as state:
        desk = state.overlays
        first = desk.add_exception(exception("one", until=NOW + timedelta(days=1)))
        with pytest.raises(OperatorError, match="has an exception 'one' already"):
            desk.add_exception(exception("one"))
        other = desk.add_exception(exception("one", rule="r2"))
        with pytest.raises(OperatorError, match="several exceptions are named 'one'"):
            desk.end_exception("one")
        assert desk.end_exception(first.id[:12]).id == first.id
        with pytest.raises(OperatorError, match="no exception is named 'gone'"):
            desk.end_exception("gone")
        book = desk.book()
        assert book.revision == 3
        assert [(each.id, each.ended) for each in book.exceptions] in (
            [(first.id, NOW), (other.id, None)],
            [(other.id, None), (first.id, NOW)],
        )
        assert desk.add_exception(exception("one")).name == "one"


def test_an_exception_holds_until_it_runs_out(tmp_path: Path):
    made = exception("x", until=NOW)
    assert made.holds_at(NOW - timedelta(microseconds=1))
    assert not made.holds_at(NOW)
    assert exception("y").holds_at(NOW + timedelta(days=9999))
