"""Frames → segments in the spool's folder, durable before anybody hears that they were taken."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeAlias

from miharu.core.errors import OperatorError
from miharu.core.frame import Frame
from miharu.spool.durable import DurableMark
from miharu.spool.folder import PRIVATE, make_seed, numbers, segment_path, sizes, sync_folder, write_all
from miharu.spool.layout import FILE_HEADER, FileHeader, Keys, encode, encode_file_header
from miharu.spool.position import Position, SpoolFullError

_LOOK_SECONDS: Final = 1.0
_NEXT_BYTES: Final = 65_536
"""Left free in any case, to begin the next segment: until it has begun this one cannot be forgotten."""
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_Data: TypeAlias = bytes  # in the class, `bytes` is its property


@dataclass(slots=True)
class _Segment:
    """The segment in writing. All before `end` is acknowledged."""

    number: int
    file: int
    keys: Keys
    end: int


class SpoolWriter:
    """The one writer of a spool. For one thread at a time; `bytes` and `segments` may be asked from others.

    A put is one write and one fdatasync, and lies in one segment: it counts as a whole or not at all.
    """

    def __init__(self, folder: Path, lock: int, limits: tuple[int, int, int]) -> None:
        self._folder = folder
        self._lock = lock
        self._limit, self._segment_bytes, self._free_bytes = limits
        self._mark: DurableMark | None = None
        self._segment: _Segment | None = None
        self._last = (0, 0)  # number and end of the segment before
        self._older = 0
        self._room = 0
        self._look = 0.0

    @classmethod
    def open(cls, folder: Path, *, limit_bytes: int, segment_bytes: int, free_bytes: int) -> Self:
        """Open the spool in `folder` and begin a new segment in it.

        `limit_bytes` is the most that all segments together hold, `segment_bytes` the size at which the next one
        begins, `free_bytes` what is left free on the disk. A full disk is no reason to fail: puts do until there is
        room. Raises OperatorError where another process writes the spool, or the folder cannot be written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT, PRIVATE)
        except OSError as error:
            raise _unusable(folder, error) from error
        writer = cls(folder, lock, (limit_bytes, segment_bytes, free_bytes))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            writer._begin()
        except BlockingIOError as error:
            writer.close()
            raise OperatorError(
                f"another process writes the spool in {folder}: stop it first, or give this one another data folder"
            ) from error
        except OSError as error:
            if error.errno not in _NO_ROOM:
                writer.close()
                raise _unusable(folder, error) from error
        return writer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bytes(self) -> int:
        """Bytes that lie in the spool now, read or not, until they are forgotten."""
        return sum(sizes(self._folder).values())

    @property
    def segments(self) -> int:
        """Number of segments that lie in the spool now."""
        return len(numbers(self._folder))

    def put(self, frames: Sequence[Frame]) -> None:
        """Write frames; all are durable when this returns.

        Raises SpoolFullError where there is no room or the disk fails: then none of them counts, readers see none of
        them, and the same put may be tried again.
        """
        if not frames:
            return
        try:
            segment = self._segment or self._begin()
            data = encode(frames, segment.keys)
            self._admit(segment, len(data))
            if segment.end > FILE_HEADER and segment.end + len(data) > self._segment_bytes:
                segment = self._begin()
                data = encode(frames, segment.keys)
            self._write(segment, data)
        except OSError as error:
            raise self._refusal(error) from error

    def probe(self, need: int) -> None:
        """Do all of a put of `need` bytes but the writing. Raises SpoolFullError where the put would."""
        try:
            self._admit(self._segment or self._begin(), need)
        except OSError as error:
            raise self._refusal(error) from error

    def close(self) -> None:
        """Close the files and let another process write."""
        if self._segment is not None:
            os.close(self._segment.file)
            self._segment = None
        if self._mark is not None:
            self._mark.close()
            self._mark = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write(self, segment: _Segment, data: _Data) -> None:
        """Append, make durable, tell readers. After a fault the segment ends where it did."""
        written = False
        try:
            write_all(segment.file, data, segment.end)
            written = True
            os.fdatasync(segment.file)
            self._tell(Position(segment.number, segment.end + len(data)))
        except BaseException:
            self._cut_back(segment, again=not written)
            raise
        segment.end += len(data)

    def _cut_back(self, segment: _Segment, *, again: bool) -> None:
        """Take back what was written beyond the end.

        Where that fails, or the disk failed to make it durable (what such a file holds is anybody's guess), the
        segment is left and the next one says where it ended.
        """
        try:
            os.ftruncate(segment.file, segment.end)
        except OSError:
            again = False
        if not again:
            self._segment = None
            self._last = (segment.number, segment.end)
            with suppress(OSError):
                os.close(segment.file)

    def _begin(self) -> _Segment:
        """Make a new segment, durable and known to readers, and leave the one before. Raises OSError."""
        found = sizes(self._folder)
        if self._segment is not None:
            self._last = (self._segment.number, self._segment.end)
        # An empty folder goes on above every number it ever had: the time is later than all of them.
        number = max(max(found) + 1 if found else int(time.time()), self._last[0] + 1)
        seed = make_seed(self._folder)
        previous_end = self._last[1] if number == self._last[0] + 1 else 0
        file = os.open(segment_path(self._folder, number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        try:
            write_all(file, encode_file_header(FileHeader(number, seed, previous_end)), 0)
            os.fsync(file)
            sync_folder(self._folder)
            self._tell(Position(number, FILE_HEADER))
        except BaseException:
            os.close(file)
            with suppress(OSError):
                segment_path(self._folder, number).unlink()
            raise
        if self._segment is not None:
            os.close(self._segment.file)
        self._older = sum(found.values())
        self._segment = _Segment(number, file, Keys.of(seed, number), FILE_HEADER)
        return self._segment

    def _tell(self, position: Position) -> None:
        if self._mark is None:
            self._mark = DurableMark.open(self._folder)
        self._mark.move(position)

    def _admit(self, segment: _Segment, need: int) -> None:
        """Raise SpoolFullError where `need` more bytes are too many for the spool or for its disk."""
        if self._older + segment.end + need > self._limit:
            found = sizes(self._folder)
            self._older = sum(size for number, size in found.items() if number != segment.number)
            total = self._older + segment.end
            holds_frames = total > FILE_HEADER * len(found)  # an empty spool takes any put, or it would never be taken
            if total + need > self._limit and holds_frames:
                self._let_go(segment)
                raise SpoolFullError(
                    f"the spool in {self._folder} holds {total} of the {self._limit} bytes it may hold: it takes more "
                    "when the workers have read on; give it more with spool_bytes"
                )
        now = time.monotonic()
        if need > self._room or now >= self._look:
            disk = os.statvfs(self._folder)
            self._room = disk.f_bavail * disk.f_frsize - max(self._free_bytes, _NEXT_BYTES)
            self._look = now + _LOOK_SECONDS
        if need > self._room:
            self._let_go(segment)
            raise SpoolFullError(
                f"the disk of the spool in {self._folder} is full but for the {self._free_bytes} bytes "
                "that are left free (spool_free_bytes): free some room on it"
            )
        self._room -= need

    def _let_go(self, segment: _Segment) -> None:
        """Begin the next segment, so that this one can be forgotten once it is read: there is no room until then."""
        if segment.end > FILE_HEADER:
            with suppress(OSError):
                self._begin()

    def _refusal(self, error: OSError) -> SpoolFullError:
        if error.errno in _NO_ROOM:
            return SpoolFullError(f"the disk of the spool in {self._folder} is full: free some room on it")
        reason = error.strerror or error
        return SpoolFullError(f"the spool in {self._folder} cannot be written ({reason}): see to its disk")


def _unusable(folder: Path, error: OSError) -> OperatorError:
    reason = error.strerror or error
    return OperatorError(f"the spool in {folder} cannot be written ({reason}): give its folder to this user")
