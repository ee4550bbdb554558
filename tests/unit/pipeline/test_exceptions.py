"""Overlays on findings: levels, rules that are off, and exceptions in both forms, judged as rules are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from miharu.catalog import load_sigma_mapping
from miharu.core.columns import UTC_MICROS
from miharu.core.errors import OperatorError, QueryError
from miharu.core.finding import HIDDEN_BY
from miharu.detect import Detector, RuleSet, load_rules
from miharu.pipeline import read_condition
from miharu.pipeline.exceptions import compile_exceptions
from miharu.pipeline.overlays import Overlays, events_in, visible
from miharu.store import State

NOW = datetime(2026, 11, 1, tzinfo=UTC)
USERS = ["alice", "BACKUP", "backup2", None, "bob"]
COLUMNS = ("user.name", "process.executable", "source.ip", "source.port")


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    file = tmp_path_factory.mktemp("rules") / "rules.yml"
    told = [
        {"title": name, "id": name, "level": "high", "logsource": {"product": "windows"}, "detection": detection}
        for name, detection in (
            ("starts", {"x": {"EventID": 1}, "condition": "x"}),
            ("listens", {"x": {"EventID": "1"}, "condition": "x"}),
        )
    ]
    file.write_text(yaml.safe_dump_all(told))
    return load_rules([file], load_sigma_mapping(), None)


@pytest.fixture(scope="module")
def events() -> pl.DataFrame:
    rows = len(USERS)
    return pl.DataFrame(
        {
            "@timestamp": pl.Series([NOW] * rows, dtype=UTC_MICROS),
            "event.id": [f"{row:032x}" for row in range(rows)],
            "event.dataset": ["windows.sysmon"] * rows,
            "event.code": ["1"] * rows,
            "event.original": [b"{}"] * rows,
            "user.name": USERS,
            "process.executable": [r"C:\Tools\robocopy.exe", r"C:\x.exe", None, r"D:\ROBOCOPY.EXE", ""],
            "source.ip": ["192.0.2.7", "198.51.100.1", None, "192.0.2.200", "2001:db8::1"],
            "source.port": [22, 443, None, 8443, 443],
            "fields": [None, '{"winlog.event_data.Ticket":"T-17"}', None, None, None],
        }
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as opened:
        yield opened


def hidden(state: State, ruleset: RuleSet, events: pl.DataFrame, now: datetime = NOW) -> dict[str, list[int]]:
    """The rows that each exception hides, by its name."""
    found = Overlays(state, lambda: now).apply(Detector(ruleset).run(events), events_in(events))
    names = {each.id: each.name for each in state.overlays.book().exceptions}
    rows: dict[str, list[int]] = {}
    for mark, event in found.filter(pl.col(HIDDEN_BY) != "").select(HIDDEN_BY, "event.id").iter_rows():
        rows.setdefault(names[mark], []).append(int(event, 16))
    return rows


def add(state: State, ruleset: RuleSet, when: str, rule: str = "starts", until: datetime | None = None) -> None:
    found = ruleset.find(rule)
    assert found is not None
    draft = read_condition(when, found, load_sigma_mapping(), COLUMNS)
    state.overlays.add_exception(replace(draft, name=when, until=until, reason="test", who="me"))


@pytest.mark.parametrize(
    ("when", "rows"),
    [
        ("user.name : backup", [1]),
        ("user.name : backup*", [1, 2]),
        ('user.name : "backup*"', []),
        ("not user.name : *", [3]),
        ("source.ip : 192.0.2.0/24", [0, 3]),
        ("source.port >= 443 and not user.name : bob", [1, 3]),
        ("winlog.event_data.Ticket : t-17", [1]),
        (r'process.executable : "c:\\x.exe"', [1]),
        (r"{Image|endswith: \robocopy.exe}", [0, 3]),
        ("{process.executable|contains: robo, Image|startswith: 'c:'}", [0]),
        ("[{user.name: alice}, {user.name: bob}]", [0, 4]),
        ("a: {user.name: alice}\nb: {source.port: 443}\ncondition: a or b", [0, 1, 4]),
    ],
)
def test_conditions_hide_the_events_they_speak_of(
    state: State, ruleset: RuleSet, events: pl.DataFrame, when: str, rows: list[int]
):
    add(state, ruleset, when)
    assert hidden(state, ruleset, events) == ({when: rows} if rows else {})


def test_nothing_is_lost_and_other_rules_are_left_alone(state: State, ruleset: RuleSet, events: pl.DataFrame):
    plain = Detector(ruleset).run(events)
    add(state, ruleset, "user.name : *")
    found = Overlays(state, lambda: NOW).apply(plain, events_in(events))
    assert found.drop(HIDDEN_BY).equals(plain)
    assert visible(found).group_by("rule.id").len().sort("rule.id").rows() == [("listens", 5), ("starts", 1)]


def test_of_several_exceptions_the_oldest_hides(state: State, ruleset: RuleSet, events: pl.DataFrame):
    add(state, ruleset, "user.name : alice or user.name : bob")
    add(state, ruleset, "user.name : *")
    assert hidden(state, ruleset, events) == {
        "user.name : alice or user.name : bob": [0, 4],
        "user.name : *": [1, 2],
    }


def test_exceptions_run_out_and_are_taken_back(state: State, ruleset: RuleSet, events: pl.DataFrame):
    add(state, ruleset, "user.name : alice", until=NOW + timedelta(hours=1))
    clock = [NOW]
    overlays = Overlays(state, lambda: clock[0])
    plain = Detector(ruleset).run(events)

    def shown() -> int:
        return visible(overlays.apply(plain, events_in(events))).height

    assert shown() == 9
    clock[0] = NOW + timedelta(hours=1)
    assert shown() == 10
    clock[0] = NOW
    assert shown() == 9
    state.overlays.end_exception("user.name : alice")
    assert shown() == 10


def test_rules_that_are_off_find_nothing_and_levels_are_replaced(state: State, ruleset: RuleSet, events: pl.DataFrame):
    overlays = Overlays(state)
    plain = Detector(ruleset).run(events)
    assert set(overlays.apply(plain, events_in(events))["rule.level"]) == {"high"}
    state.overlays.set_enabled("listens", "me", enabled=False)
    state.overlays.set_level("starts", "low", "me")
    found = overlays.apply(plain, events_in(events))
    assert found.select("rule.id", "rule.level").unique().rows() == [("starts", "low")]
    assert overlays.apply(plain.clear(), events_in(events)).columns == [*plain.columns, HIDDEN_BY]


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("usr.name : x", "there is no field 'usr.name'; did you mean 'user.name'?"),
        ("{a: b", "not valid YAML"),
        ("{}", "is a mapping of fields to values"),
        ("a: {b: c}\ncondition: a or z", "cannot be judged"),
        ("{Image|sounds: x}", "cannot be judged"),
    ],
)
def test_conditions_that_cannot_be_judged_are_refused(ruleset: RuleSet, when: str, said: str):
    with pytest.raises(OperatorError, match=said.replace("?", r"\?")):
        read_condition(when, ruleset.rules[0], load_sigma_mapping(), COLUMNS)


def test_a_filter_that_cannot_be_read_shows_the_place(ruleset: RuleSet):
    with pytest.raises(QueryError, match=r"\^"):
        read_condition("user.name : (a", ruleset.rules[0], load_sigma_mapping(), COLUMNS)


def test_an_exception_that_went_bad_hides_nothing_and_is_told(ruleset: RuleSet):
    made = read_condition("user.name : a", ruleset.rules[0], load_sigma_mapping(), COLUMNS)
    detector, faults = compile_exceptions([replace(made, detection={"x": {"a|no": 1}, "condition": "x"})])
    assert detector is None
    assert len(faults) == 1
