"""Rules are imported whole, byte for byte, and never outside their folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.pipeline.rulebook import import_rules, remove_imported, rule_paths

RULE = b"title: A\n# kept \xe2\x9c\x93\r\nid: 1\n"


def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def test_a_folder_is_copied_byte_for_byte_and_replaced_as_a_whole(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a.yml").write_bytes(RULE)
    (source / "notes.txt").write_text("no rule")
    done = import_rules(source, settings(tmp_path))
    assert done.files == 1
    assert (done.folder / "deep" / "a.yml").read_bytes() == RULE
    (source / "deep" / "a.yml").rename(source / "b.yml")
    import_rules(source, settings(tmp_path))
    assert sorted(path.name for path in done.folder.rglob("*.yml")) == ["b.yml"]
    assert done.folder in rule_paths(settings(tmp_path))
    remove_imported("mine", settings(tmp_path))
    assert done.folder not in rule_paths(settings(tmp_path))


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_archives_cannot_write_outside_their_folder(tmp_path: Path, kind: str) -> None:
    source = tmp_path / f"rules.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("../evil.yml", RULE)
            archive.writestr("ok/a.yml", RULE)
    else:
        with tarfile.open(source, "w:gz") as archive:
            for name in ("../evil.yml", "/evil.yml", "ok/a.yml"):
                info = tarfile.TarInfo(name)
                info.size = len(RULE)
                archive.addfile(info, io.BytesIO(RULE))
    done = import_rules(source, settings(tmp_path))
    assert done.files == 1
    assert [path.read_bytes() for path in (tmp_path / "data").rglob("*.yml")] == [RULE]


def test_a_broken_archive_leaves_what_was_there(tmp_path: Path) -> None:
    source = tmp_path / "rules.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        info = tarfile.TarInfo("a.yml")
        info.size = len(RULE)
        archive.addfile(info, io.BytesIO(RULE))
    done = import_rules(source, settings(tmp_path))
    source.write_bytes(source.read_bytes()[:60])
    with pytest.raises(OperatorError, match="cannot be read as an archive"):
        import_rules(source, settings(tmp_path))
    assert (done.folder / "a.yml").read_bytes() == RULE
    with pytest.raises(OperatorError, match="does not exist"):
        import_rules(tmp_path / "missing", settings(tmp_path))
