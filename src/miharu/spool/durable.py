"""How far the spool is durable: the writer says it after each put, readers never look beyond.

So a reader never sees a frame that is taken back because the disk was full, and bytes that hold no frame are known to
be damage at once, not "not yet there". The file need not be durable itself: after the machine went down it is void (it
names the boot it was written in), and readers go by the files until the writer is back.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final, Self

import xxhash

from miharu.spool.folder import PRIVATE, write_all
from miharu.spool.position import Position

FILE_NAME: Final = "durable"
_MARK: Final = struct.Struct("<16sQQ")
_CHECK: Final = struct.Struct("<Q")
_SIZE: Final = _MARK.size + _CHECK.size
_TRIES: Final = 3
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def boot() -> bytes | None:
    """Return 16 bytes that are others after a restart of the machine, or None where the system has no such thing."""
    try:
        return bytes.fromhex(_BOOT.read_text(encoding="ascii").strip().replace("-", "")).ljust(16, b"\0")[:16]
    except (OSError, ValueError):
        return None


class DurableMark:
    """The writer's side."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._boot = boot() or bytes(16)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the mark and give it its bytes on disk, so that moving it later needs none."""
        file = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            if os.fstat(file).st_size != _SIZE:
                write_all(file, bytes(_SIZE), 0)
                os.ftruncate(file, _SIZE)
                os.fsync(file)
        except BaseException:
            os.close(file)
            raise
        return cls(file)

    def move(self, position: Position) -> None:
        """Say that everything before `position` is durable."""
        mark = _MARK.pack(self._boot, position.segment, position.offset)
        write_all(self._file, mark + _CHECK.pack(xxhash.xxh3_64_intdigest(mark)), 0)

    def close(self) -> None:
        """Let go of the file; what it says stays true."""
        os.close(self._file)


class DurableView:
    """A reader's side. An idle look costs two system calls."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / FILE_NAME
        self._boot = boot()
        self._file: int | None = None

    def read(self) -> Position | None:
        """Return how far the spool is durable, or None where nobody of this boot has said so."""
        if self._boot is None:
            return None
        for _ in range(_TRIES):  # the writer may be in the midst of it
            data = self._bytes()
            if len(data) == _SIZE and _CHECK.unpack_from(data, _MARK.size)[0] == xxhash.xxh3_64_intdigest(
                data[: _MARK.size]
            ):
                boot_said, segment, offset = _MARK.unpack_from(data)
                return Position(segment, offset) if boot_said == self._boot else None
        return None

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _bytes(self) -> bytes:
        if self._file is not None and os.fstat(self._file).st_nlink == 0:
            self.close()  # somebody made the folder anew
        if self._file is None:
            try:
                self._file = os.open(self._place, os.O_RDONLY)
            except FileNotFoundError:
                return b""
        return os.pread(self._file, _SIZE + 1, 0)
