"""Findings that are stored already, hidden ones among them, and tables of an earlier version."""

from __future__ import annotations

import fcntl
from datetime import UTC, datetime

import polars as pl

from miharu.core.columns import UTC_MICROS
from miharu.core.finding import FINDING_SCHEMA, HIDDEN_BY
from miharu.core.settings import Settings
from miharu.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def findings(*told: tuple[str, str, str, str]) -> pl.DataFrame:
    """Rows of (finding, rule, event, exception)."""
    rows = len(told)
    texts = {name: [""] * rows for name, kind in FINDING_SCHEMA.items() if kind == pl.String}
    given = {"finding.id": 0, "rule.id": 1, "event.id": 2, HIDDEN_BY: 3}
    return pl.DataFrame(
        {
            **texts,
            **{name: [row[place] for row in told] for name, place in given.items()},
            "rule.tags": pl.Series([[]] * rows, dtype=pl.List(pl.String)),
            "@timestamp": pl.Series([NOW] * rows, dtype=UTC_MICROS),
        }
    )


def test_a_finding_is_known_by_its_rule_and_event(store: Store):
    store.insert(
        "findings",
        findings(("f1", "r1", "e1", ""), ("f2", "r1", "e2", "x"), ("f3", "r1", "e3", "x"), ("f4", "r1", "e3", "")),
        "some",
    )
    asked = findings(*((f"g{event}", rule, event, "") for rule in ("r1", "r2") for event in ("e1", "e2", "e3", "e4")))
    known = store.known_findings(asked).sort("event.id").rows()
    assert known == [("r1", "e1", False), ("r1", "e2", True), ("r1", "e3", False)]


def test_what_is_revealed_is_stored_anew(store: Store):
    store.insert("findings", findings(("f1", "r1", "e1", "x"), ("f2", "r1", "e2", "x"), ("f3", "r1", "e3", "")), "one")
    store.reveal(findings(("f1", "r1", "e1", ""), ("f3", "r1", "e3", "")))
    store.insert("findings", findings(("f1", "r1", "e1", "")), "two")
    rows = store.query("SELECT `finding.id`, `finding.hidden_by` FROM findings ORDER BY 1").rows()
    assert rows == [("f1", ""), ("f2", "x"), ("f3", "")]


def test_tables_of_an_earlier_version_get_what_they_lack(settings: Settings):
    with Store.open(settings.data, settings, grace=0.1) as store:
        store.insert("findings", findings(("f1", "r1", "e1", "")), "one")
        store.query("ALTER TABLE findings DROP COLUMN `finding.hidden_by`")
        store.shutdown()
    # The process gives its lock back when it has ended; before that, a client could still reach it.
    with (settings.data / "store.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    with Store.open(settings.data, settings, grace=0.1) as store:
        assert store.query("SELECT `finding.id`, `finding.hidden_by` FROM findings").rows() == [("f1", "")]
