"""Crash reports of others: each is one event, whole, and has what is stated of it."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.apple import reports, score


def test_every_report_is_one_whole_event_with_what_is_stated_of_it(corpora: Path) -> None:
    paths = reports(corpora)
    assert len(paths) >= 5
    scores = {path.name: score(path) for path in paths}
    for name, found in scores.items():
        assert (found.events, found.source, found.kept) == (1, "apple.diagnostic_report", True), name
    held = sum(len(found.held) for found in scores.values())
    missed = {name: found.missed for name, found in scores.items() if found.missed}
    assert held >= 0.95 * (held + sum(map(len, missed.values()))), missed
