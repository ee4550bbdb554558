"""Installs, start-up, problems and security management in the Windows event log are told as what they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import polars as pl
import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from tests.unit.parse.windows_samples import records

K: Final = "Microsoft-Windows-"
INSTALLS: Final = (
    ("Application", "MsiInstaller", 1033, ["Tool", "1.2", "1033", "0"], "product-installed", "installation"),
    ("Application", "MsiInstaller", 11707, ["Product: Tool -- Done."], "product-installed", "installation"),
    ("Application", "MsiInstaller", 1034, ["Tool", "1.2", "1033", "0"], "product-removed", "deletion"),
    ("Application", "MsiInstaller", 11708, ["Product: Tool -- No."], "product-installation-failed", "error"),
    ("System", K + "WindowsUpdateClient", 19, {"updateTitle": "Tool"}, "update-installed", "installation"),
    ("System", K + "WindowsUpdateClient", 20, {"updateTitle": "Tool"}, "update-failed", "error"),
    ("Setup", K + "Servicing", 2, {"PackageIdentifier": "KB1"}, "package-changed", "installation"),
    ("Program-Inventory", K + "Application-Experience", 903, {"Name": "Tool"}, "program-installed", "installation"),
)
STARTS: Final = (
    ("System", K + "Kernel-General", 12, {}, "system-started", "start"),
    ("System", K + "Kernel-General", 13, {}, "system-shutdown", "end"),
    ("System", "EventLog", 6005, [], "event-log-started", "start"),
    ("System", "EventLog", 6006, [], "event-log-stopped", "end"),
    ("System", "EventLog", 6008, [], "unexpected-shutdown", "end"),
    ("System", "EventLog", 6009, ["10.00."], "system-version-told", "start"),
    ("System", "User32", 1074, {"param5": "restart"}, "shutdown-initiated", "end"),
    ("System", K + "Kernel-Power", 41, {}, "unclean-restart", "start"),
    ("System", K + "Kernel-Power", 42, {}, "system-suspended", "end"),
    ("System", K + "Power-Troubleshooter", 1, {}, "system-resumed", "start"),
    ("Performance", K + "Diagnostics-Performance", 100, {}, "start-up-measured", "start"),
)
PROBLEMS: Final = (
    ("Application", "Application Error", 1000, {"AppName": "tool.exe"}, "application-crashed", "error"),
    ("Application", "Application Hang", 1002, ["tool.exe", "1.0"], "application-hung", "error"),
    ("Application", "Windows Error Reporting", 1001, ["1"], "error-reported", "error"),
    ("Application", ".NET Runtime", 1026, ["Application: tool.exe"], "application-crashed", "error"),
    ("Application", "ESENT", 454, [], "database-damaged", "error"),
    ("Application", "VSS", 8193, [], "shadow-copy-failed", "error"),
    ("System", "disk", 7, ["\\Device\\Harddisk0"], "disk-error", "error"),
    ("System", "Service Control Manager", 7031, {"param1": "Spooler"}, "service-terminated-unexpectedly", "error"),
    ("System", "Service Control Manager", 7000, {"param1": "Spooler"}, "service-failed", "error"),
    ("System", K + "WER-SystemErrorReporting", 1001, {"param1": "0x0000009f"}, "system-crashed", "error"),
    ("System", "Schannel", 36887, {}, "tls-failed", "error"),
)
MANAGEMENT: Final = (
    ("System", K + "Eventlog", 104, {"SubjectUserName": "alice"}, "event-log-cleared", "change"),
    ("System", "Service Control Manager", 7045, {"ServiceName": "upd"}, "service-installed", "creation"),
    (f"{K}Windows Defender/Operational", f"{K}Windows Defender", 5001, {}, "real-time-protection-disabled", "change"),
    (
        f"{K}Windows Firewall With Advanced Security/Firewall",
        f"{K}Windows Firewall With Advanced Security",
        2004,
        {"RuleName": "x"},
        "firewall-rule-added",
        "creation",
    ),
    (f"{K}TaskScheduler/Operational", f"{K}TaskScheduler", 106, {"TaskName": "x"}, "task-registered", "creation"),
    (f"{K}WMI-Activity/Operational", f"{K}WMI-Activity", 5861, {}, "wmi-permanent-subscription-created", "creation"),
    (f"{K}AppLocker/EXE and DLL", f"{K}AppLocker", 8004, {}, "execution-blocked", "denied"),
)


@cache
def machinery() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def told(cases: tuple[tuple[Any, ...], ...]) -> list[tuple[str, str, bool]]:
    """Return for each case its event id, its action, and whether the wanted type is among the event's."""
    raws = []
    for channel, provider, code, data, *_ in cases:
        system = {"Provider": {"Name": provider}, "EventID": code, "Channel": channel, "Computer": "ws07.example.com"}
        named = {"Data": data} if isinstance(data, list) else data
        raws.append(json.dumps({"Event": {"System": system, "EventData": named}}))
    parser, normaliser = machinery()
    parsed = parser.read("json", records(*raws))
    assert parsed.rejects.is_empty()
    events = normaliser.run(parsed.fields, datetime(2025, 6, 15, tzinfo=UTC)).sort("record.row")
    assert not events["event.category"].null_count()
    shown = events.select("event.code", pl.col("event.action").fill_null(""), "event.type").rows()
    return [(code, action, case[5] in types) for (code, action, types), case in zip(shown, cases, strict=True)]


@pytest.mark.parametrize(
    "cases",
    [
        pytest.param(INSTALLS, marks=pytest.mark.mission("S71"), id="installs"),
        pytest.param(MANAGEMENT, marks=pytest.mark.mission("S72"), id="management"),
        pytest.param(STARTS, marks=pytest.mark.mission("S73"), id="starts"),
        pytest.param(PROBLEMS, marks=pytest.mark.mission("S74"), id="problems"),
    ],
)
def test_events_say_what_they_are(cases: tuple[tuple[Any, ...], ...]) -> None:
    assert told(cases) == [(str(case[2]), case[4], True) for case in cases]
