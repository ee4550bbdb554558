"""Elastic's expected events of Filebeat's modules → how many of their fields our events hold, and every miss.

`python -m tests.corpora.beats [module[/fileset]]…` prints the rates and each field that differs. Files are read as
an import reads them. An expected event is held against the record that its byte offset lies in.
"""

from __future__ import annotations

import csv
import json
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Final, TypeAlias

from miharu.catalog import load_fields, load_logsources
from miharu.core.columns import GENERIC, LEFTOVERS, LOG_OFFSET
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand
from tests.conftest import corpora_folder

CORPUS: Final = "beats-ecs-expected"
CREATED: Final = datetime(2025, 6, 16, tzinfo=UTC)
NAMES: Final = ("event.dataset", "event.module")
"""What a source is called: ours need not be Elastic's name. Counted as a kind of its own."""

NOTHING: Final = "-"
"""What some of Elastic's modules keep of a value that the log says there is none of: our event then has no such field.
Such agreements are counted (`Score.dashes`), so that it shows how much they weigh."""

_NOT_COMPARED: Final = ("input.type", "log.offset", "log.flags", "event.timezone", "service.type")
_NOT_COMPARED_UNDER: Final = ("fileset.",)
_ENRICHED: Final = (".geo.", ".as.")
_WALL_OFFSET: Final = "-02:00"
"""The zone that Elastic's tests give to logs that name none."""

_SINGLE: Final = 2**-23
"""How far a number may be off that Elastic reckoned in single precision."""

Event: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Miss:
    """One expected field that our event does not hold as expected; `kind` is ecs, vendor, other or name."""

    log: str
    offset: int
    kind: str
    name: str
    wanted: Any
    found: Any


@dataclass(slots=True)
class Score:
    """Fields wanted and held by kind, and the records of unknown kinds."""

    wanted: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)
    dashes: int = 0
    events: int = 0
    unnamed: int = 0

    def rate(self, *kinds: str) -> float:
        """Return the share of wanted fields of `kinds` that are held; 1 where none is wanted."""
        wanted = sum(self.wanted[kind] for kind in kinds)
        return sum(self.held[kind] for kind in kinds) / wanted if wanted else 1.0


def modules(root: Path) -> list[str]:
    """Return the names of the modules there are."""
    return sorted(path.name for path in (root / CORPUS).iterdir() if path.is_dir())


def score(root: Path, module: str, fileset: str = "*") -> Score:
    """Return how our events of a module's files agree with Elastic's."""
    total = Score()
    for expected in sorted((root / CORPUS / module).glob(f"{fileset}/test/*-expected.json")):
        log = expected.with_name(expected.name.removesuffix("-expected.json"))
        _compare(total, module, log, json.loads(expected.read_text(encoding="utf-8")))
    return total


@cache
def stages() -> tuple[Parser, Normaliser]:
    """Return the reader and the normaliser over everything shipped."""
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def events(path: Path) -> list[Event]:
    """Return the events of a file, leftovers among their fields, by offset."""
    parser, normaliser = stages()
    found: list[Event] = []
    for file in expand([path], joins=parser.joins):
        for chunk in file.chunks("0" * 32):
            batch = normaliser.run(parser.read(chunk.format, chunk.records).fields, CREATED)
            for row in batch.iter_rows(named=True):
                left = json.loads(row.pop(LEFTOVERS) or "{}")
                found.append(left | {name: value for name, value in row.items() if value is not None})
    return sorted(found, key=lambda event: event[LOG_OFFSET])


