"""One segment, open for reading → the frame at an offset, the next valid one after it, or what is wrong there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

from miharu.core.frame import Frame
from miharu.spool.folder import read_seed, segment_path
from miharu.spool.layout import (
    FILE_HEADER,
    MAGIC,
    PREAMBLE,
    Extent,
    FileHeader,
    Keys,
    Name,
    decode_extent,
    decode_file_header,
    decode_frame,
    decode_name,
)

BLOCK: Final = 1 << 22
_GLANCE: Final = 1 << 14


class SegmentFile:
    """A segment's file. `limit` is always the offset that nothing is read beyond: what lies before it never changes.

    No memory is taken for what a frame says of its size before that much is known to be there.
    """

    def __init__(self, number: int, file: int, header: FileHeader | None, seed: int | None) -> None:
        self.number = number
        self.file = file
        self.header = header
        self.begun = header is None and self.size < FILE_HEADER  # its header may come yet
        self._keys = None if seed is None else Keys.of(seed, number)
        self._block = b""
        self._base = 0

    @classmethod
    def open(cls, folder: Path, number: int) -> Self:
        """Open a segment; one with a broken file header is read with the folder's own seed.

        Raises FileNotFoundError where it is gone, OperatorError where a later miharu wrote it.
        """
        file = os.open(segment_path(folder, number), os.O_RDONLY)
        try:
            header = decode_file_header(os.pread(file, FILE_HEADER, 0), number)
        except BaseException:
            os.close(file)
            raise
        return cls(number, file, header, header.seed if header else read_seed(folder))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.file)
        self._block = b""

    @property
    def size(self) -> int:
        """Bytes of the file now."""
        return os.fstat(self.file).st_size

    def frame_at(self, offset: int, limit: int) -> tuple[Frame, int] | None:
        """Return the frame at `offset` and its size on disk, or None where no whole and undamaged one begins."""
        if self._keys is None or limit - offset < PREAMBLE:
            return None
        at = self._cover(offset, PREAMBLE, limit)
        extent = decode_extent(self._block, at, self._keys)
        if extent is None or extent.size > limit - offset:
            return None
        at = self._cover(offset, extent.size, limit)
        frame = decode_frame(self._block, at, extent, self._keys)
        return None if frame is None else (frame, extent.size)

    def name_at(self, offset: int, limit: int) -> tuple[Name | None, int] | None:
        """Return who the frame at `offset` is from and its size, without reading what it carries (unverified)."""
        extent = self._extent_at(offset, limit, _GLANCE)
        if extent is None or extent.size > limit - offset:
            return None
        at = self._cover(offset, PREAMBLE + extent.header, limit, _GLANCE) + PREAMBLE
        return decode_name(self._block[at : at + extent.header]), extent.size

    def search(self, offset: int, limit: int) -> int | None:
        """Return where the first valid frame at or after `offset` begins. One pass over the bytes."""
        while self._keys is not None and limit - offset >= PREAMBLE:
            at = self._cover(offset, PREAMBLE, limit)
            found = self._block.find(self._keys.marker, at)
            if found < 0:
                offset = self._base + len(self._block) - len(self._keys.marker) + 1
                continue
            offset = self._base + found
            if self.frame_at(offset, limit) is not None:
                return offset
            offset += 1
        return None

    def torn(self, offset: int, limit: int) -> bool:
        """Whether what lies from `offset` on is what a write leaves that never ended: a beginning, or only zeros."""
        rest = limit - offset
        begin = os.pread(self.file, min(rest, FILE_HEADER), offset)
        if offset == 0:
            return rest < FILE_HEADER and MAGIC.startswith(begin[: len(MAGIC)])
        if self._keys is not None and rest < PREAMBLE and self._keys.marker.startswith(begin[: len(self._keys.marker)]):
            return True
        extent = self._extent_at(offset, limit)
        return (extent is not None and extent.size > rest) or self._zeros(offset, limit)

    def fault(self, offset: int, limit: int) -> str:
        """Say in a few words why no frame can be read at `offset`."""
        if self._keys is None:
            return "neither the segment nor the folder says what its frames are recognised by"
        if offset < FILE_HEADER:
            return "the segment's file header is damaged"
        extent = self._extent_at(offset, limit)
        if extent is None:
            return "no frame begins here"
        if extent.size > limit - offset:
            return "a frame is cut short"
        return "a frame is not what was written"

    def _extent_at(self, offset: int, limit: int, block: int = BLOCK) -> Extent | None:
        if self._keys is None or limit - offset < PREAMBLE:
            return None
        at = self._cover(offset, PREAMBLE, limit, block)
        return decode_extent(self._block, at, self._keys)

    def _zeros(self, offset: int, limit: int) -> bool:
        for begin in range(offset, limit, BLOCK):
            piece = os.pread(self.file, min(BLOCK, limit - begin), begin)
            if piece.count(0) != len(piece):
                return False
        return True

    def _cover(self, offset: int, need: int, limit: int, block: int = BLOCK) -> int:
        """Have `need` bytes from `offset` in the block (they lie before the limit) and return where in it."""
        at = offset - self._base
        if at < 0 or at + need > len(self._block):
            self._block = _read(self.file, offset, max(need, min(block, limit - offset)))
            self._base, at = offset, 0
        return at


def _read(file: int, offset: int, size: int) -> bytes:
    data = os.pread(file, size, offset)
    while len(data) < size:
        more = os.pread(file, size - len(data), offset + len(data))
        if not more:  # cut off meanwhile: what is missing holds no frame
            return data + bytes(size - len(data))
        data += more
    return data
