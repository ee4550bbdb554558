"""Paths of rule files, folders and archives → the bytes of every rule file in them."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RULE_SUFFIXES: Final = (".yml", ".yaml")
_TESTS_SUFFIXES: Final = (".tests.yml", ".tests.yaml")
_REGRESSION: Final = b"regression_tests_info"
"""A key of files that say how a rule is tested, in the layout of SigmaHQ."""
_LIMIT: Final = 16_777_216
"""Bytes of one rule file; a larger one is no rule."""


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file of rules. `fault` says why it could not be read (then `data` is empty)."""

    path: str
    data: bytes
    fault: str = ""


def rule_files(paths: Sequence[Path]) -> Iterator[RuleFile]:
    """Yield every rule file, in the order of `paths`, sorted within a folder or archive.

    A member of an archive is named `archive.zip!inner/name.yml`. What cannot be read is yielded with its fault. Files
    of tests (`name.tests.yml`, and `info.yml` of regression tests) are no rules.
    """
    for path in paths:
        try:
            yield from (file for file in _files(path) if not is_tests(file))
        except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
            yield RuleFile(str(path), b"", str(error) or type(error).__name__)


def made_from(paths: Sequence[Path]) -> Iterator[str | bytes]:
    """Yield all that the rule files under `paths` are made from, without opening archives."""
    for path in paths:
        if path.is_dir() or path.suffix in _RULE_SUFFIXES:
            for file in rule_files([path]):
                yield from (file.path, file.data, file.fault)
        else:
            yield str(path)
            try:
                yield path.read_bytes()
            except OSError as error:
                yield str(error)


def is_tests(file: RuleFile) -> bool:
    """Say whether a file holds tests of a rule and no rule."""
    return file.path.endswith(_TESTS_SUFFIXES) or (file.path.endswith("info.yml") and _REGRESSION in file.data)


def _files(path: Path) -> Iterator[RuleFile]:
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.suffix in _RULE_SUFFIXES and file.is_file()):
            yield _read(file)
    elif path.suffix in _RULE_SUFFIXES:
        yield _read(path)
    elif zipfile.is_zipfile(path):
        yield from _zipped(path)
    else:
        yield from _tarred(path)


def _read(file: Path) -> RuleFile:
    try:
        if file.stat().st_size > _LIMIT:
            return RuleFile(str(file), b"", f"it is larger than {_LIMIT:,} bytes")
        return RuleFile(str(file), file.read_bytes())
    except OSError as error:
        return RuleFile(str(file), b"", str(error))


def _zipped(path: Path) -> Iterator[RuleFile]:
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if info.filename.endswith(_RULE_SUFFIXES) and not info.is_dir():
                name = f"{path}!{info.filename}"
                if info.file_size > _LIMIT:
                    yield RuleFile(name, b"", f"it is larger than {_LIMIT:,} bytes")
                else:
                    yield RuleFile(name, archive.read(info))


def _tarred(path: Path) -> Iterator[RuleFile]:
    found: list[RuleFile] = []
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.isfile() or not member.name.endswith(_RULE_SUFFIXES):
                continue
            name = f"{path}!{member.name}"
            stream = archive.extractfile(member) if member.size <= _LIMIT else None
            if stream is None:
                found.append(RuleFile(name, b"", f"it is larger than {_LIMIT:,} bytes"))
            else:
                found.append(RuleFile(name, stream.read()))
    yield from sorted(found, key=lambda file: file.path)
