"""Logs of Symantec, McAfee and Check Point that others keep → how much of what is stated of them the events say.

`python -m tests.corpora.endpoint_protection` prints rates and misses. Microsoft's tables state what its parsers made of
each line; Wazuh's rules name the action in their description; of the other lines only the product is known.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from miharu.pipeline.reading import Reader
from tests.conftest import corpora_folder
from tests.corpora.line_events import Event, events_of
from tests.corpora.wazuh import told_lines

SYMANTEC: Final[Mapping[str, tuple[str, ...]]] = {
    "ServerName": ("host.name",),
    "UserName": ("user.name",),
    "DomainName": ("user.domain",),
    "IpAddr": ("host.ip",),
    "SrcIpAddr": ("host.ip",),
    "SrcHostName": ("host.name",),
    "LocalHostIpAddr": ("source.ip", "destination.ip"),
    "RemoteHostIpAddr": ("source.ip", "destination.ip"),
    "LocalPortNumber": ("source.port", "destination.port"),
    "RemotePortNumber": ("source.port", "destination.port"),
    "RemoteHostName": ("source.domain", "destination.domain"),
    "CallerProcessId": ("process.pid", "process.parent.pid"),
    "CallerProcessName": ("process.executable", "process.parent.executable"),
    "CallerMD5Hash": ("process.hash.md5", "process.parent.hash.md5"),
    "Parameters": ("file.path", "registry.path", "dll.path", "process.executable"),
    "SecurityRuleName": ("rule.name",),
    "RuleName": ("rule.name",),
    "ApplicationName": ("process.executable", "file.pe.product"),
    "RiskName": ("threat.indicator.name",),
    "FilePath": ("file.path",),
    "FileSize": ("file.size",),
    "CidsSignatureId": ("rule.id",),
    "EventDescription": ("message",),
}
"""Columns of Microsoft's parser, and where events say the same; a client's two ends go by who began."""

TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "Agent Activity Logs": ("activity",),
    "Agent System Logs": ("agent-system",),
    "Agent Behavior Logs": ("behavior", "deception"),
    "Agent Risk Logs": ("risk",),
    "Agent Traffic Logs": ("traffic",),
    "Agent Security Logs": ("security", "compliance"),
    "Agent Scan Logs": ("scan",),
    "Agent Packet Logs": ("packet",),
    "Administrative Logs": ("administrative", "policy"),
    "Policy Logs": ("policy",),
}
EPO: Final[Mapping[str, tuple[str, ...]]] = {
    "DvcHostname": ("host.name",),
    "DvcIpAddr": ("host.ip",),
    "AgentGuid": ("agent.id",),
    "EventId": ("event.code",),
    "ProductName": ("observer.product",),
    "ProductVersion": ("observer.version",),
    "ThreatName": ("threat.indicator.name",),
    "ThreatCategory": ("trellix_epo_on_prem.event.threat_category",),
    "SrcDvcOs": ("host.os.full",),
    "SrcProcessName": ("process.executable",),
    "SrcProcessId": ("process.pid",),
    "SrcProcessHashMd5": ("process.hash.md5",),
    "SrcIpAddr": ("source.ip",),
    "DstIpAddr": ("destination.ip",),
    "DstFileName": ("file.path", "registry.path"),
    "DstFileSize": ("file.size",),
    "AnalyzerRuleName": ("rule.name",),
    "AnalyzerRuleId": ("rule.id",),
}
NOTHING: Final = ("", "_")
"""How these products say that there is nothing to say."""


@dataclass(slots=True)
class Score:
    """Counts by question, and every miss."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def take(self, question: str, wanted: str, found: Iterable[str], line: str) -> None:
        """Count one answer: right if one of what was found is what was wanted."""
        said = list(found)
        self.asked[question] += 1
        if wanted in said:
            self.right[question] += 1
        else:
            self.misses.append(f"{question}: wanted {wanted!r}, found {said}\n   {line[:300]}")

    def rate(self, *questions: str) -> float:
        """Return the share of right answers to these questions, to all if none is named."""
        chosen = questions or tuple(self.asked)
        return sum(self.right[one] for one in chosen) / max(1, sum(self.asked[one] for one in chosen))


