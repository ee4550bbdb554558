"""Firewalls' lines of Wazuh's and Sentinel's test data → how many are named and hold what they state.

`python -m tests.corpora.firewalls` prints every miss. What a line states is read here by its own key or column, apart
from the log sources. Sentinel holds lines of CEF as columns: the line is written anew from them. Values that its
people made unreadable (`xxx.xx.x.xx`) and those that it cut itself are not asked for.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from tests.conftest import corpora_folder
from tests.corpora.line_events import events_of
from tests.corpora.wazuh import told_lines

WAZUH: Final = {
    "fortigate": "fortinet.",
    "paloalto": "panw.",
    "SonicWall": "sonicwall.",
    "f5_big_ip": "f5.",
    "arbor": "arbor.",
}
"""Files, and how the names of their log sources begin."""

INGRESS: Final = "observer.ingress.interface.name"

PAIRS: Final[Mapping[str, Mapping[str, str]]] = {
    "fortigate": {
        "srcip": "source.ip",
        "srcport": "source.port",
        "dstip": "destination.ip",
        "dstport": "destination.port",
        "proto": "network.iana_number",
        "policyid": "rule.id",
        "user": "user.name",
        "devname": "observer.name",
        "logid": "event.code",
        "action": "event.action",
        "sentbyte": "source.bytes",
        "virus": "threat.indicator.name",
        "rcvdbyte": "destination.bytes",
        "hostname": "url.domain",
        "level": "log.level",
        "srcintf": INGRESS,
        "dstintf": "observer.egress.interface.name",
        "attack": "threat.indicator.name",
        "filename": "file.name",
    },
    "SonicWall": {"m": "event.code", "sn": "observer.serial_number", "dstname": "url.domain", "msg": "message"},
}
"""Keys of pairs in the lines of a file, and the field that must hold their value."""

PLACES: Final = {7: "source.ip", 8: "destination.ip", 11: "rule.name", 24: "source.port", 25: "destination.port"}
"""Places in the lines of PAN-OS that are of a flow."""

CEF_KEYS: Final = {
    "SourceIP": "src",
    "SourcePort": "spt",
    "SourceTranslatedAddress": "sourceTranslatedAddress",
    "DestinationIP": "dst",
    "DestinationPort": "dpt",
    "DestinationTranslatedAddress": "destinationTranslatedAddress",
    "Protocol": "proto",
    "DeviceAction": "act",
    "SentBytes": "out",
    "ReceivedBytes": "in",
    "RequestURL": "request",
    "DeviceInboundInterface": "deviceInboundInterface",
    "DeviceOutboundInterface": "deviceOutboundInterface",
    "RequestMethod": "requestMethod",
    "Message": "msg",
    "DeviceExternalID": "deviceExternalId",
    "DeviceName": "dvchost",
}
CEF_FIELDS: Final = {
    "SourceIP": "source.ip",
    "SourcePort": "source.port",
    "SourceTranslatedAddress": "source.nat.ip",
    "DestinationIP": "destination.ip",
    "DestinationPort": "destination.port",
    "DestinationTranslatedAddress": "destination.nat.ip",
    "DeviceAction": "event.action",
    "SentBytes": "source.bytes",
    "ReceivedBytes": "destination.bytes",
    "RequestURL": "url.original",
    "DeviceInboundInterface": INGRESS,
    "DeviceOutboundInterface": "observer.egress.interface.name",
    "RequestMethod": "http.request.method",
    "DeviceExternalID": "observer.serial_number",
    "DeviceName": "observer.name",
}
CEF_FILES: Final = {
    "Fortigate.json": "fortinet.",
    "PaloAltoCDLEvent.json": "panw.",
    "SonicWallFirewall_Query_Data.csv": "sonicwall.",
}
SRX: Final = {
    "SrcPortNumber_string": "source.port",
    "DstIpAddr": "destination.ip",
    "DstPortNumber": "destination.port",
    "ProtocolId_string": "network.iana_number",
    "Action": "event.action",
    "UserName": "user.name",
    "SrcNatIpAddr": "source.nat.ip",
    "SrcNatPortNumber": "source.nat.port",
    "DstNatIpAddr": "destination.nat.ip",
    "PolicyName": "rule.name",
    "InterfaceName": INGRESS,
    "ZoneName": "observer.ingress.zone",
}
"""Columns of the raw lines of JuniperSRX.json; `SrcIpAddr` is cut in some, so it is not among them."""

NOTHING: Final = frozenset({"", "null", "None", "N/A", "n/a", "(null)"})


@dataclass(slots=True)
class Score:
    """Counts by question, and every miss."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def take(self, question: str, line: str, wanted: str, found: object, *, agree: bool) -> None:
        """Count one answer."""
        self.asked[question] += 1
        self.right[question] += agree
        if not agree:
            self.misses.append(f"{question}: wanted {wanted!r}, found {found!r}\n   {line[:240]}")

    def rate(self, question: str) -> float:
        """Return the share of right answers."""
        return self.right[question] / self.asked[question]


