"""Loghub's sixteen systems: the columns of their headers are in our events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.loghub import SYSTEMS, present, score


@pytest.mark.parametrize("system", SYSTEMS)
def test_lines_have_a_named_source_and_their_columns(corpora: Path, system: str) -> None:
    if system not in present(corpora):
        pytest.skip(f"{system} is not in this corpus")
    found = score(corpora, system)
    assert found.rows == 2_000
    assert found.named >= 0.99 * found.rows
    low = {column: found.rate(column) for column in ("time", *SYSTEMS[system].columns) if found.rate(column) < 0.95}
    assert not low


def test_some_systems_are_here(corpora: Path) -> None:
    assert len(present(corpora)) >= 5
