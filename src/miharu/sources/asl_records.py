"""Files of Apple's system log (`/var/log/asl/*.asl`) → their messages, each one record as JSON text, in chunks.

Messages are a list, each with the place of the next; texts stand anywhere in the file, or within the eight bytes that
would name their place. Numbers are big-endian. The library is published: https://github.com/apple-oss-distributions/syslog
(`libsystem_asl.tproj/include/asl_file.h`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import orjson
import polars as pl

from miharu.core.chunk import Chunk
from miharu.sources.chunking import ChunkBuilder
from miharu.sources.content import Stream

ASL_MAGIC: Final = b"ASL DB\0\0\0\0\0\0"

_FIRST: Final = struct.Struct(">12xIQ")
_RECORD: Final = struct.Struct(">HIQQQIHHiiiiiiI")
_PLACES: Final = struct.Struct(">6Q")
_PAIR: Final = struct.Struct(">2Q")
_TEXT: Final = struct.Struct(">HI")
_PLACE: Final = struct.Struct(">Q")
_BEFORE_SIZE: Final = 6
_INLINE: Final = 1 << 63
_MOST_INLINE: Final = 7
_IDS: Final = ("PID", "UID", "GID", "ReadUID", "ReadGID", "RefPID")
_NAMES: Final = ("Host", "Sender", "Facility", "Message", "RefProc", "Session")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_799
_BILLION: Final = 1_000_000_000
_BATCH: Final = 2048
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Message:
    place: int
    after: int
    next: int
    text: bytes


def asl_chunks(stream: Stream, builder: ChunkBuilder, begin: int, end: int | None, most: int) -> Iterator[Chunk]:
    """Cut the messages that begin within bytes `[begin, end)` into chunks; a file beyond `most` bytes is rejected.

    Where the list breaks off, what lies behind the last message is kept as a reject that moves no position on.
    """
    data = bytearray()
    while len(data) <= most and (block := stream.read(_BLOCK)):
        data += block
    if len(data) > most:
        yield from _too_long(stream, builder, bytes(data), most)
        return
    place, last = _first(data), begin
    held: list[_Message] = []
    while place and (end is None or place < end) and (message := _message(data, place)) is not None:
        if place >= begin:
            held.append(message)
            last = message.after
        place = message.next
        if len(held) >= _BATCH:
            yield from _add(builder, held)
    yield from _add(builder, held)
    yield from builder.flush()
    if place and (end is None or place < end):
        fault = stream.fault
        detail = f"the list of messages breaks off at byte {place}; copy the file again"
        builder.begin = last
        reason, detail = ("asl_record", detail) if fault is None else (fault.reason, fault.detail)
        yield from builder.add_reject(last, last, reason, detail, bytes(data[last:]))
        yield from builder.flush()


def _too_long(stream: Stream, builder: ChunkBuilder, data: bytes, most: int) -> Iterator[Chunk]:
    place = 0
    detail = f"the file is longer than {most} bytes; raise max_record_bytes to read its messages"
    while data:
        yield from builder.add_reject(place, place + len(data), "too_long", detail, data)
        place, data = place + len(data), stream.read(_BLOCK)
    yield from builder.flush()


def _add(builder: ChunkBuilder, held: list[_Message]) -> Iterator[Chunk]:
    """Add the messages collected, and forget them."""
    if not held:
        return
    places, afters, sizes = np.array([(one.place, one.after, len(one.text)) for one in held], dtype=np.int64).T
    raws = pl.Series([one.text for one in held], dtype=pl.Binary)
    held.clear()
    yield from builder.add_records(raws, sizes, places, afters)


def _first(data: bytearray) -> int:
    """Return the place of the first message, 0 where there is none."""
    return int(_FIRST.unpack_from(data)[1]) if len(data) >= _FIRST.size else 0


def _message(data: bytearray, place: int) -> _Message | None:
    """Return the message at `place`, None where none can stand there."""
    begin = place + _RECORD.size
    if begin + _PLACES.size > len(data):
        return None
    _, size, following, number, seconds, nanos, level, _, *ids, count = _RECORD.unpack_from(data, place)
    after = place + _BEFORE_SIZE + size
    pairs = begin + _PLACES.size
    behind = pairs + count // 2 * _PAIR.size
    if after > len(data) or behind + _PLACE.size > after or (following and following <= place):
        return None
    told = {"ASLMessageID": number, "Time": _instant(seconds, nanos), "Level": level}
    told |= dict(zip(_IDS, ids, strict=True))
    told |= dict(zip(_NAMES, (_text(data, each) for each in _PLACES.unpack_from(data, begin)), strict=True))
    for at in range(pairs, behind, _PAIR.size):
        key, value = (_text(data, each) for each in _PAIR.unpack_from(data, at))
        told.setdefault(key or "", value)
    given = {name: value for name, value in told.items() if name and value is not None}
    return _Message(place, after, following, orjson.dumps(given))


def _instant(seconds: int, nanos: int) -> str | int:
    if seconds > _LATEST or nanos >= _BILLION:
        return seconds
    return (_EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)).isoformat()


def _text(data: bytearray, place: int) -> str | None:
    """Return the text at a place, or that which stands in its stead; None for none."""
    if place & _INLINE:
        own = _PLACE.pack(place)
        raw = own[1 : 1 + min(own[0] & 0x7F, _MOST_INLINE)]
    elif place and place + _TEXT.size <= len(data):
        begin = place + _TEXT.size
        raw = bytes(data[begin : begin + _TEXT.unpack_from(data, place)[1]])
    else:
        return None
    return raw.partition(b"\0")[0].decode("utf-8", "replace")
