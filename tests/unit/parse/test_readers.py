"""Readers add columns to the rows of a log source, and leave alone what they cannot read."""

from __future__ import annotations

import polars as pl
import pytest

from miharu.catalog import Form, ReadStep
from miharu.parse import READERS
from miharu.parse.pairs import read_pairs
from miharu.parse.readers import read_all

pytestmark = pytest.mark.mission("S22")


def read(frame: pl.DataFrame, step: ReadStep) -> list[dict[str, object]]:
    return [row for made in read_all(frame, [step], READERS) for row in made.to_dicts()]


def test_a_path_is_a_folder_and_a_name() -> None:
    step = ReadStep("path", "folder", by="name", prefix="whole")
    frame = pl.DataFrame({"folder": ["/etc", "/", "/tmp/", None], "name": ["a", "b", None, "d"]})
    assert [row["whole"] for row in read(frame, step)] == ["/etc/a", "/b", None, None]
    assert read(frame.drop("name"), step) == frame.drop("name").to_dicts()
    shares = pl.DataFrame(
        {"folder": [r"\??\C:\\"[:-1], r"\??\D:\Pay", ""], "name": [r"Temp\x.exe", "june.xlsx", "srvsvc"]}
    )
    assert [row.get("whole") for row in read(shares, step)] == [r"\??\C:\Temp\x.exe", r"\??\D:\Pay\june.xlsx", None]
    whole = pl.DataFrame(
        {"folder": [r"c:\windows\CMD.exe", "/usr/bin/ls", "/usr/lsls"], "name": ["cmd.exe", "ls", "ls"]}
    )
    assert [row.get("whole") for row in read(whole, step)] == [r"c:\windows\CMD.exe", "/usr/bin/ls", "/usr/lsls/ls"]


def test_a_list_of_plain_values_holds_nothing_to_read() -> None:
    frame = pl.DataFrame({"targets": [["a", "b"], []]}, schema={"targets": pl.List(pl.String)})
    step = ReadStep("regex", "targets", default=(Form("", "(?P<name>a)"),))
    assert read(frame, step) == frame.to_dicts()
    assert read(frame, ReadStep("path", "targets", by="targets", prefix="whole")) == frame.to_dicts()
    told = pl.DataFrame({"text": ["a1"], "kind": [["TCP"]]})
    step = ReadStep("regex", "text", by="kind", patterns={"TCP": (Form("", "^x"),)}, default=(Form("", "(?P<one>1)"),))
    assert read(told, step) == [{"text": "a1", "kind": ["TCP"], "one": "1"}]


def test_a_pair_ends_at_a_group_separator() -> None:
    made = read_pairs(pl.Series(['key=(null)\x1dARCH=x86_64 SYSCALL=execve res="ok"\x1dUID="alice"']))
    assert {series.name: series[0] for series in made} == {
        "key": "(null)",
        "ARCH": "x86_64",
        "SYSCALL": "execve",
        "res": "ok",
        "UID": "alice",
    }
