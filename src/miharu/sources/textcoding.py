"""Bytes of content → UTF-8 text in a window that moves along it, with positions that lead back to the content."""

from __future__ import annotations

import codecs
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from miharu.sources.content import Stream

Encoding: TypeAlias = Literal["utf-8", "utf-16-le", "utf-16-be"]
Positions: TypeAlias = npt.NDArray[np.int64]

_MARKS: Final[tuple[tuple[bytes, Encoding], ...]] = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAMPLE: Final = 4096
_MANY_ZEROS, _FEW_ZEROS = 0.4, 0.05


def encoding_of(head: bytes) -> tuple[Encoding, int]:
    """Return the encoding of content that begins with `head`, and the length of its byte order mark."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    sample = np.frombuffer(head[: min(_SAMPLE, len(head) & ~1)], dtype=np.uint8)
    if len(sample) >= 4:  # noqa: PLR2004 - two characters: fewer prove nothing
        even, odd = float(np.mean(sample[::2] == 0)), float(np.mean(sample[1::2] == 0))
        if odd > _MANY_ZEROS and even < _FEW_ZEROS:
            return "utf-16-le", 0
        if even > _MANY_ZEROS and odd < _FEW_ZEROS:
            return "utf-16-be", 0
    return "utf-8", 0


def to_utf8(data: bytes, encoding: Encoding) -> bytes:
    """Return text as UTF-8: UTF-8, well-formed or not, stays as it is, and so does half a code unit at the end."""
    if encoding == "utf-8":
        return data
    whole = len(data) & ~1
    return data[:whole].decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass") + data[whole:]


class TextWindow:
    """A window on text: `fill` appends a block, `drop` leaves bytes behind.

    `data` are the bytes in the window, as UTF-8; `base` is the position in the content where they begin. UTF-16 is
    decoded with lone surrogates let through (as three bytes each), so nothing is lost or replaced.
    """

    def __init__(self, stream: Stream, encoding: Encoding, base: int, block: int, end: int | None = None) -> None:
        self._stream = stream
        self._left = None if end is None else max(end - base, 0)
        self._block = max(block & ~1, 2)
        self._encoding: Encoding = encoding
        self._decoder = None
        if encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self.data = b""
        self.base = base
        self.final = False
        self.limited = False
        self._beyond = b""

    def fill(self) -> bytes:
        """Append one block and return it; sets `final` when there is no more, `limited` if there is beyond `end`."""
        size = self._block if self._left is None else min(self._block, self._left)
        block = self._stream.read(size) if size else b""
        if not size:
            self._beyond = self._stream.read(1)
            self.limited = bool(self._beyond)
        if self._left is not None:
            self._left -= len(block)
        self.final = not block
        if self._decoder is not None:
            block = self._decode(self._decoder, block)
        if block:
            self.data = self.data + block if self.data else block
        return block

    def beyond(self, size: int) -> bytes:
        """Return about `size` bytes of the text that follows behind `end`; for a window that is `limited`."""
        while len(self._beyond) < size and (block := self._stream.read(self._block)):
            self._beyond += block
        return to_utf8(self._beyond, self._encoding)

    def drop(self, size: int) -> None:
        """Leave the first `size` bytes behind."""
        if size:
            self.base = self.place_of(size)
            self.data = self.data[size:]

    def place_of(self, position: int) -> int:
        """Return the position in the content of one position in the window."""
        if self._decoder is None:
            return self.base + position
        return self.base + 2 * _units(self.data[:position])

    def places(self, positions: Positions) -> Positions:
        """Return the positions in the content of positions in the window."""
        if self._decoder is None or not len(positions):
            return positions + self.base
        data = np.frombuffer(self.data, dtype=np.uint8)
        units = np.zeros(len(data) + 1, dtype=np.int64)
        np.cumsum(((data & 0xC0) != 0x80).astype(np.int8) + (data >= 0xF0), out=units[1:])  # noqa: PLR2004
        placed: Positions = self.base + 2 * units[positions]
        return placed

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes) -> bytes:
        if block:
            return decoder.decode(block).encode("utf-8", "surrogatepass")
        left = decoder.getstate()[0]
        decoder.reset()
        # Half a surrogate pair is let through as it is, half a code unit stays the one byte it is.
        return to_utf8(left, self._encoding)


def _units(data: bytes) -> int:
    array = np.frombuffer(data, dtype=np.uint8)
    return int(np.count_nonzero((array & 0xC0) != 0x80)) + int(np.count_nonzero(array >= 0xF0))  # noqa: PLR2004