def score(folder: Path) -> Score:
    """Score all lines of the folder of corpora."""
    counts = Score()
    for name, begin in WAZUH.items():
        told = list(told_lines(folder / "wazuh-ruleset-tests" / f"{name}.ini", {}))
        _compare(counts, begin, [(one.line, dict(_stated(name, one.line))) for one in told])
    sentinel = folder / "azure-sentinel-sample-data"
    for name, begin in CEF_FILES.items():
        rows = list(_rows(sentinel / "CEF" / name))
        _compare(counts, begin, [(_cef(row), _columns(row, CEF_FIELDS)) for row in rows])
    rows = list(_rows(sentinel / "Syslog" / "JuniperSRX.json"))
    _compare(counts, "juniper.", [(row["SyslogMessage"], _columns(row, SRX)) for row in rows])
    lines = (sentinel / "CEF" / "fortiwebwafsamplelog.txt").read_text("utf-8").splitlines()
    _compare(counts, "fortinet.", [(line, dict(_cloud(line))) for line in lines if line])
    return counts


def _compare(counts: Score, begin: str, asked: list[tuple[str, dict[str, str]]]) -> None:
    for (line, stated), event in zip(asked, events_of([line for line, _ in asked]), strict=True):
        dataset = str(event["event.dataset"])
        counts.take("named", line, begin, dataset, agree=dataset.startswith(begin))
        for name, wanted in stated.items():
            found = event.get(name)
            agree = str(found).lower() == wanted.replace("\\\\", "\\").lower()
            counts.take("stated", line, f"{name}={wanted}", found, agree=agree)


def _stated(file: str, line: str) -> Iterator[tuple[str, str]]:
    for key, name in PAIRS.get(file, {}).items():
        if (found := re.search(rf'(?:^|\s){key}=(?:"([^"]*)"|(\S+))', line)) and _says(found[1] or found[2] or ""):
            yield name, found[1] or found[2]
    if file == "SonicWall" and (found := re.search(r" src=([0-9.]+):([0-9]*):(\S*?)(?::\S*)? dst=([0-9.]+)", line)):
        wanted = zip(("source.ip", "source.port", INGRESS, "destination.ip"), found.groups(), strict=True)
        yield from ((name, value) for name, value in wanted if value)
    parts = line.split(",")
    if file == "paloalto" and len(parts) > max(PLACES) and parts[3] in {"TRAFFIC", "THREAT"} and _is_ip(parts[7]):
        yield from ((name, parts[place]) for place, name in PLACES.items())


def _cloud(line: str) -> Iterator[tuple[str, str]]:
    keys = {"src": "source.ip", "spt": "source.port", "dpt": "destination.port", "dhost": "url.domain"}
    for key, name in (keys | {"act": "event.action", "requestMethod": "http.request.method"}).items():
        if (found := re.search(rf" {key}=(\S+)", line)) and _says(found[1]):
            yield name, found[1]


def _columns(row: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    wanted = {name: str(row.get(column, "")).strip('"') for column, name in fields.items()}
    ports = {"0"} if row.get("SourceTranslatedPort") == "0" else frozenset()
    return {
        name: value
        for name, value in wanted.items()
        if _says(value) and value not in ports and (not name.endswith(".ip") or _is_ip(value))
    }


def _cef(row: Mapping[str, Any]) -> str:
    heads = ("DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Activity", "LogSeverity")
    pairs = [f"{key}={_escaped(row[name])}" for name, key in CEF_KEYS.items() if str(row.get(name, "")) not in NOTHING]
    more = str(row.get("AdditionalExtensions", "")).replace("FortinetFortiGate", "FTNTFGT").split(";")
    head = "|".join(str(row[name]).replace("|", r"\|") for name in heads)
    return f"CEF:0|{head}|" + " ".join([*pairs, *(pair for pair in more if "=" in pair)])


def _escaped(value: object) -> str:
    return str(value).replace("\\", r"\\").replace("=", r"\=").replace("\n", r"\n")


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    text = path.read_text("utf-8-sig")
    return csv.DictReader(text.splitlines()) if path.suffix == ".csv" else json.loads(text)


def _says(value: str) -> bool:
    return value not in NOTHING


def _is_ip(value: str) -> bool:
    try:
        return bool(ip_address(value))
    except ValueError:
        return False


def main() -> None:
    """Print every miss and the rates."""
    counts = score(corpora_folder())
    rates = [f"{one:9} {counts.rate(one):.4f} of {counts.asked[one]}" for one in counts.asked]
    sys.stdout.write("\n".join([*counts.misses, *rates]) + "\n")


if __name__ == "__main__":
    main()
