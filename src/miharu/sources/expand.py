"""Paths (files, folders, archives) → the files to read in them, in a fixed order."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from miharu.catalog import Join
from miharu.core.errors import OperatorError
from miharu.sources.archives import Member, is_tar, tar_members
from miharu.sources.content import Content, Fault, FileContent, NoContent, SeekableContent, SliceContent, SpooledContent
from miharu.sources.limits import DEFAULT_LIMITS, MIB, Limits
from miharu.sources.source_file import SourceFile, read_head, unreadable
from miharu.sources.unpack import PackedContent, compression_of
from miharu.sources.zips import ZIP_MAGIC, zip_members

_MAGIC_BYTES: Final = 512
_GZIP_MTIME: Final = struct.Struct("<4xI")


def expand(paths: Sequence[Path], limits: Limits = DEFAULT_LIMITS, joins: Sequence[Join] = ()) -> Iterator[SourceFile]:
    """Yield the files that `paths` name or hold; `joins` say which lines of them belong together.

    Folders are walked in order of names, archives are recognised by content and opened down to `limits.depth`; a
    member's path is `archive.zip!inner/name`. Empty files are left out. What cannot be opened comes as a file with a
    `problem`.

    Raises:
        OperatorError: One of the paths does not exist (checked for all before anything is read).
    """
    for path in paths:
        if not os.path.lexists(path):
            raise OperatorError(f"{shown(path)} does not exist; give the path of a log file, a folder or an archive.")
    return (file.joined_by(joins) for file in _expand(paths, limits))


def shown(path: Path) -> str:
    """Return a path as text that is valid UTF-8, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _expand(paths: Sequence[Path], limits: Limits) -> Iterator[SourceFile]:
    for path in paths:
        budget = _Budget(limits.spool, limits.members)
        for file, given in _walk(path, set()):
            yield from _open_file(file, limits, budget, given=given)


@dataclass(slots=True)
class _Budget:
    """What one path may still unpack to temporary files, and how many members it may still hold."""

    spool: int
    members: int


@dataclass(frozen=True, slots=True)
class _Found:
    """Content on its way to become a file or to be opened as an archive."""

    label: str
    modified: datetime
    content: Content
    depth: int = 0


def _walk(path: Path, seen: set[tuple[int, int]]) -> Iterator[tuple[Path, bool]]:
    """Yield the files under a path (and whether it was given itself); a folder reached again by a link is passed."""
    if not path.is_dir():
        yield path, True
        return
    stack = [path]
    while stack:
        current = stack.pop()
        if not current.is_dir():
            yield current, False
            continue
        try:
            status = current.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            stack += sorted(current.iterdir(), key=os.fsencode, reverse=True)
        except OSError:
            yield current, False


def _open_file(path: Path, limits: Limits, budget: _Budget, *, given: bool) -> Iterator[SourceFile]:
    label = shown(path)
    try:
        status = path.stat()
        if path.is_dir():
            list(path.iterdir())
        content: Content = FileContent(path, label)
        if stat.S_ISFIFO(status.st_mode) and given:
            content = _spooled(content, label, budget)[0]
        elif not stat.S_ISREG(status.st_mode):
            yield _no_file(label, f"{label} is not a regular file and was not read", datetime.fromtimestamp(0, UTC))
            return
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        yield from _open(_Found(label, modified, content), limits, budget)
    except OSError as error:
        yield SourceFile(label, datetime.fromtimestamp(0, UTC), NoContent(unreadable(label, error)), limits)


def _no_file(label: str, detail: str, modified: datetime) -> SourceFile:
    return SourceFile(label, modified, NoContent(Fault("unreadable", detail)))


def _open(found: _Found, limits: Limits, budget: _Budget) -> Iterator[SourceFile]:
    """Yield the files in what was found: itself, or what is in it if it is an archive."""
    with closing(found.content.open()) as stream:
        head = read_head(stream, _MAGIC_BYTES)
        fault = stream.fault
    if not head and fault is None:
        return
    compression = compression_of(head)
    packed = compression is not None or head.startswith(ZIP_MAGIC) or is_tar(head)
    if not packed or found.depth >= limits.depth:
        yield SourceFile(found.label, found.modified, found.content, limits)
    elif compression is not None:
        modified = found.modified
        if compression == "gzip" and (seconds := _GZIP_MTIME.unpack_from(head.ljust(8, b"\0"))[0]):
            modified = datetime.fromtimestamp(seconds, UTC)
        inner = PackedContent(found.content, compression, found.label, limits)
        yield from _open(_Found(found.label, modified, inner, found.depth + 1), limits, budget)
    else:
        yield from _open_members(found, head, limits, budget)


def _open_members(found: _Found, head: bytes, limits: Limits, budget: _Budget) -> Iterator[SourceFile]:
    content, fault = _seekable(found.content, found.label, budget)
    if head.startswith(ZIP_MAGIC):
        members = zip_members(content, found.label, limits)
    else:
        members = tar_members(content, found.label, fault)
    for member in members:
        if budget.members <= 0:
            detail = f"{found.label} holds more than {limits.members} files; unpack it and import parts of it"
            yield _no_file(found.label, detail, found.modified)
            return
        budget.members -= 1
        yield from _open_member(found, member, limits, budget)


def _open_member(found: _Found, member: Member, limits: Limits, budget: _Budget) -> Iterator[SourceFile]:
    name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    label = f"{found.label}!{name}" if name else found.label
    modified = member.modified or found.modified
    if member.content is None:
        fault = member.fault or Fault("unreadable", f"{label} could not be read")
        yield SourceFile(label, modified, NoContent(fault), limits)
    else:
        yield from _open(_Found(label, modified, member.content, found.depth + 1), limits, budget)


def _seekable(content: Content, label: str, budget: _Budget) -> tuple[SeekableContent, Fault | None]:
    """Return content that can be positioned: itself, or a temporary copy of what a stream gives."""
    if isinstance(content, (FileContent, SpooledContent, SliceContent)):
        return content, None
    return _spooled(content, label, budget)


def _spooled(content: Content, label: str, budget: _Budget) -> tuple[SpooledContent, Fault | None]:
    spool = SpooledContent()
    with closing(content.open()) as stream:
        while block := stream.read(MIB):
            spool.write(block)
            budget.spool -= len(block)
            if budget.spool < 0:
                detail = f"{label} unpacks to more than the limit for temporary files; unpack it and import the folder"
                return spool, Fault("archive_damaged", detail)
        spool.raw_size = stream.raw_position
        return spool, stream.fault
