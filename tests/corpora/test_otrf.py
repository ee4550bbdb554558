"""Captures of attacks on Windows hosts → every event has a named log source, and holds in ECS what Sysmon states."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from miharu.core.columns import RECORD_SCHEMA
from tests.corpora.line_events import stages

pytestmark = pytest.mark.mission("S109", "S114")

RECEIVED: Final = datetime(2025, 6, 16, tzinfo=UTC)
EACH: Final = 120
"""Events of a capture that are read, spread over it."""

UNNAMED: Final = {"windows.eventlog", "windows.windows"}
"""Log sources of Windows events of channels that nobody knows."""

SYSMON: Final[dict[str, dict[str, str]]] = {
    "1": {"Image": "process.executable", "CommandLine": "process.command_line",
          "ParentImage": "process.parent.executable", "ParentCommandLine": "process.parent.command_line",
          "CurrentDirectory": "process.working_directory"},
    "3": {"Image": "process.executable", "DestinationPort": "destination.port", "SourcePort": "source.port",
          "Protocol": "network.transport", "Initiated": "network.initiated"},
    "5": {"Image": "process.executable", "ProcessId": "process.pid"},
    "7": {"Image": "process.executable", "ImageLoaded": "dll.path"},
    "8": {"SourceImage": "process.executable", "TargetImage": "Target.process.executable"},
    "10": {"SourceImage": "process.executable", "TargetImage": "Target.process.executable",
           "TargetProcessId": "Target.process.pid", "GrantedAccess": "process.Ext.api.parameters.desired_access"},
    "11": {"Image": "process.executable", "TargetFilename": "file.path"},
    "12": {"Image": "process.executable", "TargetObject": "registry.path"},
    "13": {"Image": "process.executable", "TargetObject": "registry.path", "Details": "registry.data.text"},
    "18": {"PipeName": "file.name"},
    "22": {"Image": "process.executable", "QueryName": "dns.question.name"},
    "23": {"TargetFilename": "file.path"},
}  # fmt: skip
"""For numbers of Sysmon's events: what it states, and where that belongs."""


@cache
def captured(folder: Path) -> tuple[tuple[dict[str, Any], dict[str, Any] | None], ...]:
    """Return records of every third capture with their events, None for one that gave no event."""
    return tuple(pair for raws in captures(folder) for pair in read(raws))


def captures(folder: Path) -> Iterator[list[bytes]]:
    for path in sorted(folder.rglob("*.zip"))[::3]:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json") and "__MACOSX" not in name:
                    raws = [line for line in archive.read(name).split(b"\n") if line.strip()]
                    yield raws[:: max(1, len(raws) // EACH)]


def read(raws: list[bytes]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    height = len(raws)
    columns = {
        "record.row": list(range(height)),
        "record.id": ["0" * 32] * height,
        "record.raw": raws,
        "record.offset": [0] * height,
        "record.path": ["capture.json"] * height,
        "record.reference": [RECEIVED] * height,
    }
    parser, normaliser = stages("UTC")
    batch = normaliser.run(parser.read("json", pl.DataFrame(columns, schema=RECORD_SCHEMA)).fields, RECEIVED)
    events = {row["record.row"]: row for row in batch.iter_rows(named=True)}
    return ((json.loads(raw), events.get(row)) for row, raw in enumerate(raws))


def test_every_event_has_a_named_source(corpora: Path) -> None:
    pairs = captured(corpora / "otrf-security-datasets")
    sources = Counter(event["event.dataset"] if event else "none" for _, event in pairs)
    named = sum(count for source, count in sources.items() if source.startswith("windows.") and source not in UNNAMED)
    assert len(pairs) > 1_000
    assert named / len(pairs) >= 0.99, sources


def test_what_sysmon_states_is_where_it_belongs(corpora: Path) -> None:
    compared: Counter[str] = Counter()
    misses: list[tuple[str, str, object]] = []
    for record, event in captured(corpora / "otrf-security-datasets"):
        if record.get("SourceName", record.get("source_name")) != "Microsoft-Windows-Sysmon":
            continue
        assert event is not None
        stated = record.get("event_data", record)
        for name, field in SYSMON.get(str(record.get("EventID", record.get("event_id"))), {}).items():
            value = str(stated.get(name, "-"))
            if value not in {"-", ""}:
                compared[name] += 1
                if str(event.get(field)).casefold() != value.casefold():
                    misses.append((name, value, event.get(field)))
    assert len(compared) > 12
    assert len(misses) / compared.total() <= 0.01, misses[:20]
