"""The page on Sigma support names every modifier and every reason, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from miharu.detect import NOTE_REASONS, PROBLEM_REASONS
from miharu.detect.modifiers import MODIFIERS

pytestmark = pytest.mark.mission("S22")

PAGE = (Path(__file__).parents[3] / "docs/reference/sigma-support.md").read_text(encoding="utf-8")
LONG_FORMS = {"ignorecase", "multiline", "dotall"}


def first_cells(heading: str, table: str) -> list[str]:
    """Return what stands in the first column of one table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = section.split(f"| {table} | meaning")[1].split("\n\n")[0].splitlines()[2:]
    return [re.sub(r"[|` ]", "", row.split(" | ")[0]) for row in rows]


def test_every_modifier_is_on_the_page() -> None:
    assert sorted(first_cells("Modifiers", "modifier")) == sorted(set(MODIFIERS) - LONG_FORMS)
    assert all(f"`{name}`" in PAGE for name in LONG_FORMS)


def test_every_reason_is_on_the_page() -> None:
    assert first_cells("Why a rule does not run", "reason") == list(PROBLEM_REASONS)
    assert first_cells("Why a rule does not run", "note") == list(NOTE_REASONS)
