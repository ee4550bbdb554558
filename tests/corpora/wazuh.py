"""Wazuh's rule tests → the source and outcome its rules tell of each line; `python -m tests.corpora.wazuh [file]`.

`rule-index.csv` gives the groups of each rule: `authentication_failed`, `authentication_success` and their kin say how
a login ended. A line of a decoder of its own must get a source of its own.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import corpora_folder
from tests.corpora.line_events import Event, events_of

LINUX = (
    *("apache", "apparmor", "audit_scp", "auditd", "cimserver", "doas", "dovecot", "dropbear", "exim", "gitlab"),
    *("glpi", "iptables", "kernel_usb", "modsecurity", "named", "opensmtpd", "oscap", "postfix", "proftpd", "rsh"),
    *("squid_rules", "sshd", "sudo", "systemd", "vsftpd", "nginx", "pam", "su", "unbound", "syslog", "mysql"),
)
"""Files of Linux and its services, those of the held-out set included."""

FAILED = {"authentication_failed", "authentication_failures", "invalid_login", "login_denied"}
PASSED = {"authentication_success"}
LOG = re.compile(r"^log\s+[0-9]+\s+(?P<verdict>pass|fail)\s*=\s*(?P<line>.*)$")
RULE = re.compile(r"^rule\s*=\s*(?P<rule>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Told:
    """One line and the groups of the rule it must fire; `fired` is false where it must not."""

    file: str
    line: str
    rule: str
    groups: frozenset[str]
    fired: bool


@dataclass(slots=True)
class Score:
    """Counts by question, and every miss."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def take(self, question: str, told: Told, found: object, *, agree: bool) -> None:
        """Count one answer."""
        self.asked[question] += 1
        self.right[question] += agree
        if not agree:
            told_groups = sorted(told.groups & (FAILED | PASSED))
            self.misses.append(f"{question}: {told.file} {told.rule} {told_groups} found {found}\n   {told.line[:300]}")

    def rate(self, question: str) -> float:
        """Return the share of right answers, 1 where nothing was asked."""
        return self.right[question] / self.asked[question] if self.asked[question] else 1.0


def told_lines(path: Path, groups: Mapping[str, frozenset[str]]) -> Iterator[Told]:
    """Return the lines of one file; those of a section stand above its rule."""
    waiting: list[tuple[str, str]] = []
    for text in path.read_text("utf-8", "surrogateescape").split("\n"):
        if found := LOG.match(text.strip()):
            waiting.append((found["verdict"], found["line"]))
        elif found := RULE.match(text.strip()):
            rule = found["rule"]
            for verdict, line in waiting:
                yield Told(path.stem, line, rule, groups.get(rule, frozenset()), verdict == "pass")
            waiting = []


def score(folder: Path, wanted: str = "") -> Score:
    """Score the files of Linux, or the one named `wanted`."""
    with (folder / "rule-index.csv").open(newline="") as handle:
        groups = {row["id"]: frozenset(row["groups"].replace(" ", "").split(",")) for row in csv.DictReader(handle)}
    counts = Score()
    for name in [wanted] if wanted else LINUX:
        path = folder / f"{name}.ini"
        told = list(told_lines(path, groups)) if path.exists() else []
        for one, event in zip(told, events_of([each.line for each in told]) if told else [], strict=True):
            _compare(counts, one, event)
    return counts


def _compare(counts: Score, told: Told, event: Event) -> None:
    dataset = str(event["event.dataset"])
    counts.take("named", told, dataset, agree=not dataset.startswith("generic."))
    if told.fired and told.groups & (FAILED | PASSED):
        outcome = "failure" if told.groups & FAILED else "success"
        words = [dataset, *(event.get(f"event.{key}") for key in ("category", "outcome", "action"))]
        counts.take("outcome", told, words, agree=event.get("event.outcome") == outcome)


def main() -> None:
    """Print every miss and the rates."""
    counts = score(corpora_folder() / "wazuh-ruleset-tests", *sys.argv[1:2])
    rates = [f"{one:9} {counts.rate(one):.4f} of {counts.asked[one]}" for one in counts.asked]
    sys.stdout.write("\n".join([*counts.misses, *rates]) + "\n")


if __name__ == "__main__":
    main()
