"""Rows that Sentinel made of CEF → CEF again → how many of their values our events hold.

`python -m tests.corpora.sentinel_cef` prints the rates and what differs. The generic source alone reads them, whichever
device has a source of its own: it must do for those that have none. Sentinel's columns and the keys of CEF that they
come from are Microsoft's table: https://learn.microsoft.com/azure/sentinel/cef-name-mapping
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from miharu.catalog import Sample, load_fields, load_logsources
from miharu.core.columns import GENERIC
from miharu.pipeline.sourcesamples import SampleReader
from tests.conftest import corpora_folder

CORPUS: Final = "azure-sentinel-sample-data"
SOURCE: Final = "cef.log"
FILES: Final = (
    "FireEyeNX.json",
    "Fortigate.json",
    "KasperskySC.csv",
    "PaloAltoCDLEvent.json",
    "SonicWallFirewall_Query_Data.csv",
)
RAW: Final = "fortiwebwafsamplelog.txt"
"""Lines of CEF as they were sent."""

HEADER: Final[Mapping[str, str]] = {
    "DeviceVendor": "observer.vendor",
    "DeviceProduct": "observer.product",
    "DeviceVersion": "observer.version",
    "DeviceEventClassID": "event.code",
    "Activity": "",
    "LogSeverity": "event.severity",
}
KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "ReceiptTime": ("rt", "@timestamp"),
    "DeviceAction": ("act", "event.action"),
    "Message": ("msg", "message"),
    "Protocol": ("proto", "network.transport"),
    "ApplicationProtocol": ("app", ""),
    "ReceivedBytes": ("in", "source.bytes"),
    "SentBytes": ("out", "destination.bytes"),
    "SourceIP": ("src", "source.ip"),
    "SourcePort": ("spt", "source.port"),
    "SourceHostName": ("shost", "source.domain"),
    "SourceMACAddress": ("smac", "source.mac"),
    "SourceUserName": ("suser", "source.user.name"),
    "DestinationIP": ("dst", "destination.ip"),
    "DestinationPort": ("dpt", "destination.port"),
    "DestinationHostName": ("dhost", "destination.domain"),
    "DestinationMACAddress": ("dmac", "destination.mac"),
    "DestinationUserName": ("duser", "destination.user.name"),
    "DestinationProcessName": ("dproc", "process.name"),
    "DeviceAddress": ("dvc", "observer.ip"),
    "DeviceName": ("dvchost", "observer.hostname"),
    "DeviceInboundInterface": ("deviceInboundInterface", "observer.ingress.interface.name"),
    "DeviceOutboundInterface": ("deviceOutboundInterface", "observer.egress.interface.name"),
    "FilePath": ("filePath", "file.path"),
    "FileName": ("fname", "file.name"),
    "DestinationNTDomain": ("dntdom", "destination.user.domain"),
    "DestinationUserID": ("duid", "destination.user.id"),
    "DestinationTranslatedAddress": ("destinationTranslatedAddress", "destination.nat.ip"),
    "DestinationTranslatedPort": ("destinationTranslatedPort", "destination.nat.port"),
    "SourceNTDomain": ("sntdom", "source.user.domain"),
    "SourceUserID": ("suid", "source.user.id"),
    "SourceTranslatedAddress": ("sourceTranslatedAddress", "source.nat.ip"),
    "SourceTranslatedPort": ("sourceTranslatedPort", "source.nat.port"),
    "RequestURL": ("request", "url.original"),
    "RequestMethod": ("requestMethod", "http.request.method"),
    "RequestClientApplication": ("requestClientApplication", "user_agent.original"),
    "RequestContext": ("requestContext", "http.request.referrer"),
    "ExternalID": ("externalId", "cef.extensions.externalId"),
    "EventCount": ("cnt", "cef.extensions.cnt"),
    **{f"DeviceCustomString{number}": (f"cs{number}", f"cs{number}Label") for number in range(1, 7)},
    **{f"DeviceCustomNumber{number}": (f"cn{number}", f"cn{number}Label") for number in range(1, 4)},
}
WRITTEN_OTHERWISE: Final = ("DestinationMACAddress", "SourceMACAddress", "ApplicationProtocol")
"""Columns whose values were made unreadable (`XX:XX`), or that ECS tells apart from what CEF writes."""
TRANSPORTS: Final = {"6": "tcp", "17": "udp"}


@dataclass(slots=True)
class Score:
    """Values stated and held; rows, and those that no source claims."""

    wanted: int = 0
    held: int = 0
    rows: int = 0
    unnamed: int = 0
    misses: Counter[str] = field(default_factory=Counter)


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of an export, without what is empty."""
    if path.suffix == ".json":
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    else:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    return [{name: str(value) for name, value in row.items() if value not in {"", None}} for row in rows]


