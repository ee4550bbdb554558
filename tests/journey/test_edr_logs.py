"""The same attack told by every endpoint agent → one shape of events, the same rules, one log over the fleet."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline import load_ruleset, make_reader, read_paths
from tests.journey.edr_records import AGENTS, COMMAND, OSQUERY
from tests.journey.importing import Place

EVERY = set(AGENTS)
WITH_VALUES = EVERY - {"carbon_black_cloud.endpoint_event", "carbonblack_edr.log"}
"""Carbon Black's events of the registry do not tell which value was set."""
WITH_RIGHTS = EVERY - {"carbon_black_cloud.endpoint_event"}
"""Carbon Black Cloud does not tell with which rights a process was opened."""
WITH_DNS = EVERY - {"carbon_black_cloud.endpoint_event", "carbonblack_edr.log"}

OWN_RULES = {
    "Library from anybody's folder": ("image_load", {"ImageLoaded|contains": "\\Users\\Public\\"}),
    "Name of the attacker": ("dns_query", {"QueryName": "c2.example.com"}),
    "LSASS opened": ("process_access", {"TargetImage|endswith": "\\lsass.exe"}),
}
"""Rules besides the shipped ones: category of the log source, and what must hold."""

FIRES = {
    "Office Program Starts A Shell": EVERY,
    "Program Written To A Folder Anybody May Write": EVERY,
    "Autostart Entry Points To An Odd Place": WITH_VALUES,
    "Script Engine Calls The Internet": EVERY,
    "Memory Of LSASS Opened For Reading": WITH_RIGHTS,
    "Library from anybody's folder": EVERY,
    "Name of the attacker": WITH_DNS,
    "LSASS opened": EVERY,
}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edr")
    for name, telling in AGENTS.items():
        lines = "".join(json.dumps(record) + "\n" for record in telling())
        (folder / f"{name}.ndjson").write_text(lines, encoding="utf-8")
    (folder / "osquery.ndjson").write_text("".join(json.dumps(record) + "\n" for record in OSQUERY), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def events(records: Path) -> pl.DataFrame:
    settings = Settings()
    batches = list(read_paths([records], make_reader(settings), settings))
    assert all(batch.rejects.is_empty() for batch in batches)
    return pl.concat([batch.events for batch in batches], how="diagonal")


def agents_of(events: pl.DataFrame, *conditions: pl.Expr) -> set[str]:
    """Return the agents with an event for which all conditions hold."""
    return set(events.filter(*conditions).get_column("event.dataset"))


def found(events: pl.DataFrame, settings: Settings, *rules: Path) -> dict[str, set[str]]:
    """Return for the title of each rule the agents in whose events it was found."""
    ruleset = load_ruleset(settings, rules)
    titles = {rule.id: rule.title for rule in ruleset.rules}
    datasets = dict(events.select("event.id", "event.dataset").iter_rows())
    hits = defaultdict(set)
    for rule, event in Detector(ruleset).run(events).select("rule.id", "event.id").iter_rows():
        hits[titles[rule]].add(datasets[event])
    return hits


@pytest.mark.mission("S109")
def test_the_same_rules_fire_on_every_agent(events: pl.DataFrame, tmp_path: Path) -> None:
    for number, (title, (category, condition)) in enumerate(OWN_RULES.items()):
        rule: dict[str, Any] = {"title": title, "id": f"own{number}", "level": "low",
                                "logsource": {"product": "windows", "category": category},
                                "detection": {"told": condition, "condition": "told"}}  # fmt: skip
        (tmp_path / f"{number}.yml").write_text(yaml.safe_dump(rule, sort_keys=False))
    settings = Settings(data=tmp_path / "data")
    hits = found(events, settings) | found(events, settings, tmp_path)
    assert {title: hits[title] for title in FIRES} == FIRES


@pytest.mark.mission("S110")
def test_what_an_agent_did_is_told_and_its_processes_are_linked(events: pl.DataFrame) -> None:
    done = events.filter(pl.col("event.action").str.contains("(?i)blocked?|killed|quarantined"))
    assert {
        (row["event.dataset"], row["event.action"], row["event.outcome"]) for row in done.iter_rows(named=True)
    } == {
        ("windows.sysmon", "FileBlockExecutable", None),
        ("m365_defender.event", "action-blocked", "success"),
        ("crowdstrike.fdr", "process-blocked", "success"),
        ("sentinel_one.threat", "file-quarantined", "success"),
        ("carbon_black_cloud.endpoint_event", "process-killed", "success"),
        ("carbonblack_edr.log", "process-blocked", "success"),
    }
    # The shell that was started is the one that dropped the file: the same number names it in both events.
    of = ["event.dataset", "process.entity_id"]
    started = events.filter(pl.col("process.command_line") == COMMAND).select(of)
    dropped = events.filter(pl.col("file.name") == "m.exe", pl.col("event.type").list.contains("creation")).select(of)
    assert agents_of(started.join(dropped, on=of)) == EVERY


@pytest.mark.mission("S111")
def test_applications_tell_who_ran_what_from_where(events: pl.DataFrame) -> None:
    runs = events.filter(pl.col("process.command_line") == COMMAND, pl.col("event.type").list.contains("start"))
    told = ["event.dataset", "user.name", "process.name", "process.parent.name"]
    lowered = runs.select(pl.col(told).str.to_lowercase())
    assert sorted(lowered.rows()) == sorted((agent, "alice", "powershell.exe", "winword.exe") for agent in EVERY)
    assert agents_of(events, pl.col("dll.name") == "m.dll") == EVERY
    called = events.filter(pl.col("destination.ip") == "198.51.100.23", pl.col("network.initiated") == "true")
    assert agents_of(called, pl.col("process.name") == "mshta.exe", pl.col("network.transport") == "tcp") == EVERY


@pytest.mark.mission("S112")
def test_operations_of_the_system_have_one_name_for_a_key(events: pl.DataFrame) -> None:
    path = r"hklm\software\microsoft\windows\currentversion\run\upd"
    keys = events.filter(pl.col("registry.path").str.to_lowercase() == path)
    assert agents_of(keys, pl.col("registry.hive") == "HKLM", pl.col("registry.value") == "upd") == EVERY
    assert agents_of(keys, pl.col("event.category").list.contains("registry")) == EVERY
    assert agents_of(keys, pl.col("registry.data.text") == r"C:\Users\Public\m.exe") == WITH_VALUES


@pytest.mark.mission("S113")
def test_data_that_is_created_copied_moved_and_deleted(events: pl.DataFrame) -> None:
    files = events.filter(pl.col("event.category").list.contains("file"))
    assert agents_of(files, pl.col("event.type").list.contains("creation"), pl.col("file.name") == "m.exe") == EVERY
    gone = files.filter(pl.col("event.type").list.contains("deletion"))
    assert agents_of(gone, pl.col("file.path").str.to_lowercase() == r"d:\payroll\june.xlsx") == EVERY
    moved = files.filter(
        pl.col("file.Ext.original.path") == r"D:\Payroll\june.xlsx", pl.col("file.path") == r"E:\june.zip"
    )
    assert agents_of(moved) == {"m365_defender.event", "sentinel_one_cloud_funnel.event"}
    copied = files.filter(pl.col("event.dataset") == "osquery.result").select("event.action", "file.path")
    assert copied.rows() == [("file-read", "/srv/payroll/june.ods"), ("file-created", "/mnt/june.ods")]


@pytest.mark.mission("S114")
def test_memory_of_another_process(events: pl.DataFrame) -> None:
    reads = events.filter(pl.col("event.type").list.contains("access"), pl.col("Target.process.name") == "lsass.exe")
    assert agents_of(reads, pl.col("process.name") == "m.exe") == EVERY
    assert agents_of(reads, pl.col("process.Ext.api.parameters.desired_access") == "0x1410") == WITH_RIGHTS


@pytest.mark.mission("S115")
def test_access_to_data_that_is_named_as_sensitive(events: pl.DataFrame, tmp_path: Path) -> None:
    shipped = found(events, Settings(data=tmp_path / "shipped"))
    assert shipped["Sensitive File Deleted"] == EVERY
    assert shipped["Sensitive File Read"] == {"osquery.result"}
    assert shipped["Sensitive File Moved Or Renamed"] == {"m365_defender.event", "sentinel_one_cloud_funnel.event"}
    lists = tmp_path / "own" / "placeholders"
    lists.mkdir(parents=True)
    (lists / "SensitivePaths.txt").write_text("# ours\n*\\Public\\\\*\n", encoding="utf-8")
    own = found(events, Settings(data=tmp_path / "own"))
    assert (own["Sensitive File Created Or Copied"], own["Sensitive File Deleted"]) == (EVERY, set())


@pytest.mark.mission("S116")
def test_one_log_over_the_fleet(records: Path, tmp_path: Path) -> None:
    place = Place(tmp_path / "data")
    report = place.take(records)
    assert (report.total("rejects"), report.total("events")) == (0, place.count())
    fleet = place.ask(
        "SELECT `host.name` AS host, count() AS events FROM events "
        "WHERE has(`event.category`, 'process') AND has(`event.type`, 'start') AND `process.command_line` != '' "
        "GROUP BY host ORDER BY host"
    )
    assert fleet.get_column("host").to_list() == [
        "WS3",
        "WS4",
        "WS5",
        "WS6",
        "db1",
        "ws1.example.com",
        "ws2.example.com",
    ]
    assert place.ask("SELECT uniqExact(`host.name`) FROM events").item() == len(fleet)
