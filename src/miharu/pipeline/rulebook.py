"""Where rules come from: shipped, imported by the operator, named in the settings.

Imported rules are copied byte for byte into the data folder, one subfolder per import name, and replaced
as a whole when the same name is imported again.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from miharu.catalog import content_root
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings

_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
_RULE_SUFFIXES = (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of rules did: `files` rule files now lie in `folder`."""

    name: str
    folder: Path
    files: int


def imported_folder(settings: Settings) -> Path:
    """Return the folder that holds imported rules."""
    return settings.data / "rules"


def rule_paths(settings: Settings) -> list[Path]:
    """Return every folder or archive of rules that applies, shipped ones first."""
    shipped = content_root() / "rules"
    imported = imported_folder(settings)
    folders = sorted(path for path in imported.iterdir() if not path.name.startswith(".")) if imported.is_dir() else []
    return [path for path in (shipped, *folders, *settings.rules) if path.exists()]


def import_rules(source: Path, settings: Settings) -> Imported:
    """Copy the rule files of a folder, a file or an archive into the data folder.

    Raises OperatorError where the source is missing, cannot be read, or holds no rule file.
    """
    if not source.exists():
        msg = f"{source} does not exist; name a folder, a .yml file, a .zip or a .tar.gz of Sigma rules"
        raise OperatorError(msg)
    name = _import_name(source)
    target = imported_folder(settings) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as temporary:
        fresh = Path(temporary) / name
        count = 0
        for relative, data in _members(source):
            file = fresh / relative
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            count += 1
        if not count:
            msg = f"{source} holds no .yml file; name a folder or an archive of Sigma rules"
            raise OperatorError(msg)
        _swap(fresh, target, Path(temporary) / "old")
    return Imported(name, target, count)


def _swap(fresh: Path, target: Path, aside: Path) -> None:
    with suppress(FileNotFoundError):
        target.rename(aside)
    fresh.rename(target)


def _import_name(source: Path) -> str:
    name = source.resolve().name
    for suffix in (*_SUFFIXES, *_RULE_SUFFIXES):
        name = name.removesuffix(suffix)
    return name.lstrip(".") or "rules"


def _members(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    if source.is_dir():
        for file in sorted(path for path in source.rglob("*") if path.suffix in _RULE_SUFFIXES and path.is_file()):
            yield PurePosixPath(file.relative_to(source).as_posix()), file.read_bytes()
    elif source.suffix in _RULE_SUFFIXES:
        yield PurePosixPath(source.name), source.read_bytes()
    else:
        yield from _archived(source)


def _archived(source: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for info in archive.infolist():
                    path = _safe(info.filename)
                    if path and not info.is_dir():
                        yield path, archive.read(info)
        else:
            with tarfile.open(source) as archive:
                for member in archive:
                    path, stream = _safe(member.name), archive.extractfile(member) if member.isfile() else None
                    if path and stream:
                        yield path, stream.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        msg = f"{source} cannot be read as an archive ({error}); fetch it again, or name a folder"
        raise OperatorError(msg) from error


def _safe(name: str) -> PurePosixPath | None:
    """Return the member's path if it is a rule file that stays inside the folder."""
    path = PurePosixPath(name)
    if path.suffix not in _RULE_SUFFIXES or path.is_absolute() or ".." in path.parts:
        return None
    return path


def remove_imported(name: str, settings: Settings) -> None:
    """Remove one import of rules by its name."""
    folder = imported_folder(settings) / name
    if not folder.is_dir() or folder.parent != imported_folder(settings):
        msg = f"no imported rules are named {name!r}; `miharu rules list` names them"
        raise OperatorError(msg)
    shutil.rmtree(folder)
