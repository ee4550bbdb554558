"""What Windows' audit policy records is told by what was recorded; what is missing names the rules it blinds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from miharu.catalog import load_lookups
from miharu.pipeline import RuleNeed, Subcategory, rule_needs
from miharu.pipeline.auditpolicy import judge

LAST = datetime(2025, 6, 14, 8, tzinfo=UTC)
RULE = """
title: {title}
id: {title}
logsource: {{product: windows, service: {service}}}
detection:
  selection: {{EventID: {ids}, TargetUserName: alice}}
  filter_main: {{EventID: 4624}}
  condition: selection and not filter_main
"""


def counts(*rows: tuple[str | None, str, str | None, int]) -> pl.DataFrame:
    columns: list[dict[str, Any]] = [
        {"host": host, "code": code, "task": task, "events": events, "success": events, "failure": 0, "last": LAST}
        for host, code, task, events in rows
    ]
    return pl.DataFrame(columns, schema_overrides={"host": pl.String, "task": pl.String})


def judged(*rows: tuple[str | None, str, str | None, int], needs: tuple[RuleNeed, ...] = ()) -> dict[str, Subcategory]:
    return {one.name: one for one in judge(counts(*rows), needs, load_lookups())}


@pytest.mark.mission("S76")
def test_what_was_seen_is_on_and_the_rest_never_seen() -> None:
    found = judged(("dc01", "4768", None, 3), ("ws07", "4624", "12544", 2), ("ws08", "4625", "12544", 5))
    assert {name for name, one in found.items() if one.seen} == {"Kerberos Authentication Service", "Logon"}
    logon = found["Logon"]
    assert (logon.category, logon.events, logon.last) == ("Logon/Logoff", 7, LAST)
    assert logon.hosts == {"ws07": (2, LAST), "ws08": (5, LAST)}
    assert list(logon.codes) == ["4624", "4625"]
    assert not found["Process Creation"].hosts
    assert len(found) == 59


@pytest.mark.parametrize(
    ("task", "name"), [("12800", "File System"), ("12801", "Registry"), ("12812", "Removable Storage")]
)
def test_the_task_tells_subcategories_with_the_same_event_apart(task: str, name: str) -> None:
    assert [one.name for one in judged(("ws07", "4663", task, 1)).values() if one.seen] == [name]


def test_an_event_of_several_subcategories_without_its_task_proves_none() -> None:
    assert not any(one.seen for one in judged(("ws07", "4663", None, 1), ("ws07", "9999", None, 1)).values())


@pytest.mark.mission("S76")
def test_rules_are_blind_where_all_that_they_live_on_is_missing() -> None:
    needs = (
        RuleNeed("1", "creates", frozenset({"4688"})),
        RuleNeed("2", "either", frozenset({"4688", "4624"})),
        RuleNeed("3", "objects", frozenset({"4663"})),
        RuleNeed("4", "unknown", frozenset({"1102"})),
    )
    found = judged(("ws07", "4624", "12544", 1), needs=needs)
    assert [need.title for need in found["Process Creation"].blind] == ["creates"]
    assert [need.title for need in found["Registry"].blind] == ["objects"]
    assert not found["Logon"].blind
    seen = judged(("ws07", "4663", "12800", 1), needs=needs)
    assert not seen["Registry"].blind
    assert {need.title for need in seen["Logon"].blind} == {"either"}


def test_needs_are_read_from_rules_on_the_security_log(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(RULE.format(title="one", service="security", ids="[4688, '4697']"))
    (tmp_path / "b.yml").write_text(RULE.format(title="two", service="system", ids="7045"))
    (tmp_path / "c.yml").write_text("title: [")
    assert rule_needs([tmp_path]) == [RuleNeed("one", "one", frozenset({"4688", "4697"}))]


def test_nothing_stored() -> None:
    rows = counts(("x", "1", None, 1)).clear()
    assert not any(one.seen for one in judge(rows, (), load_lookups()))


def test_tables_agree() -> None:
    tables = load_lookups()
    names = set(tables["windows_audit_category"])
    assert set(tables["windows_audit_subcategory"].values()) == names
    assert {name for names in tables["windows_audit_event"].values() for name in names.split(";")} <= names
