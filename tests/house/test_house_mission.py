"""The mission page names known items, and each mark counts."""

from __future__ import annotations

from pathlib import Path

from tests.house.mission import Proof, items, page, proofs


def test_the_mission_is_listed_whole_and_in_order():
    assert [item.id for item in items()] == [f"S{number}" for number in range(1, 172)]
    titles = [item.title for item in items()]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_marks_name_known_items():
    known = {item.id for item in items()}
    unknown = [f"{proof.path}::{proof.test}: {proof.item}" for proof in proofs() if proof.item not in known]
    assert not unknown, "\n".join(unknown)


def test_a_mark_is_found_wherever_it_may_stand(tmp_path: Path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        'import pytest\npytestmark = pytest.mark.mission("S1")\n'
        '@pytest.mark.mission("S2", "S3")\ndef test_a():\n    pass\n'
        '@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.mission("S4"))])\ndef test_b(x):\n    pass\n'
    )
    place = "tests/test_x.py"
    assert proofs(folder) == [
        Proof(place, "", "S1"),
        Proof(place, "test_a", "S2"),
        Proof(place, "test_a", "S3"),
        Proof(place, "test_b", "S4"),
    ]


def test_an_item_without_a_test_is_open():
    proven = {proof.item for proof in proofs()}
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in page().splitlines() if line.startswith("| S")}
    assert len(rows) == 171
    for item, row in rows.items():
        assert row.endswith("| open |") == (item not in proven)
