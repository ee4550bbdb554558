"""Where bytes come from: a file, a temporary file or a part of either → streams that never raise while reading.

A stream that cannot go on ends, and its `fault` says why: what could be read is still worth having.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
import weakref
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from miharu.sources.limits import MIB

_IN_MEMORY: Final = 8 * MIB
_SKIP_BYTES: Final = MIB


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a stream ended before its content did: a reject reason and a sentence with place and remedy."""

    reason: str
    detail: str


class Stream(Protocol):
    """Bytes in order. `position` counts bytes given, `raw_position` bytes taken from the outermost file."""

    position: int
    fault: Fault | None

    @property
    def raw_position(self) -> int:
        """Return how many bytes of the outermost file this took."""

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end or at a fault."""

    def close(self) -> None:
        """Give back what is open."""


class SeekableStream(Stream, Protocol):
    """A stream that can start over anywhere."""

    def seek(self, position: int) -> None:
        """Go on at `position`."""


class Content(Protocol):
    """Something that can be read from its beginning as often as needed."""

    def open(self) -> Stream:
        """Return a stream from the beginning."""


class SeekableContent(Protocol):
    """Content of known size whose streams can be positioned."""

    @property
    def size(self) -> int:
        """Return how many bytes there are."""

    def open(self) -> SeekableStream:
        """Return a stream from the beginning."""


def advance(stream: Stream, size: int) -> int:
    """Skip `size` bytes of a stream; return how many there were."""
    begun = stream.position
    seek = getattr(stream, "seek", None)
    if seek is not None:
        seek(begun + size)
        return size
    left = size
    while left and (block := stream.read(min(left, _SKIP_BYTES))):
        left -= len(block)
    return stream.position - begun


class StreamOver:
    """A stream over an open binary file."""

    def __init__(self, handle: IO[bytes] | io.RawIOBase, label: str = "") -> None:
        self._handle = handle
        self._label = label
        self.position = 0
        self.fault: Fault | None = None

    @property
    def raw_position(self) -> int:
        """Return the same: nothing is compressed."""
        return self.position

    def read(self, size: int) -> bytes:
        """Read; what goes wrong becomes the fault."""
        try:
            data = self._handle.read(size) or b""
        except OSError as error:
            self.fault = Fault(
                "unreadable",
                f"{self._label}: reading stopped at byte {self.position} ({error.strerror or error}); "
                "check the disk or the share and import the file again",
            )
            return b""
        self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        """Move to `position`."""
        self._handle.seek(position)
        self.position = position

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


class FileContent:
    """A file of the file system; it may grow between two streams."""

    def __init__(self, path: Path, label: str) -> None:
        self.path = path
        self.label = label

    @property
    def size(self) -> int:
        """Size at this moment."""
        return self.path.stat().st_size

    def open(self) -> SeekableStream:
        """Open the file; an OSError here is the caller's to report."""
        return StreamOver(self.path.open("rb", buffering=0), self.label)


class SpooledContent:
    """Bytes kept in memory while they are few, then in a temporary file that vanishes with this object."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, mode="w+b")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.size = 0
        self.raw_size = 0

    def write(self, block: bytes) -> None:
        """Append a block."""
        with self._lock:
            self._file.seek(self.size)
            self.size += self._file.write(block)

    def open(self) -> SeekableStream:
        """Return a stream with a position of its own."""
        return _SpoolStream(self)

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from `position`."""
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)


class SliceContent:
    """`length` bytes of other content from `begin`; `fault` is what its end means when it comes too early."""

    def __init__(self, parent: SeekableContent, begin: int, length: int, fault: Fault) -> None:
        self.parent, self.begin, self.size, self.fault = parent, begin, length, fault

    def open(self) -> SeekableStream:
        """Open the parent and place its stream."""
        return _SliceStream(self)


@dataclass(frozen=True, slots=True)
class CheckedContent:
    """Content whose CRC-32 is known; where it comes out otherwise, the end is `fault` (all bytes are given)."""

    parent: Content
    crc: int
    fault: Fault

    def open(self) -> Stream:
        """Open the content."""
        return _CheckedStream(self)


class NoContent:
    """Content that could not be reached at all: a stream of nothing with a fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault

    def open(self) -> Stream:
        """Return an empty stream."""
        return _NoStream(self.fault)


class StreamFile(io.RawIOBase):
    """A seekable stream dressed as a file object, for libraries that want one."""

    def __init__(self, content: SeekableContent) -> None:
        self._stream = content.open()
        self._size = content.size

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._stream.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move and return the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._stream.position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("negative seek position")
        self._stream.seek(base + offset)
        return self._stream.position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as one read goes."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream beneath."""
        if not self.closed:
            self._stream.close()
        super().close()


class _SpoolStream:
    fault: Fault | None = None

    def __init__(self, spool: SpooledContent) -> None:
        self._spool = spool
        self.position = 0

    @property
    def raw_position(self) -> int:
        return self.position * self._spool.raw_size // max(self._spool.size, 1)

    def read(self, size: int) -> bytes:
        data = self._spool.read_at(self.position, size)
        self.position += len(data)
        return data

    def seek(self, position: int) -> None:
        self.position = position

    def close(self) -> None:
        """Leave the spool open: others read it too."""


class _SliceStream:
    def __init__(self, part: SliceContent) -> None:
        self._part = part
        self._stream = part.parent.open()
        self._stream.seek(part.begin)
        self.position = 0
        self.fault: Fault | None = None

    @property
    def raw_position(self) -> int:
        return self._stream.raw_position

    def read(self, size: int) -> bytes:
        size = min(size, self._part.size - self.position)
        data = self._stream.read(size) if size > 0 else b""
        self.position += len(data)
        if size > 0 and not data:
            self.fault = self._stream.fault or self._part.fault
        return data

    def seek(self, position: int) -> None:
        self._stream.seek(self._part.begin + position)
        self.position = position

    def close(self) -> None:
        self._stream.close()


class _CheckedStream:
    def __init__(self, checked: CheckedContent) -> None:
        self._checked = checked
        self._stream = checked.parent.open()
        self._crc = 0
        self.position = 0
        self.fault: Fault | None = None

    @property
    def raw_position(self) -> int:
        return self._stream.raw_position

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._crc = zlib.crc32(data, self._crc)
        self.position += len(data)
        if size > 0 and not data:
            wrong = self._checked.fault if self._crc != self._checked.crc else None
            self.fault = self._stream.fault or wrong
        return data

    def close(self) -> None:
        self._stream.close()


class _NoStream:
    raw_position = 0

    def __init__(self, fault: Fault) -> None:
        self.position = 0
        self.fault: Fault | None = fault

    def read(self, size: int) -> bytes:
        del size
        return b""

    def close(self) -> None:
        """Nothing is open."""
