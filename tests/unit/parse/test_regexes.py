"""Rows read by many forms are the same whether frames come by form or together."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from miharu.catalog import Form, ReadStep
from miharu.parse import regexes
from miharu.parse.regexes import read_regex

STEP = ReadStep(
    "regex",
    "message",
    by="code",
    patterns={
        "1": (Form("", r"^a (?P<x>\S+)(?: (?P<y>\S+))?"), Form("second", "^b")),
        "2": (Form("", r"^a (?P<x>\S*) (?P<z>.*)$"),),
        "3": (Form("host", r"^a (?P<host>\S+)"),),
    },
    default=(Form("any", r"(?P<word>\w+)$"), Form("odd", "[!?]")),
)


def rows(frames: list[pl.DataFrame]) -> list[dict[str, Any]]:
    found = [
        {name: value for name, value in row.items() if value is not None}
        for frame in frames
        for row in frame.iter_rows(named=True)
    ]
    return sorted(found, key=lambda row: int(row["row"]))


def records(count: int) -> pl.DataFrame:
    rng = random.Random(3)
    messages = ["a 1", "a 1 2", "a  rest of it", "a ", "b", "c d", "?", "", None]
    return pl.DataFrame(
        {
            "row": range(count),
            "code": [rng.choice(["1", "2", "3", "4", None]) for _ in range(count)],
            "message": [rng.choice(messages) for _ in range(count)],
            "host": "h",
        },
        schema={"row": pl.Int64, "code": pl.String, "message": pl.String, "host": pl.String},
    )


@pytest.mark.parametrize("lack", [0, 50, 300_000])
def test_frames_together_hold_what_they_hold_apart(lack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regexes, "_LACK", lack)
    for count in (1, 7, 200):
        frame = records(count)
        apart, together = read_regex(frame, STEP), read_regex(frame, STEP, together=True)
        assert rows(apart) == rows(together)
        assert sum(part.height for part in together) == count
        assert len(together) <= len(apart)


def test_a_row_is_read_as_it_is_alone() -> None:
    frame = records(60)
    alone = [row for at in range(frame.height) for row in rows(read_regex(frame[at : at + 1], STEP))]
    assert rows(read_regex(frame, STEP, together=True)) == alone


def test_rows_in_one_frame_keep_their_order() -> None:
    (made,) = read_regex(records(50).drop("host"), STEP, together=True)
    assert made["row"].is_sorted()


def test_forms_without_groups_add_nothing() -> None:
    step = ReadStep("regex", "message", default=(Form("", "^a"), Form("", "^b")))
    frame = records(40)
    (made,) = read_regex(frame, step, together=True)
    assert made.equals(frame)
