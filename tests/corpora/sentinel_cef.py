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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import GENERIC, LEFTOVERS
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.pipeline.reading import Reader
from miharu.sources import expand
from tests.conftest import corpora_folder

CORPUS: Final = "azure-sentinel-sample-data"
SOURCE: Final = "cef.log"
ROWS: Final = "cef.common_security_log"
"""The source of the rows themselves."""
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
    """Values stated and held; rows."""

    wanted: int = 0
    held: int = 0
    rows: int = 0
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
def reader() -> Reader:
    sources = [source for source in load_logsources() if source.id in {SOURCE, ROWS} or source.id.startswith(GENERIC)]
    return Reader(Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC"))


def score(corpora: Path, folder: Path, source: str = SOURCE) -> Score:
    """Return how the lines of CEF are read that the rows were made of, or (ROWS) the rows themselves."""
    found = Score()
    rows = [(name, row) for name in FILES for row in rows_of(corpora / CORPUS / "CEF" / name)]
    path = folder / f"{source}.log"
    path.write_text("".join((line_of(row) if source == SOURCE else json.dumps(row)) + "\n" for _, row in rows))
    for (name, row), event in zip(rows, events(path), strict=True):
        assert event["event.dataset"] == source
        _judge(found, name, event, _of_rows(stated(row)) if source == ROWS else stated(row))
    return found


def events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a file, with what is left over."""
    for file in expand([path]):
        for chunk in file.chunks("0" * 32):
            batch = reader().read([chunk], datetime(2025, 1, 1, tzinfo=UTC))
            assert batch.rejects.is_empty()
            for event in batch.events.to_dicts():
                yield {**event, **json.loads(event.pop(LEFTOVERS) or "{}")}


def _of_rows(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what a row's event holds under names that do not tell how CEF abbreviates them."""
    return {name: value for name, value in wanted.items() if not name.startswith("cef.extensions.")}


def _judge(found: Score, name: str, event: Mapping[str, Any], wanted: Mapping[str, str]) -> None:
    found.rows += 1
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
        return bool(held == moment(value))
    items = held if isinstance(held, list) else [held]
    return value.casefold() in {str(item).casefold() for item in items}


def moment(text: str) -> datetime:
    """Return the instant of seconds since 1970, or of `June 24 2021 11:57:47 Z`."""
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    month, rest = text.removesuffix(" Z").split(" ", 1)
    return datetime.strptime(f"{month[:3]} {rest} +0000", "%b %d %Y %H:%M:%S %z")


def main() -> None:
    for source in (SOURCE, ROWS):
        with TemporaryDirectory() as folder:
            found = score(corpora_folder(), Path(folder), source)
        sys.stdout.write(f"{source}: rows {found.rows}, values {found.held} of {found.wanted}\n")
        for miss, count in found.misses.most_common(40):
            sys.stdout.write(f"{count} {miss}\n")


if __name__ == "__main__":
    main()
