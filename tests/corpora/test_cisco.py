"""Cisco's lines in the corpora: each is named, and what somebody else's parser says of it stands in the event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora.line_events import Event, events_of

NAMED, EQUAL = 0.99, 0.95
MERAKI = {
    "DeviceName": "observer.hostname",
    "LogType": "cisco.meraki.kind",
    "SrcIpAddr": "source.ip",
    "SrcPortNumber": "source.port",
    "DstIpAddr": "destination.ip",
    "DstPortNumber": "destination.port",
    "HttpRequestMethod": "http.request.method",
    "Url": "url.original",
    "NetworkProtocol": "network.transport",
    "EventType": "event.action",
    "SrcMacAddr": "source.mac",
    "DstMacAddr": "destination.mac",
    "ClientMacAddr": "client.mac",
    "Ssid": "network.name",
    "Sha256": "file.hash.sha256",
    "Identity": "user.name",
    "IpAddr": "client.ip",
}
"""Columns of Sentinel's parser, and where the event has the same."""
GROK = ("CISCOFW", "CISCO_TAGGED_SYSLOG")


def sentinel(corpora: Path, name: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads((corpora / "azure-sentinel-sample-data/Syslog" / name).read_text())
    # Some lines were copied from a web page: a no-break space in the header's place is no header.
    return [row for row in rows if (line := row.get("SyslogMessage")) and "\xa0" not in line[:30]]


def named(events: list[Event], datasets: set[str]) -> float:
    return sum(event["event.dataset"] in datasets for event in events) / len(events)


@pytest.mark.mission("S138", "S139")
def test_wazuhs_lines_of_the_firewall_are_named_and_told(corpora: Path) -> None:
    text = (corpora / "wazuh-ruleset-tests/cisco_asa.ini").read_text(errors="replace")
    events = events_of(re.findall(r"^log \d+ pass = (.*)$", text, re.MULTILINE))
    assert named(events, {"cisco.asa"}) >= NAMED
    assert sum("event.action" in event for event in events) / len(events) >= NAMED


def test_sentinels_lines_of_meraki_have_what_its_parser_says(corpora: Path) -> None:
    rows = sentinel(corpora, "CiscoMeraki.json")
    events = events_of([row["SyslogMessage"] for row in rows])
    assert named(events, {"cisco.meraki"}) >= NAMED
    checks = [check for row, event in zip(rows, events, strict=True) for check in compared(row, event)]
    wrong = [check for check in checks if check[1] != check[2]]
    assert len(checks) > len(rows)
    assert 1 - len(wrong) / len(checks) >= EQUAL, wrong


def compared(row: dict[str, str], event: Event) -> Iterator[tuple[str, str, str]]:
    for column, name in MERAKI.items():
        value = row.get(column, "")
        # Sentinel's rows went through a spreadsheet; masked addresses are no addresses.
        if not value or value == "null" or "\xa0" in value or "X" in value:
            continue
        if column.endswith("MacAddr"):
            value = value.upper().replace(":", "-")
        yield name, value, str(event.get(name, ""))


def test_sentinels_lines_of_the_web_appliance_are_named(corpora: Path) -> None:
    lines = [row["SyslogMessage"] for row in sentinel(corpora, "CiscoWSA.json")]
    events = events_of([line for line in lines if re.match(r"[0-9]+\.[0-9]{3} ", line)])
    assert named(events, {"cisco.wsa"}) >= NAMED
    assert all({"source.ip", "url.original", "http.response.status_code"} <= event.keys() for event in events)


@pytest.mark.mission("S139")
def test_the_ends_of_connections_in_logstashs_samples(corpora: Path) -> None:
    lines = (corpora / "logstash-grok-samples/firewalls.jsonl").read_text().splitlines()
    samples = [sample for sample in map(json.loads, lines) if sample["grok_pattern"].startswith(GROK)]
    events = events_of([as_sent(sample) for sample in samples])
    assert named(events, {"cisco.asa", "cisco.ios"}) >= NAMED
    checks = [
        (sample["message"], address, event.get(end))
        for sample, event in zip(samples, events, strict=True)
        for end, address in ends(sample["message"])
    ]
    wrong = [check for check in checks if check[1] != check[2]]
    assert checks
    assert 1 - len(wrong) / len(checks) >= EQUAL, wrong


def as_sent(sample: dict[str, Any]) -> str:
    """Return a message with its number: most of these samples are the text behind it."""
    message = str(sample["message"])
    if message.startswith(("%", "<")):
        return message
    text = re.sub(r"^(?:[0-7]\|[^|]*\|)?(?:ASA-[0-7]-)?[0-9]{6}: ", "", message)
    own = re.search(r"([0-9]{6}): ", message)
    number = own[1] if own else str(sample["grok_pattern"]).removeprefix("CISCOFW").split("_")[0]
    return f"%ASA-6-{number}: {text}"


def ends(message: str) -> Iterator[tuple[str, str]]:
    """Yield what a plain `from … to …` says of both ends; one of a direction or a translation says otherwise."""
    if "Built" in message or "translation" in message:
        return
    address = r"(?:[A-Za-z0-9]+:)?([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)"
    if found := re.search(rf"(?:from|src) {address}.*? (?:to|dst) {address}", message):
        yield "source.ip", found[1]
        yield "destination.ip", found[2]