def line_of(row: Mapping[str, str]) -> str:
    """Return the CEF that a row was made of."""
    head = "|".join(row.get(name, "").replace("\\", "\\\\").replace("|", "\\|") for name in HEADER)
    pairs = []
    for name, (key, _) in KEYS.items():
        label = row.get(f"{name}Label")
        if name in row and (label or not key.startswith(("cs", "cn")) or key == "cnt"):
            pairs.append(f"{key}={row[name].replace(chr(92), chr(92) * 2).replace('=', chr(92) + '=')}")
            pairs += [f"{key}Label={label}"] if label else []
    return f"CEF:0|{head}|{' '.join(pairs)}"


def stated(row: Mapping[str, str]) -> dict[str, str]:
    """Return what the event must hold, by the field's name."""
    found = {target: row[name] for name, target in HEADER.items() if target and name in row}
    for name, (key, target) in KEYS.items():
        if name not in row or name in WRITTEN_OTHERWISE or not target:
            continue
        if target.endswith("Label"):
            if label := row.get(f"{name}Label"):
                found[f"cef.extensions.{label}"] = row[name]
        else:
            found[target] = transport(row[name]) if key == "proto" else row[name]
    return found


def transport(value: str) -> str:
    """Return the transport of `tcp/https` and of `6`."""
    named = value.partition("/")[0]
    return TRANSPORTS.get(named, named)


@cache
def reader() -> SampleReader:
    sources = [source for source in load_logsources() if source.id == SOURCE or source.id.startswith(GENERIC)]
    return SampleReader(sources, load_fields())


def score(corpora: Path) -> Score:
    found = Score()
    for name in FILES:
        for row in rows_of(corpora / CORPUS / "CEF" / name):
            _judge(found, name, read(line_of(row)), stated(row))
    return found


def read(line: str) -> dict[str, Any]:
    event = reader().read(Sample(record=line, line=0)).event
    assert event is not None
    return {**event, **event.get("fields", {})}


def _judge(found: Score, name: str, event: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
    found.rows += 1
    found.unnamed += str(event["event.dataset"]).startswith(GENERIC)
    for field_name, value in wanted.items():
        found.wanted += 1
        if holds(event, field_name, value):
            found.held += 1
        else:
            found.misses[f"{name} {field_name}: {value!r} is {event.get(field_name)!r}"] += 1


def holds(event: Mapping[str, Any], name: str, value: str) -> bool:
    """Return whether the event holds a value; the time in any of its forms, any other by its text."""
    held = event.get(name)
    if name == "@timestamp":
        return datetime.fromisoformat(str(held)) == moment(value)
    items = held if isinstance(held, list) else [held]
    return value.casefold() in {str(item).casefold() for item in items}


def moment(text: str) -> datetime:
    """Return the instant of seconds since 1970, or of `June 24 2021 11:57:47 Z`."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    month, rest = text.removesuffix(" Z").split(" ", 1)
    return datetime.strptime(f"{month[:3]} {rest} +0000", "%b %d %Y %H:%M:%S %z")


def main() -> None:
    found = score(corpora_folder())
    sys.stdout.write(f"rows {found.rows}, unnamed {found.unnamed}, values {found.held} of {found.wanted}\n")
    for miss, count in found.misses.most_common(40):
        sys.stdout.write(f"{count} {miss}\n")


if __name__ == "__main__":
    main()
