"""Files that keep what was made once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from miharu.core.kept import Kept


def test_what_is_kept_is_read_again_and_only_under_its_key(tmp_path: Path) -> None:
    files = Kept(tmp_path / "new" / "folder", "things", 4)
    assert files.read("a", bytes) is None
    files.write("a", b"one")
    files.write("b", b"")
    assert (files.read("a", bytes), files.read("b", bytes), files.read("c", bytes)) == (b"one", b"", None)
    assert Kept(tmp_path / "new" / "folder", "others", 4).read("a", bytes) is None


@pytest.mark.parametrize("damage", [b"", b"miharu things\n", b"other"])
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes) -> None:
    files = Kept(tmp_path, "things", 4)
    files.write("a", b"one")
    path = tmp_path / "a.things"
    whole = path.read_bytes()
    for bad in (damage, whole[:-1], whole[:-1] + b"f", whole + b"e"):
        path.write_bytes(bad)
        assert files.read("a", bytes) is None
    path.write_bytes(whole)
    assert files.read("a", bytes) == b"one"
    assert files.read("a", int) is None


def test_the_least_recently_used_go(tmp_path: Path) -> None:
    files = Kept(tmp_path, "things", 2)
    for age, key in enumerate("ab"):
        files.write(key, key.encode())
        os.utime(tmp_path / f"{key}.things", (age, age))
    assert files.read("a", bytes) == b"a"  # used now, so that b is the older one
    files.write("c", b"c")
    assert (files.read("a", bytes), files.read("b", bytes), files.read("c", bytes)) == (b"a", None, b"c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.things", "c.things"]


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = Kept(tmp_path / "file", "things", 2)
    files.write("a", b"one")
    assert files.read("a", bytes) is None
