"""Plaso's sample logs: each file of a known kind is read by its source, and records have their own times."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.plaso import UNDATED, WRONG_ON_PURPOSE, present, score


def test_files_are_read_by_the_source_of_their_kind(corpora: Path) -> None:
    paths = present(corpora)
    assert len(paths) >= 20
    faults = []
    named = dated = records = 0
    for path in paths:
        found = score(path)
        wrong = WRONG_ON_PURPOSE.get(path.name, 0)
        named, records = named + found.named, records + found.records - wrong
        dated += found.dated + UNDATED.get(path.name, 0)
        if found.named < 0.95 * (found.records - wrong):
            faults.append(f"{path.name}: {dict(found.sources)}")
    assert not faults, "\n".join(faults)
    assert named >= 0.99 * records
    assert dated >= 0.95 * named
