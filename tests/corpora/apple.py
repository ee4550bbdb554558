"""Crash reports that others published → how many of the fields that are stated of them their events have.

`python -m tests.corpora.apple` prints the rates. Stated is what a report's own header and keys say, and for those of
getsentry's parser what its snapshot says it parsed.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import yaml

from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from tests.conftest import corpora_folder

CORPUS: Final = "apple-crash-reports"
_KEYS: Final = re.compile(r"^([A-Z][A-Za-z/ ]+):[ \t]+(\S.*)$", re.MULTILINE)
_NAMED: Final = re.compile(r"^(.*) \[([0-9]+)\]$")

Event = dict[str, Any]


@dataclass(slots=True)
class Score:
    """Events of a file, and of the fields stated of them those that hold and those that do not."""

    events: int = 0
    source: str = ""
    kept: bool = False
    held: dict[str, Any] = field(default_factory=dict)
    missed: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def reports(corpora: Path) -> list[Path]:
    files = sorted(path for path in (corpora / CORPUS).rglob("*") if path.is_file())
    return [path for path in files if path.suffix != ".snap"]


@cache
def score(path: Path) -> Score:
    settings = Settings()
    events = [
        event
        for batch in read_paths([path], make_reader(settings), settings)
        for event in batch.events.iter_rows(named=True)
    ]
    found = Score(len(events))
    if len(events) != 1:
        return found
    (event,) = events
    found.source = event["event.dataset"]
    found.kept = event["event.original"] == path.read_bytes().strip()
    stated = stated_of(path)
    for name, value in stated.items():
        got = _value(event, name)
        if str(got) == str(value):
            found.held[name] = value
        else:
            found.missed[name] = (value, got)
    return found


def _value(event: Event, name: str) -> Any:
    if name in event:
        value = event[name]
        return value.timestamp() if isinstance(value, datetime) else value
    return orjson.loads(event["fields"] or "{}").get(f"apple.diagnostic_report.{name}")


def stated_of(path: Path) -> Event:
    """Return what is stated of a report, by the names of its event."""
    text = path.read_text()
    first, _, body = text.partition("\n")
    header = orjson.loads(first) if first.startswith("{") else {}
    told = _of_json(orjson.loads(body)) if header and body.startswith("{") else _of_text(text)
    told |= {"error.id": header["incident_id"], "bug_type": header["bug_type"]} if header else {}
    told |= {"host.os.full": header["os_version"]} if header else {}
    if header.get("app_version"):
        told |= {"package.version": header["app_version"], "package.build_version": header["build_version"]}
    snapshot = path.with_name(f"test_snapshots__{path.stem}.snap")
    return told | (_of_snapshot(snapshot) if snapshot.exists() else {})


def _of_json(body: Event) -> Event:
    return {
        "process.name": body["procName"],
        "process.pid": body["pid"],
        "process.executable": body["procPath"],
        "process.parent.name": body["parentProc"],
        "process.parent.pid": body["parentPid"],
        "user.id": body["userID"],
        "device.model.identifier": body["modelCode"],
        "error.type": body["exception"]["type"],
        "signal": body["exception"]["signal"],
        "error.code": body["exception"]["codes"],
        "exception_subtype": body["exception"]["subtype"],
        "error.message": body["termination"]["indicator"],
        "faulting_thread": body["faultingThread"],
        "process.thread.id": body["threads"][body["faultingThread"]]["id"],
        "@timestamp": _instant(body["captureTime"]),
    }


def _of_text(text: str) -> Event:
    keys = dict(reversed(_KEYS.findall(text.partition("\nThread 0")[0])))
    told = {
        "package.name": keys["Identifier"],
        "process.executable": keys["Path"],
        "device.model.identifier": keys["Hardware Model"],
        "host.os.full": keys["OS Version"],
        "error.id": keys["Incident Identifier"],
        "error.code": keys.get("Exception Codes"),
        "@timestamp": _instant(keys["Date/Time"]),
    }
    for key, name in (("Process", "process"), ("Parent Process", "process.parent")):
        named = _NAMED.match(keys[key])
        assert named is not None
        told |= {f"{name}.name": named.group(1), f"{name}.pid": named.group(2)}
    kind, _, signal = keys.get("Exception Type", "").partition(" ")
    signal = signal.strip("()") or (kind if kind.startswith("SIG") else "")
    told |= {"signal": signal or None, "error.type": kind if kind.startswith("EXC_") else None}
    thread = keys.get("Triggered by Thread") or keys.get("Crashed Thread")
    return told | {"faulting_thread": thread.split()[0] if thread else None}


def _of_snapshot(path: Path) -> Event:
    """Return what getsentry's parser says: a document of YAML behind the one that describes it."""
    said = yaml.safe_load(path.read_text().split("---\n", 2)[2])
    found = {
        "error.id": said["incident_identifier"].upper(),
        "@timestamp": datetime.fromisoformat(said["timestamp"]).timestamp(),
        "code_type": said["code_type"],
        "process.executable": said["path"],
        "report_version": said["report_version"],
        "application_information": said.get("application_specific_information"),
        "package.version": said["metadata"]["Version"],
        "package.name": said["metadata"]["Identifier"],
        "host.os.full": said["metadata"]["OS Version"],
    }
    found["host.architecture"] = found.pop("code_type")
    return found


def _instant(written: str) -> float:
    day, clock, zone = written.split()
    return datetime.fromisoformat(f"{day} {(clock + '000000')[:15] if '.' in clock else clock}{zone}").timestamp()


def main() -> None:
    for path in reports(corpora_folder()):
        found = score(path)
        rate = f"{len(found.held)} of {len(found.held) + len(found.missed)}"
        sys.stdout.write(f"{path.name}: {found.source}, whole {found.kept}, {rate}, missed {found.missed}\n")


if __name__ == "__main__":
    main()
