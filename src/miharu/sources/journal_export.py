"""A journal as `journalctl -o export` writes it → its entries, each one record, in chunks.

An entry is lines `FIELD=value` and ends with an empty line. A value that holds a line's end or is no text stands as
`FIELD`, a line's end, its length in 64 bits (little-endian), its bytes and a line's end: what separates entries may
be inside. https://systemd.io/JOURNAL_EXPORT_FORMATS/
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final

import numpy as np

from miharu.core.chunk import Chunk
from miharu.sources.chunking import ChunkBuilder, raw_series
from miharu.sources.content import Stream, advance

_BEGIN: Final = re.compile(rb"(?:__CURSOR=[^\n]+|__REALTIME_TIMESTAMP=[0-9]+)\n[A-Z0-9_]+[=\n]")
_SIZED: Final = re.compile(rb"\n[A-Z0-9_]{1,64}\n")
_SIZE_BYTES: Final = 8
_END: Final = b"\n\n"
_BLOCK: Final = 1 << 20


def is_journal(head: bytes) -> bool:
    """Return whether content begins as an export of a journal."""
    return _BEGIN.match(head) is not None


def journal_chunks(stream: Stream, builder: ChunkBuilder, begin: int, end: int | None, most: int) -> Iterator[Chunk]:
    """Cut the entries that begin within `[begin, end)` into chunks; one longer than `most` bytes is a reject.

    An entry that the content's end cuts off is kept as a reject that moves no position on.
    """
    advance(stream, begin)
    position, data = begin, b""
    while block := stream.read(_BLOCK):
        data += block
        used = yield from _add(builder, data, position, end)
        position, data = position + used, data[used:]
        if end is not None and position >= end:
            break
        if len(data) > most:
            detail = f"an entry at byte {position} is longer than {most} bytes"
            yield from builder.add_reject(position, position + len(data), "too_long", detail, data)
            position, data = position + len(data), b""
    if data.endswith(b"\n") and (end is None or position < end) and _entry_end(data + b"\n", 0) == len(data) - 1:
        # The last entry, without the empty line behind it.
        used = yield from _add(builder, data + b"\n", position, end)
        data = b""
    yield from builder.flush()
    if end is not None and position >= end:
        return
    if data.strip(b"\n") or stream.fault is not None:
        fault = stream.fault
        detail = f"the export ends at byte {position + len(data)}, within an entry; export it again"
        builder.begin = position
        reason, detail = ("journal_entry", detail) if fault is None else (fault.reason, fault.detail)
        yield from builder.add_reject(position, position, reason, detail, data)
        yield from builder.flush()


def _add(builder: ChunkBuilder, data: bytes, position: int, end: int | None) -> Generator[Chunk, None, int]:
    """Add the whole entries of `data`; return how many bytes they are."""
    starts: list[int] = []
    stops: list[int] = []
    place = 0
    while (end is None or position + place < end) and (stop := _entry_end(data, place)) >= 0:
        if stop > place:
            starts.append(place)
            stops.append(stop)
        place = stop + len(_END)
    if starts:
        begins, ends = np.array(starts, dtype=np.int64), np.array(stops, dtype=np.int64)
        yield from builder.add_records(
            raw_series(data, begins, ends), ends - begins, position + begins, position + ends + len(_END)
        )
    return place


def _entry_end(data: bytes, start: int) -> int:
    """Return where the entry at `start` ends, -1 where it is not all there."""
    stop = data.find(_END, start)
    sized = _SIZED.search(data, start, stop + 1) if stop >= 0 else _SIZED.search(data, start)
    while sized is not None:
        body = sized.end() + _SIZE_BYTES
        after = body + int.from_bytes(data[sized.end() : body], "little")
        if after >= len(data):
            return -1
        if data[after : after + 1] != b"\n":
            break
        stop = data.find(_END, after)
        sized = _SIZED.search(data, after, stop + 1) if stop >= 0 else _SIZED.search(data, after)
    return stop
