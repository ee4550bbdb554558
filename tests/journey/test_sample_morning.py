"""The way of a user: the shipped logs in by the command, alerts that explain themselves out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.morning.__main__ import LOGS, SAMPLES

MIHARU = Path(sys.executable).with_name("miharu")
ATTACK = {
    "SSH Logon Refused For An Unknown Account": 81,
    "SSH Logon Refused For Root": 9,
    "SSH Password Accepted From Outside": 1,
    "Password Hashes Read Through Sudo": 1,
    "Account Added To The Sudo Group": 1,
    "Account With A Shell Created": 1,
    "Command Sent To A Script In An Upload Folder": 3,
    "Path Leaves The Web Folder": 2,
    "Secret File Asked For": 2,
    "Scanner Names Itself As The Browser": 13,
    "Chat Protocol Towards The Internet": 25,
    "PowerShell Fetches Something From The Network": 1,
    "PowerShell Hidden And Encoded": 1,
    "Office Program Starts A Shell": 1,
    "Program Written To A Folder Anybody May Write": 1,
    "Memory Of LSASS Opened For Reading": 1,
    "Service Runs From A Folder Anybody May Write": 1,
    "Member Added To The Local Administrators": 1,
    "Security Log Cleared": 1,
}
"""How many records of the morning the starter rules find; the rest of the morning is ordinary work."""


def call(data: Path, *words: str) -> str:
    done = subprocess.run(
        [str(MIHARU), "--data", str(data), "--json", *words], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def imported(data: Path) -> dict[str, Any]:
    return rows(call(data, "import", str(SAMPLES), "--per-file"))[-1]


def lines_of(place: str) -> int:
    return (SAMPLES / place).read_bytes().count(b"\n")


@pytest.mark.mission("S2", "S19", "S170")
def test_every_record_becomes_an_event_of_a_known_source(imported: dict[str, Any], data: Path):
    assert imported["rejects"] == 0
    for place in LOGS:
        found = [file for file in imported["files"] if file["path"].endswith(place)]
        assert [(file["records"], file["events"]) for file in found] == [(lines_of(place), lines_of(place))]
    datasets = rows(call(data, "sql", "SELECT `event.dataset` AS d, count() AS n FROM events GROUP BY d"))
    assert not [row for row in datasets if row["d"].startswith("generic")]


@pytest.mark.mission("S16", "S21", "S22", "S45", "S46", "S50", "S51", "S137")
def test_the_starter_rules_find_the_attack_and_nothing_else(imported: dict[str, Any], data: Path):
    counts: Counter[str] = Counter()
    for alert in rows(call(data, "alerts", "list", "--limit", "1000")):
        counts[alert["rule_name"]] += alert["count"]
    assert dict(counts) == ATTACK
    assert imported["findings"] == sum(ATTACK.values())


@pytest.mark.mission("S17")
def test_the_queue_begins_with_the_most_severe(imported: dict[str, Any], data: Path):
    levels = [alert["rule_level"] for alert in rows(call(data, "alerts", "list"))]
    order = ["critical", "high", "medium", "low", "informational"]
    assert levels == sorted(levels, key=order.index)
    assert levels[0] == "critical"


@pytest.mark.mission("S3", "S8", "S20")
def test_an_alert_explains_itself_down_to_the_raw_record(imported: dict[str, Any], data: Path):
    first = rows(call(data, "alerts", "list", "--limit", "1"))[0]
    case = rows(call(data, "alerts", "show", first["id"]))[0]
    evidence = case["evidence"][0]
    assert (
        evidence["event"]["event.original"] in (SAMPLES / "ws07/sysmon.json").read_text(encoding="utf-8").splitlines()
    )
    assert evidence["explanation"]["verdict"] is True
    assert "lsass.exe" in json.dumps(evidence["explanation"])


def test_the_same_logs_again_add_nothing(imported: dict[str, Any], data: Path):
    again = rows(call(data, "import", str(SAMPLES)))[-1]
    assert (again["added"], again["findings"], again["alerts"]) == (0, 0, 0)
    assert again["records"] == imported["records"]


@pytest.mark.mission("S142")
def test_denied_connections_are_found_by_search(imported: dict[str, Any], data: Path):
    found = rows(
        call(data, "search", "event.dataset : cisco.asa and destination.port : 6667 and source.ip : 10.20.3.7")
    )
    assert len(found) == 25
    assert {row["event.outcome"] for row in found} == {"failure"}
