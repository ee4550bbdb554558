"""A compressed stream (gzip, bzip2, xz, zstd, bare deflate) → its content, block by block in bounded memory.

Several streams one after another in one file are read as one, as the tools do. Where a stream is cut off or damaged,
everything before that place is given, then the stream ends with a fault.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import zstandard

from miharu.sources.content import Content, Fault, Stream
from miharu.sources.limits import MIB, Limits

_INPUT_BYTES: Final[dict[str, int]] = {"gzip": 65536, "deflate": 65536, "bzip2": 4096, "xz": 4096, "zstd": 4096}
"""Compressed bytes handed to a decoder at once. Only zlib's state can be copied to repeat a failed step byte by byte,
so the others get little: a step that fails loses no more than what these bytes would have given. 4 KiB also bound
what one step of zstd can grow to (128 KiB for three bytes)."""

_OUTPUT_BYTES: Final = 256 * 1024
_AGAIN: Final = "fetch the file again and import it once more: only the missing rest is added"
_DAMAGE: Final = (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, ValueError, EOFError)
_MAGIC: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_BZIP2_BLOCKS: Final = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
_PADDED: Final = ("gzip", "xz")
_MAKERS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": lambda: zlib.decompressobj(-15),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


def compression_of(head: bytes) -> str | None:
    """Return which compression content that begins with `head` has."""
    for magic, name in _MAGIC:
        if head.startswith(magic) and (name != "bzip2" or head[4:10] in _BZIP2_BLOCKS):
            return name
    return None


@dataclass(frozen=True, slots=True)
class PackedContent:
    """Compressed content as what it decompresses to. `single` allows no second stream (a zip member)."""

    parent: Content
    kind: str
    label: str
    limits: Limits
    single: bool = False

    def open(self) -> Stream:
        """Open the compressed stream."""
        return _PackedStream(self.parent.open(), self)


class _PackedStream:
    def __init__(self, source: Stream, packed: PackedContent) -> None:
        self._source = source
        self._packed = packed
        self._decoder: Any = _MAKERS[packed.kind]()
        self._input = b""
        self._ready: list[bytes] = []
        self._full = False
        self._ended = False
        self.position = 0
        self.fault: Fault | None = None

    @property
    def raw_position(self) -> int:
        return self._source.raw_position

    def read(self, size: int) -> bytes:
        held = sum(map(len, self._ready))
        while held < size and not self._ended:
            block = self._step()
            if block:
                self._ready.append(block)
                held += len(block)
                self._watch(held)
        data = b"".join(self._ready)
        self._ready = [data[size:]] if len(data) > size else []
        self.position += min(size, len(data))
        return data[:size]

    def close(self) -> None:
        self._source.close()

    def _step(self) -> bytes:
        """Decode one step of input; an empty result is no end, `_ended` is."""
        if self._decoder.eof and not self._next_stream():
            return b""
        if not self._input and self._wants_input():
            self._input = self._source.read(_INPUT_BYTES[self._packed.kind])
            if not self._input and not self._full:
                self._finish_early()
                return b""
        block = self._decode()
        self._full = len(block) >= _OUTPUT_BYTES  # then zlib may hold more output without needing input
        return block

    def _wants_input(self) -> bool:
        return bool(getattr(self._decoder, "needs_input", True))

    def _decode(self) -> bytes:
        decoder, data = self._decoder, self._input
        before = decoder.copy() if hasattr(decoder, "copy") else None
        self._input = b""
        try:
            if isinstance(decoder, (bz2.BZ2Decompressor, lzma.LZMADecompressor)):
                return decoder.decompress(data, _OUTPUT_BYTES)
            if before is None:
                return bytes(decoder.decompress(data))
            out: bytes = decoder.decompress(data, _OUTPUT_BYTES)
            self._input = decoder.unconsumed_tail
        except _DAMAGE as error:
            saved = b"" if before is None else _salvage(before, data)
            self._stop("archive_damaged", f"is damaged ({error})")
            return saved
        return out

    def _next_stream(self) -> bool:
        """Say whether another stream follows the one that just ended."""
        if self._packed.single:
            self._ended = True
            return False
        rest: bytes = self._decoder.unused_data or self._input
        rest = rest.lstrip(b"\0") if self._packed.kind in _PADDED else rest
        while len(rest) < 10 and (more := self._source.read(_INPUT_BYTES[self._packed.kind])):  # noqa: PLR2004
            rest += more
            rest = rest.lstrip(b"\0") if self._packed.kind in _PADDED else rest
        if not rest:
            self._ended = True
            self.fault = self._source.fault
            return False
        if compression_of(rest) != self._packed.kind:
            self._stop("archive_damaged", "is followed by bytes that are not compressed")
            return False
        self._decoder, self._input = _MAKERS[self._packed.kind](), rest
        return True

    def _finish_early(self) -> None:
        if self._source.fault is not None:
            self._ended, self.fault = True, self._source.fault
        else:
            self._stop("archive_truncated", "ends early")

    def _watch(self, held: int) -> None:
        limits, given = self._packed.limits, self.position + held
        taken = max(self._source.raw_position, 1)
        if given > limits.stream or (given > limits.ratio_from and given > limits.ratio * taken):
            self._stop(
                "archive_damaged",
                f"grew to {given} bytes from {taken}, beyond the limit for decompression, and was read no further",
                "if that is no bomb, unpack it yourself and import the content",
            )

    def _stop(self, reason: str, what: str, remedy: str = _AGAIN) -> None:
        self._ended = True
        place = self._source.position
        self.fault = Fault(
            reason, f"{self._packed.label}: the {self._packed.kind} stream {what} at byte {place}; {remedy}"
        )


def _salvage(decoder: Any, data: bytes) -> bytes:
    """Repeat a failed step of zlib byte by byte and return what comes out before the failure."""
    out: list[bytes] = []
    for index in range(len(data)):
        try:
            out.append(decoder.decompress(data[index : index + 1], MIB))
        except zlib.error:
            break
    return b"".join(out)
