"""Loghub's sixteen systems: the columns of their headers are in our events."""

from __future__ import annotations

from pathlib import Path

from tests.corpora.loghub import SYSTEMS, present, score


def test_lines_have_a_named_source_and_their_columns(corpora: Path) -> None:
    here = present(corpora)
    assert len(here) >= 5
    for system in here:
        found = score(corpora, system)
        assert found.rows == 2_000
        assert found.named >= 0.99 * found.rows, system
        low = {column: found.rate(column) for column in ("time", *SYSTEMS[system].columns) if found.rate(column) < 0.95}
        assert not low, system
