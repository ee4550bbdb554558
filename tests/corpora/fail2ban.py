"""fail2ban's samples → what lines are told to be and what we make of them; `python -m tests.corpora.fail2ban [file]`.

Above each line a comment `# failJSON: {"match": …, "host": …, "user": …, "time": …}` tells whether the line is a
failure and whose. A line that matches must be a failure or a denial here; one that does not must not be a failed login.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.conftest import corpora_folder
from tests.corpora.line_events import Event, events_of

# fail2ban's own tests run in this zone and at this time.
ZONE = "Europe/Zurich"
REFERENCE = datetime(2005, 8, 14, 10, 0, tzinfo=UTC)
LABEL = re.compile(r"^#\s*failJSON:\s*(\{.*\})\s*$")
DENYING = {"authentication", "intrusion_detection", "network"}
PEERS = ("source.ip", "source.address", "source.domain", "client.ip")


@dataclass(frozen=True, slots=True)
class Told:
    """One line and what is told of it."""

    file: str
    number: int
    line: str
    label: dict[str, object]


@dataclass(slots=True)
class Score:
    """Counts by question and file, and every miss."""

    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def take(self, question: str, told: Told, found: object, *, agree: bool) -> None:
        """Count one answer."""
        self.asked[question, told.file] += 1
        if agree:
            self.right[question, told.file] += 1
            return
        self.misses.append(
            f"{question}: {told.file}:{told.number}: {told.label} found {found}\n      {told.line[:300]}"
        )

    def rate(self, question: str, file: str = "") -> float:
        """Return the share of right answers, 1 where nothing was asked."""
        asked = self._sum(self.asked, question, file)
        return self._sum(self.right, question, file) / asked if asked else 1.0

    def count(self, question: str) -> int:
        """Return how often a question was asked."""
        return self._sum(self.asked, question, "")

    @staticmethod
    def _sum(counter: Counter[tuple[str, str]], question: str, file: str) -> int:
        return sum(count for (one, where), count in counter.items() if one == question and file in ("", where))


def told_lines(path: Path) -> Iterator[Told]:
    """Return the lines of a file that a label stands above."""
    label: dict[str, object] | None = None
    for number, line in enumerate(path.read_text("utf-8", "surrogateescape").split("\n"), 1):
        found = LABEL.match(line)
        if found:
            label = json.loads(found[1])
        elif label is not None and line and not line.startswith("#"):
            yield Told(path.name, number, line, label)
            label = None


def score(folder: Path, wanted: str = "") -> Score:
    """Score every file of the folder, or the one named `wanted`."""
    counts = Score()
    for path in sorted(folder.iterdir()):
        told = list(told_lines(path)) if path.is_file() and wanted in ("", path.name) else []
        if not told:
            continue
        for one, event in zip(told, events_of([each.line for each in told], REFERENCE, ZONE), strict=True):
            _compare(counts, one, event)
    return counts


def _compare(counts: Score, told: Told, event: Event) -> None:
    label = told.label
    dataset = str(event["event.dataset"])
    words = [dataset, *(event.get(f"event.{key}") for key in ("category", "type", "outcome"))]
    counts.take("named", told, dataset, agree=not dataset.startswith("generic."))
    failure = _is_failure(event) if label["match"] else not _is_failed_login(event)
    counts.take("classified", told, words, agree=failure)
    if not label["match"]:
        return
    peers = [label[key] for key in ("host", "ip4", "ip6") if label.get(key)]
    found = [event[key] for key in PEERS if key in event]
    # A host that the line does not hold was told by a line before it, or by the DNS.
    if any(str(each).lower() in told.line.lower() for each in peers):
        same = {_address(each) for each in found} & {_address(each) for each in peers}
        counts.take("address", told, found, agree=bool(same))
    if "user" in label:
        user = label["user"] or None
        counts.take(
            "user", told, event.get("user.name"), agree=user in (event.get("user.name"), event.get("user.email"))
        )
    if told_time := str(label.get("time") or "")[:19]:
        stamp = event["@timestamp"]
        assert isinstance(stamp, datetime)
        local = stamp.astimezone(ZoneInfo(ZONE)).strftime("%Y-%m-%dT%H:%M:%S")
        counts.take("time", told, local, agree=local == told_time)


def _is_failure(event: Event) -> bool:
    categories = set(event.get("event.category", []))  # type: ignore[call-overload]
    denied = "denied" in event.get("event.type", [])  # type: ignore[operator]
    return event.get("event.outcome") == "failure" or (denied and bool(categories & DENYING))


def _is_failed_login(event: Event) -> bool:
    return event.get("event.outcome") == "failure" and "authentication" in event.get("event.category", [])  # type: ignore[operator]


def _address(value: object) -> str:
    text = str(value).lower()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def main() -> None:
    """Print the rates of each file and of all, and every miss."""
    counts = score(corpora_folder() / "fail2ban-logs", *sys.argv[1:2])
    questions = ("named", "classified", "address", "user", "time")
    lines = list(counts.misses)
    for file in [*sorted({file for _, file in counts.asked}), ""]:
        rates = (f"{one} {counts.rate(one, file):.4f}" for one in questions)
        lines.append(f"{file or 'all':22} {'  '.join(rates)}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
