"""Frames ↔ the bytes of a segment.

A segment is a file header, then frames with nothing between. Numbers are little-endian.

    file header   magic 8, version u32, number u64, seed u64, end of the segment before u64 (0: not known), check u64
    frame         marker 8, sizes of the next three u32 u32 u32, check of these three u64, check of all before u32,
                  header (msgpack), lengths, data

Checks are XXH3 (64 bit; the last one its low half). Those of frames start from a random seed which no sender can know,
and so does the marker: a record that happens, or is made, to look like a frame never becomes one.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import xxhash

from miharu.core.chunk import Format
from miharu.core.errors import OperatorError
from miharu.core.frame import Frame

MAGIC: Final = b"MIHARU\x1a\n"
VERSION: Final = 1
_FILE: Final = struct.Struct("<8sIQQQ")
_NUMBER: Final = struct.Struct("<Q")
_START: Final = struct.Struct("<8sIIIQ")
_START_CHECK: Final = struct.Struct("<I")
FILE_HEADER: Final = _FILE.size + _NUMBER.size
PREAMBLE: Final = _START.size + _START_CHECK.size
_LOW: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Keys:
    """What frames of one segment are recognised by."""

    seed: int
    marker: bytes

    @classmethod
    def of(cls, seed: int, number: int) -> Keys:
        """Return the keys of the segment with this number in a spool with this seed."""
        return cls(seed, xxhash.xxh3_64_digest(_NUMBER.pack(number), seed))


@dataclass(frozen=True, slots=True)
class FileHeader:
    """How a segment begins. `previous_end` is where the segment before it ended, 0 where nobody knew."""

    number: int
    seed: int
    previous_end: int


class Extent(NamedTuple):
    """Sizes of one frame's parts, and the check of them together."""

    header: int
    lengths: int
    data: int
    check: int

    @property
    def size(self) -> int:
        """Bytes of the whole frame on disk."""
        return PREAMBLE + self.header + self.lengths + self.data


class Name(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The part of a frame's header that tells a request from its retry."""

    digest: str
    key: str
    received: datetime


class _Header(msgspec.Struct, array_like=True, frozen=True, gc=False):
    digest: str
    key: str
    received: datetime
    first: int
    format: Format
    channel: str
    sender: str
    ids: tuple[str | None, ...] | None


_ENCODER: Final = msgspec.msgpack.Encoder()
_HEADERS: Final = msgspec.msgpack.Decoder(_Header)
_NAMES: Final = msgspec.msgpack.Decoder(Name)


def encode_file_header(header: FileHeader) -> bytes:
    """Return the FILE_HEADER bytes that a segment begins with."""
    start = _FILE.pack(MAGIC, VERSION, header.number, header.seed, header.previous_end)
    return start + _NUMBER.pack(xxhash.xxh3_64_intdigest(start))


def decode_file_header(data: bytes, number: int) -> FileHeader | None:
    """Return the header of segment `number`, or None where it is not whole.

    Raises OperatorError where a later miharu wrote it: its frames must wait, not be taken for damage.
    """
    if len(data) != FILE_HEADER or _NUMBER.unpack_from(data, _FILE.size)[0] != xxhash.xxh3_64_intdigest(
        data[: _FILE.size]
    ):
        return None
    magic, version, said, seed, previous_end = _FILE.unpack_from(data)
    if magic != MAGIC or said != number:
        return None
    if version != VERSION:
        raise OperatorError(
            f"segment {number} of the spool has version {version} and this miharu reads {VERSION}: "
            "start the miharu that wrote it until the spool is empty"
        )
    return FileHeader(number, seed, previous_end)


def encode(frames: Sequence[Frame], keys: Keys) -> bytes:
    """Return frames as they lie on disk. Shared work per frame, none per record."""
    parts: list[bytes] = []
    for frame in frames:
        header = _ENCODER.encode(
            _Header(
                frame.digest,
                frame.key,
                frame.received,
                frame.first,
                frame.format,
                frame.channel,
                frame.sender,
                frame.ids,
            )
        )
        check = xxhash.xxh3_64(header, keys.seed)
        check.update(frame.lengths)
        check.update(frame.data)
        start = _START.pack(keys.marker, len(header), len(frame.lengths), len(frame.data), check.intdigest())
        parts += (start, _start_check(start, keys), header, frame.lengths, frame.data)
    return b"".join(parts)


def decode_extent(block: bytes, at: int, keys: Keys) -> Extent | None:
    """Return the sizes of the frame that begins at `at`, or None where none does. Needs PREAMBLE bytes from there."""
    marker, header, lengths, data, check = _START.unpack_from(block, at)
    if marker != keys.marker:
        return None
    start = at + _START.size
    if block[start : at + PREAMBLE] != _start_check(block[at:start], keys):
        return None
    return Extent(header, lengths, data, check)


def decode_frame(block: bytes, at: int, extent: Extent, keys: Keys) -> Frame | None:
    """Return the frame at `at`, all of which lies in the block, or None where it is not what was written."""
    begin = at + PREAMBLE
    middle = begin + extent.header
    end = middle + extent.lengths
    stop = end + extent.data
    if xxhash.xxh3_64_intdigest(memoryview(block)[begin:stop], keys.seed) != extent.check:
        return None
    try:
        said = _HEADERS.decode(memoryview(block)[begin:middle])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Frame(
        said.key,
        said.first,
        said.format,
        said.channel,
        said.sender,
        said.received,
        block[middle:end],
        block[end:stop],
        said.ids,
        said.digest,
    )


def decode_name(header: bytes) -> Name | None:
    """Return who a frame is from the bytes of its header, or None where they cannot be read."""
    try:
        return _NAMES.decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _start_check(start: bytes, keys: Keys) -> bytes:
    return _START_CHECK.pack(xxhash.xxh3_64_intdigest(start, keys.seed) & _LOW)