def score_table(path: Path, source: str, columns: Mapping[str, tuple[str, ...]]) -> Score:
    """Score one of Microsoft's tables: each row is a record, and states what its parser found."""
    rows = json.loads(path.read_text(encoding="utf-8-sig"))
    events: list[Event] = []
    for batch in read_paths([path], reader(), Settings()):
        events += batch.events.sort("log.offset").iter_rows(named=True)
    assert len(events) == len(rows)
    counts = Score()
    for row, event in zip(rows, events, strict=True):
        line = str(row.get("SyslogMessage") or event["event.original"])
        counts.take("named", source, [str(event["event.dataset"])], line)
        kinds = TYPES.get(row.get("LogType", ""), ())
        if row.get("LogType") == "Other":  # what Microsoft's parser could not take apart
            continue
        if kinds:
            counts.take("type", "known", ["known" if event["symantec_endpoint.log.type"] in kinds else "other"], line)
        for name, places in columns.items():
            if row.get(name) not in (None, *NOTHING):
                counts.take(name, row[name].strip(), (text for place in places for text in texts(event, place)), line)
    return counts


@cache
def reader() -> Reader:
    """Return the reader of a running system."""
    return make_reader(Settings())


def texts(event: Event, name: str) -> list[str]:
    """Return what an event says at a field, as texts."""
    value = event.get(name)
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def score_wazuh(folder: Path) -> Score:
    """Score Wazuh's lines: their source, and the action that the rule's description begins with."""
    with (folder / "rule-index.csv").open(newline="") as handle:
        described = {row["id"]: row["description"] for row in csv.DictReader(handle)}
    counts = Score()
    for name, source in (("checkpoint_smart1", "checkpoint.firewall"), ("mcafee_epo", "trellix_epo_on_prem.event")):
        told = list(told_lines(folder / f"{name}.ini", {}))
        for one, event in zip(told, events_of([each.line for each in told]), strict=True):
            counts.take("named", source, [str(event["event.dataset"])], one.line)
            action = described.get(one.rule, "").partition(":")[0].lower()
            # Two lines are cut before they tell their action.
            if source == "checkpoint.firewall" and 'action:""' not in one.line:
                said = str(event.get("event.action")).replace("-", " ")
                counts.take("action", action, [said], one.line)
    return counts


def score_lines(folder: Path) -> Score:
    """Score lines of Symantec's manager as they came by syslog: the source, and that their kind is known."""
    paths = (
        folder / "symantec-endpoint-datadog" / "sep-2024-sample-lines.log",
        folder / "mixed-syslog-logscape" / "SEPLogs.txt",
    )
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines() if "SymantecServer" in line]
    counts = Score()
    for line, event in zip(lines, events_of(lines), strict=True):
        counts.take("named", "symantec_endpoint.log", [str(event["event.dataset"])], line)
        counts.take("type", "known", ["known" if event.get("symantec_endpoint.log.type") else "none"], line)
    return counts


def scores(folder: Path) -> dict[str, Score]:
    """Return the score of each part."""
    tables = folder / "azure-sentinel-sample-data" / "Syslog"
    return {
        "symantec": score_table(tables / "SymantecEndpointProtection.json", "symantec_endpoint.log", SYMANTEC),
        "epo": score_table(tables / "McAfee_ePO.json", "trellix_epo_on_prem.event", EPO),
        "wazuh": score_wazuh(folder / "wazuh-ruleset-tests"),
        "lines": score_lines(folder),
    }


def main() -> None:
    """Print every miss and the rates."""
    for name, counts in scores(corpora_folder()).items():
        rates = [f"{name:9} {one:20} {counts.rate(one):.4f} of {counts.asked[one]}" for one in counts.asked]
        sys.stdout.write("\n".join([*counts.misses, *rates, f"{name:9} {counts.rate():.4f}"]) + "\n")


if __name__ == "__main__":
    main()
