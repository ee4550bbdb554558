"""Log sources that are checked once and kept."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from miharu.catalog import content_root, load_logsources, remembered_logsources
from miharu.core.errors import ContentError


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("content")
    for name in ("fields", "ecs", "lookups", "logsources/linux", "logsources/windows"):
        shutil.copytree(content_root() / name, folder / name)
    return folder


def test_they_are_the_same_without_samples(content: Path, tmp_path: Path) -> None:
    wanted = [replace(source, tests=()) for source in load_logsources(content)]
    assert len(wanted) > 20
    assert remembered_logsources(tmp_path, content) == wanted
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_ino
    assert remembered_logsources(tmp_path, content) == wanted
    assert kept.stat().st_ino == written  # read, not made again


def test_a_change_is_seen_and_a_fault_is_told(content: Path, tmp_path: Path) -> None:
    before = {source.id for source in remembered_logsources(tmp_path, content)}
    path = content / "logsources" / "linux" / "linux.cron.yml"
    text = path.read_text()
    try:
        path.write_text(text.replace("id: linux.cron", "id: linux.crond", 1))
        after = {source.id for source in remembered_logsources(tmp_path, content)}
        assert (before - after, after - before) == ({"linux.cron"}, {"linux.crond"})
        path.write_text(text.replace("title:", "titel:", 1))
        with pytest.raises(ContentError, match="titel"):
            remembered_logsources(tmp_path, content)
    finally:
        path.write_text(text)


def test_what_does_not_fit_is_made_again(content: Path, tmp_path: Path) -> None:
    wanted = remembered_logsources(tmp_path, content)
    (kept,) = tmp_path.iterdir()
    for damage in (b"", b"no such thing"):
        kept.write_bytes(damage)
        assert remembered_logsources(tmp_path, content) == wanted
