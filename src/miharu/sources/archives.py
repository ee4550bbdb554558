"""Archives → their members: tar here, zip in `miharu.sources.zips`; both speak in `Member`.

Whatever is wrong with an archive is told by a `Member` with a fault instead of content; nothing ends the others.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from miharu.sources.content import Content, Fault, SeekableContent, SliceContent, StreamFile

AGAIN: Final = "fetch the archive again and import it once more: only what is missing is added"

_TAR_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class Member:
    """A file within an archive, or (`fault`) what could not be got out of it. `modified` is None if not stored."""

    name: str
    modified: datetime | None
    content: Content | None
    fault: Fault | None = None


def is_tar(head: bytes) -> bool:
    """Say whether content that begins with `head` (512 bytes at least) is a tar archive."""
    if len(head) < _TAR_BLOCK or not head[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_BLOCK], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def tar_members(content: SeekableContent, label: str, fault: Fault | None) -> Iterator[Member]:
    """Yield the regular files of a tar archive; `fault` is why its content ends early, if it does."""
    told = False
    truncated = fault or Fault("archive_truncated", f"{label}: the archive ends early at byte {content.size}; {AGAIN}")
    with StreamFile(content) as handle:
        try:
            with tarfile.open(fileobj=io.BufferedReader(handle), mode="r:", errorlevel=1) as archive:
                for info in archive:
                    if info.isreg():
                        part = SliceContent(content, info.offset_data, info.size, truncated)
                        told = told or info.offset_data + info.size > content.size
                        yield Member(info.name, instant(info.mtime), part)
                end = archive.offset
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            told = True
            detail = f"{label}: the archive is damaged at byte {handle.tell()} ({error}); {AGAIN}"
            yield Member("", None, None, fault or Fault("archive_damaged", detail))
    if told:
        return
    if fault is not None:
        yield Member("", None, None, fault)
    elif read_at(content, end, _TAR_BLOCK).strip(b"\0"):
        detail = f"{label}: what follows byte {end} is not a member; the members before it are read; {AGAIN}"
        yield Member("", None, None, Fault("archive_damaged", detail))


def instant(seconds: float) -> datetime | None:
    """Return the UTC time of seconds since 1970, None for one no clock shows."""
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_at(content: SeekableContent, position: int, size: int) -> bytes:
    """Return up to `size` bytes of content from `position`."""
    with closing(content.open()) as stream:
        stream.seek(position)
        return stream.read(size)
