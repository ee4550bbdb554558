"""Loghub's structured tables → how many of their columns our events hold, system by system.

`python -m tests.corpora.loghub [system]…` prints the rates, and the first misses of each column. A table's row is
held against the record on the same line. A time without a year is compared without its year.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from miharu.core.columns import GENERIC
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from tests.conftest import corpora_folder

CORPUS: Final = "loghub"
Event: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Mapping[str, str]
Test: TypeAlias = Callable[[str, Event], bool]


@dataclass(frozen=True, slots=True)
class System:
    """How one system's table names things: columns that make the time and its format, the others by column."""

    time: tuple[str, ...]
    form: str
    columns: Mapping[str, Test]


@dataclass(slots=True)
class Score:
    """Rows, those of a named source, and what each column wanted and found."""

    rows: int = 0
    named: int = 0
    held: Counter[str] = field(default_factory=Counter)
    missed: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)

    def rate(self, column: str) -> float:
        return self.held[column] / self.rows if self.rows else 0.0


def one_of(*names: str) -> Test:
    return lambda wanted, event: any(str(event.get(name, "")).strip() == wanted.strip() for name in names)


def begins(*names: str) -> Test:
    """A component may be written with more than the program's own name: `su(pam_unix)`, `kernel[0]`."""
    return lambda wanted, event: any(
        name in event and wanted.strip().startswith(str(event[name]).strip()) for name in names
    )


def level(wanted: str, event: Event) -> bool:
    found = str(event.get("log.level", ""))
    return bool(found) and (found.lower() == wanted.lower() or found[0].lower() == wanted.lower())


def content(wanted: str, event: Event) -> bool:
    message = " ".join(str(event.get("message", "")).split())
    plain = " ".join(wanted.split())
    return message == plain or message.endswith(plain)


HOST = one_of("host.name", "host.hostname")
PID = one_of("process.pid", "process.thread.id")
LOGGER = begins("log.logger", "process.name")
BASE: Final[Mapping[str, Test]] = {"Content": content}
JAVA: Final[Mapping[str, Test]] = {**BASE, "Level": level, "Component": LOGGER}

SYSTEMS: Final[Mapping[str, System]] = {
    "Android": System(("Date", "Time"), "%m-%d %H:%M:%S.%f", {**JAVA, "Pid": PID, "Tid": one_of("process.thread.id")}),
    "Apache": System(("Time",), "%a %b %d %H:%M:%S %Y", {**BASE, "Level": level}),
    "BGL": System(("Time",), "%Y-%m-%d-%H.%M.%S.%f", {**JAVA, "Node": HOST}),
    "HDFS": System(("Date", "Time"), "%y%m%d %H%M%S", {**JAVA, "Pid": PID}),
    "HPC": System(("Time",), "%s", {**BASE, "Node": HOST, "Component": LOGGER}),
    "Hadoop": System(("Date", "Time"), "%Y-%m-%d %H:%M:%S,%f", {**JAVA, "Process": one_of("process.thread.name")}),
    "HealthApp": System(("Time",), "%Y%m%d-%H:%M:%S", {**BASE, "Component": LOGGER, "Pid": PID}),
    "Linux": System(
        ("Month", "Date", "Time"), "%b %d %H:%M:%S", {**BASE, "Level": HOST, "Component": LOGGER, "PID": PID}
    ),
    "Mac": System(("Month", "Date", "Time"), "%b %d %H:%M:%S", {**BASE, "User": HOST, "Component": LOGGER, "PID": PID}),
    "OpenSSH": System(("Date", "Day", "Time"), "%b %d %H:%M:%S", {**BASE, "Component": HOST, "Pid": PID}),
    "OpenStack": System(("Date", "Time"), "%Y-%m-%d %H:%M:%S.%f", {**JAVA, "Pid": PID}),
    "Proxifier": System(("Time",), "%m.%d %H:%M:%S", {**BASE, "Program": LOGGER}),
    "Spark": System(("Date", "Time"), "%y/%m/%d %H:%M:%S", JAVA),
    "Thunderbird": System(("Timestamp",), "%s", {**BASE, "User": HOST, "Component": LOGGER, "PID": PID}),
    "Windows": System(("Date", "Time"), "%Y-%m-%d %H:%M:%S", JAVA),
    "Zookeeper": System(("Date", "Time"), "%Y-%m-%d %H:%M:%S,%f", JAVA),
}


def present(corpora: Path) -> list[str]:
    """Return the systems that the corpus has here."""
    return [name for name in SYSTEMS if (corpora / CORPUS / name / f"{name}_2k.log").is_file()]


@cache
def score(corpora: Path, name: str) -> Score:
    folder = corpora / CORPUS / name
    settings = Settings()
    events = [
        event
        for batch in read_paths([folder / f"{name}_2k.log"], make_reader(settings), settings)
        for event in batch.events.iter_rows(named=True)
    ]
    with (folder / f"{name}_2k.log_structured.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(events), f"{name}: {len(events)} events of {len(rows)} lines"
    return _scored(SYSTEMS[name], rows, events)


def _scored(system: System, rows: Sequence[Row], events: Sequence[Event]) -> Score:
    found = Score(rows=len(rows))
    for row, event in zip(rows, events, strict=True):
        plain = {name: value for name, value in event.items() if value is not None}
        found.named += not str(plain["event.dataset"]).startswith(GENERIC)
        _note(found, "time", " ".join(row[column] for column in system.time), plain, _same_time(system.form))
        for column, test in system.columns.items():
            _note(found, column, row[column], plain, test)
    return found


def _note(found: Score, column: str, wanted: str, event: Event, test: Test) -> None:
    if not wanted.strip() or test(wanted, event):
        found.held[column] += 1
    else:
        found.missed.setdefault(column, []).append((wanted, dict(event)))


def _same_time(form: str) -> Test:
    yearless = "Y" not in form.upper()

    def same(wanted: str, event: Event) -> bool:
        time: datetime = event["@timestamp"]
        if form == "%s":
            return time == datetime.fromtimestamp(int(wanted), UTC)
        whole = wanted.rsplit(":", 1)[0] if form == "%Y%m%d-%H:%M:%S" else wanted
        written = (f"2000 {whole} +0000", f"%Y {form} %z") if yearless else (f"{whole} +0000", f"{form} %z")
        return (time.replace(year=2000) if yearless else time) == datetime.strptime(*written)  # noqa: DTZ007 - has %z

    return same


def main(names: Sequence[str]) -> None:
    corpora = corpora_folder()
    for name in names or present(corpora):
        found = score(corpora, name)
        columns = ("time", *SYSTEMS[name].columns)
        rates = ", ".join(f"{column} {found.rate(column):.2%}" for column in columns)
        sys.stdout.write(f"{name}: {found.rows} lines, named {found.named / found.rows:.2%}, {rates}\n")
        for column, misses in found.missed.items():
            for wanted, event in misses[:3]:
                sys.stdout.write(f"  {column}: {wanted!r}: {event.get('event.dataset')} {event.get('message')!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
