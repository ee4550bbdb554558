"""Where the measured records come from: real Windows events if the corpora are there, else made ones; ASA lines.

Repetitions of the same real events get record numbers and times of their own, so that nothing that remembers
whole records can cheat.
"""

from __future__ import annotations

import os
import random
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

import orjson

from bench import asa
from bench.morning import windows
from bench.morning.story import SEED

ROOT = Path(__file__).resolve().parents[1]
ONE_DAY = timedelta(days=1)
STAMP = re.compile(r"^\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d")
NUMBERS = ("RecordNumber", "record_number", "EventRecordID")


def corpora() -> Path | None:
    named = os.environ.get("MIHARU_CORPORA")
    folder = Path(named) if named else ROOT.parent / "shared" / "corpora"
    return folder if folder.is_dir() else None


def rules_archive() -> Path | None:
    """Return the SigmaHQ archive, if it is there."""
    folder = corpora()
    archive = folder / "sigma-rules.tar.gz" if folder else None
    return archive if archive and archive.is_file() else None


def windows_lines(count: int) -> tuple[str, list[bytes]]:
    """Return what the lines are, and `count` Windows events as JSON, one a line."""
    folder = corpora()
    archives = sorted((folder / "otrf-security-datasets").rglob("windows/**/*.zip")) if folder else []
    archives += sorted((folder / "otrf-security-datasets" / "compound").rglob("*.zip")) if folder else []
    if not archives:
        return "made Sysmon events", list(islice(repeated(made_events()), count))
    return "real Windows events (OTRF)", list(islice(repeated(list(zipped_lines(archives))), count))


def zipped_lines(archives: Sequence[Path]) -> Iterator[bytes]:
    for path in dict.fromkeys(archives):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield from (
                        line for line in archive.read(name).splitlines() if line.startswith(b"{") and b"EventID" in line
                    )


def made_events() -> list[bytes]:
    return [line.text.encode() for line in windows.sysmon(random.Random(SEED))]


def repeated(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines again and again; every round after the first is a day later, with new record numbers."""
    for number, line in enumerate(cycle(lines)):
        round_ = number // len(lines)
        yield shifted(line, round_) if round_ else line


def shifted(line: bytes, round_: int) -> bytes:
    event = orjson.loads(line)
    for name, value in event.items():
        if name in NUMBERS and isinstance(value, int):
            event[name] = value + 10_000_000 * round_
        elif isinstance(value, str) and (stamp := STAMP.match(value)):
            separator = stamp[1]
            moved = datetime.fromisoformat(value[:19]).replace(tzinfo=UTC) + round_ * ONE_DAY
            event[name] = moved.strftime(f"%Y-%m-%d{separator}%H:%M:%S") + value[19:]
    return orjson.dumps(event)


def asa_lines(count: int) -> list[bytes]:
    rng = random.Random(SEED)
    begin = datetime(2026, 3, 10, 7, tzinfo=UTC)
    return [text.encode() for _, text in asa.lines(count, rng, begin, timedelta(milliseconds=20))]


def write(path: Path, lines: Sequence[bytes]) -> None:
    with path.open("wb") as out:
        out.writelines(b"%b\n" % line for line in lines)