def _compare(total: Score, module: str, log: Path, expected: Sequence[Event]) -> None:
    ours = events(log)
    offsets = [event[LOG_OFFSET] for event in ours]
    total.unnamed += sum(1 for event in ours if event["event.dataset"].startswith(GENERIC))
    taken: set[int] = set()
    for wanted in expected:
        place = bisect_right(offsets, wanted[LOG_OFFSET]) - 1
        known = place >= 0 and place not in taken
        taken.add(place)
        found = ours[place] if known else {}
        total.events += 1
        for name, value in compared(wanted):
            kind = _kind(module, name)
            total.wanted[kind] += 1
            total.dashes += known and value == NOTHING and name not in found
            if agree(name, value, found.get(name), wanted):
                total.held[kind] += 1
            else:
                label = "/".join(log.parts[-4:-2]) + f"/{log.name}"
                total.misses.append(Miss(label, wanted[LOG_OFFSET], kind, name, value, found.get(name)))


def compared(wanted: Event) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an expected event that are to be held."""
    for name, value in wanted.items():
        if name in _NOT_COMPARED or name.startswith(_NOT_COMPARED_UNDER) or any(part in name for part in _ENRICHED):
            continue
        yield name, value


def _kind(module: str, name: str) -> str:
    if name in NAMES:
        return "name"
    if name.startswith(f"{module}."):
        return "vendor"
    return "ecs" if name in _schema() else "other"


@cache
def _schema() -> frozenset[str]:
    """Return the names of the standard's own fields, as published with the corpora."""
    with (corpora_folder() / "schemas" / "ecs" / "fields.csv").open(encoding="utf-8", newline="") as table:
        return frozenset(row["Field"] for row in csv.DictReader(table))


def agree(name: str, wanted: Any, found: Any, expected: Event) -> bool:
    """Tell whether two values are the same: instants as such, numbers as numbers, one value as a list of it."""
    if found is None and wanted == NOTHING:
        return True
    if isinstance(found, datetime):
        return _same_time(str(wanted), found)
    if name == "event.original" and isinstance(found, bytes):
        return found.decode("utf-8", "replace").rstrip("\r\n") == str(wanted)
    if name == "event.duration" and isinstance(found, int):
        return bool(abs(wanted - found) <= _SINGLE * abs(wanted))
    if name.startswith("related.") or name in {"event.category", "event.type"}:
        return set(map(_text, _listed(wanted))) == set(map(_text, _listed(found)))
    if isinstance(wanted, str) and isinstance(found, str) and _instant(wanted) and _instant(found):
        return _instant(wanted) == _instant(found)
    return [_text(one) for one in _listed(wanted)] == [_text(one) for one in _listed(found)]


def _same_time(wanted: str, found: datetime) -> bool:
    stamp = _instant(wanted)
    if stamp is None:
        return False
    if wanted.endswith(_WALL_OFFSET):  # as the wall's clock showed it: the log names no zone
        stamp = stamp.replace(tzinfo=UTC)
    return abs(stamp - found).total_seconds() < 0.001


def _instant(text: str) -> datetime | None:
    if not text[:4].isdecimal() or text[4:5] != "-":
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        return _address(str(value))


def _address(text: str) -> str:
    """Return an IPv6 address in its one canonical form, anything else as it is."""
    try:
        return str(IPv6Address(text)) if ":" in text else text
    except ValueError:
        return text


def line(label: str, one: Score) -> str:
    """Return the rates of a score as one line."""
    parts = [f"{kind} {one.held[kind]}/{one.wanted[kind]} {one.rate(kind):.1%}" for kind in sorted(one.wanted)]
    return f"{label:28} events {one.events:4} unnamed {one.unnamed:3} dashes {one.dashes:3}  " + "  ".join(parts)


def main(arguments: Iterable[str]) -> None:
    """Print the rates of the modules named (all, without one), and their misses."""
    root = corpora_folder()
    named = list(arguments)
    for label in named or modules(root):
        module, _, fileset = label.partition("/")
        one = score(root, module, fileset or "*")
        if named:
            for miss in one.misses:
                where = f"{miss.log}@{miss.offset}"
                sys.stdout.write(
                    f"{miss.kind:6} {miss.name:45} {where}\n   wanted {miss.wanted!r}\n   found  {miss.found!r}\n"
                )
        sys.stdout.write(line(label, one) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
