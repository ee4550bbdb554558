"""Values with labels: quotes around values or around label and value, doubled marks, and what has no label."""

from __future__ import annotations

import polars as pl
import pytest

from miharu.catalog import ReadStep
from miharu.parse.labelled import read_labelled


def read(text: str, **options: str) -> dict[str, str]:
    frame = pl.DataFrame({"text": [text, ""]})
    [made] = read_labelled(frame, ReadStep("labelled", "text", options=options))
    assert made.get_column("text").to_list() == [text, ""]
    return {name: value for name, value in made.row(0, named=True).items() if name != "text" and value is not None}


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("PC1,Rule: 7,TCP,User Name: alice", {}, {"rule": "7", "user_name": "alice"}),
        ('Path: "C:\\a, b.txt",Size (bytes): 12', {}, {"path": "C:\\a, b.txt", "size_bytes": "12"}),
        ('"Note: one, two ""three""",Next: 1', {}, {"note": 'one, two "three"', "next": "1"}),
        ("Empty: ,Empty: second", {}, {"empty": "second"}),
        ("Rule: 1,Rule: 2", {}, {"rule": "1"}),
        ("Rule: 1,Web Attack: x", {"keys": "Rule|User(?: Name)?"}, {"rule": "1"}),
        ("SHA-256: ab", {}, {"sha_256": "ab"}),
        (
            r'action:"Drop"; ike::"no \"match\"; none"; tag:"a[b\]"; ]',
            {"separator": ";", "escape": "backslash"},
            {"action": "Drop", "ike": 'no "match"; none', "tag": "a[b]"},
        ),
        (
            "time=12|product=VPN-1 & FireWall-1|",
            {"separator": "|", "assign": "="},
            {"time": "12", "product": "VPN-1 & FireWall-1"},
        ),
        ("no label at all", {}, {}),
    ],
)
def test_labels(text: str, options: dict[str, str], expected: dict[str, str]) -> None:
    assert read(text, **options) == expected


def test_a_column_that_is_there_stays() -> None:
    frame = pl.DataFrame({"text": ["rule: 1"], "rule": ["0"]})
    [made] = read_labelled(frame, ReadStep("labelled", "text", prefix="x."))
    assert made.row(0, named=True) == {"text": "rule: 1", "rule": "0", "x.rule": "1"}
    [made] = read_labelled(frame, ReadStep("labelled", "text"))
    assert made.row(0, named=True) == {"text": "rule: 1", "rule": "0"}
