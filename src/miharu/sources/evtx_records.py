"""A Windows event log file (EVTX) → one JSON text per event record, chunk by chunk, in bounded memory.

A file is a header block of 4096 bytes and chunks of 64 KiB which do not refer to one another, so each is given to the
`evtx` library behind a header of our own: a damaged header or chunk costs nothing but itself. Records the library
does not give back though they are there become rejects that hold their bytes.
Layout: https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

from evtx import PyEvtxParser

from miharu.sources.content import Stream

HEADER_BYTES: Final = 4096
CHUNK_BYTES: Final = 65536

_FILE_MAGIC: Final = b"ElfFile\x00"
_CHUNK_MAGIC: Final = b"ElfChnk\x00"
_RECORD_MAGIC: Final = b"\x2a\x2a\x00\x00"
_FIRST_RECORD: Final = 512
_CHUNK_HEADER: Final = struct.Struct("<8sQQQQIIII")
_RECORD_HEADER: Final = struct.Struct("<4sIQ")
_LEAST_RECORD: Final = 28
_MOST_RECORDS: Final = CHUNK_BYTES // _LEAST_RECORD
_NOT_USED: Final = (1 << 64) - 1
_OWN_HEADER: Final = (_FILE_MAGIC + struct.pack("<QQQIHHHH", 0, 0, 1, 128, 1, 3, HEADER_BYTES, 1)).ljust(
    HEADER_BYTES, b"\0"
)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that should have been a record (or several), at byte `position` of the file.

    `at_end`: the file ends here within a chunk; a complete copy of it will hold records in this place.
    """

    position: int
    reason: str
    detail: str
    raw: bytes
    at_end: bool = False


class Rendered(NamedTuple):
    """One record as JSON text, with the number in its header."""

    number: int
    text: str


def read_evtx(stream: Stream) -> Iterator[Rendered | Damage]:
    """Yield the records of a file in order, and what is damaged where it lies.

    The header is not looked at: nothing in the chunks depends on it. A chunk of zeros is unused space.
    """
    header = _read_exactly(stream, HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        yield Damage(0, "evtx_file", f"the file ends at byte {len(header)}, within its header", header, at_end=True)
        return
    position = HEADER_BYTES
    while chunk := _read_exactly(stream, CHUNK_BYTES):
        if chunk.strip(b"\0"):
            yield from _read_chunk(chunk, position)
        position += len(chunk)


def _read_exactly(stream: Stream, size: int) -> bytes:
    parts: list[bytes] = []
    while size and (block := stream.read(size)):
        parts.append(block)
        size -= len(block)
    return b"".join(parts)


def _read_chunk(chunk: bytes, position: int) -> Iterator[Rendered | Damage]:
    rendered, errors = _render(chunk.ljust(CHUNK_BYTES, b"\0"))
    count = _counted(chunk)
    if not errors and len(chunk) == CHUNK_BYTES and len(rendered) == count:
        yield from rendered
        return
    slots = list(_walk(chunk))
    again, more = _render(_repaired(chunk, slots))
    found = _by_number(rendered, again)
    total = sum(map(len, found.values()))
    items = list(_in_order(chunk, position, slots, found, more or errors))
    if len(chunk) < CHUNK_BYTES:
        yield from _cut_off(chunk, position, items)
        return
    yield from items
    if max(total, len(slots)) < count <= _MOST_RECORDS:
        lost = count - max(total, len(slots))
        detail = f"the chunk at byte {position} should hold {count} records, {lost} of them are not there"
        yield Damage(position, "evtx_record", detail, b"")


def _cut_off(chunk: bytes, position: int, items: list[Rendered | Damage]) -> Iterator[Rendered | Damage]:
    """Yield the items of a chunk in which the file ends; damage behind the last whole record is the end itself."""
    place, behind = position + len(chunk), b""
    while items and isinstance(items[-1], Damage):
        behind = items.pop().raw + behind  # type: ignore[union-attr]
    yield from items
    yield Damage(
        place, "evtx_file", f"the file ends at byte {place}, within a chunk; copy it again", behind, at_end=True
    )


def _by_number(rendered: list[Rendered], again: list[Rendered]) -> dict[int, list[Rendered]]:
    """Return the records of two attempts by their numbers, the first attempt's where both give as many."""
    found: dict[int, list[Rendered]] = {}
    other: dict[int, list[Rendered]] = {}
    for records, into in ((rendered, found), (again, other)):
        for record in records:
            into.setdefault(record.number, []).append(record)
    for number, records in other.items():
        if number != _NOT_USED and len(records) > len(found.get(number, [])):
            found[number] = records
    return found


def _counted(chunk: bytes) -> int:
    """Return how many records the header of a chunk counts, 0 without a header."""
    _, first, last, *_ = _CHUNK_HEADER.unpack_from(chunk.ljust(_FIRST_RECORD, b"\0"))
    return int(last - first + 1) if chunk.startswith(_CHUNK_MAGIC) else 0


def _render(chunk: bytes) -> tuple[list[Rendered], list[str]]:
    """Return what the library makes of one chunk, and the errors it reports."""
    rendered: list[Rendered] = []
    errors: list[str] = []
    records: Any = None
    for _ in range(_MOST_RECORDS):
        try:
            if records is None:
                records = PyEvtxParser(io.BytesIO(_OWN_HEADER + chunk), number_of_threads=1).records_json()
            record = next(records)
        except StopIteration:
            break
        except (RuntimeError, OSError, ValueError) as error:
            errors.append(str(error))
            if records is None:
                break
        except BaseException as error:
            # A panic in Rust arrives as pyo3_runtime.PanicException, which cannot be imported and is no Exception.
            if type(error).__name__ != "PanicException":
                raise
            errors.append(f"the library panicked: {error}")
            break
        else:
            rendered.append(Rendered(int(record["event_record_id"]), str(record["data"])))
    return rendered, errors


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a record lies in a chunk; `number` is None for bytes between records that are none."""

    begin: int
    end: int
    number: int | None


def _walk(chunk: bytes) -> Iterator[_Slot]:
    """Yield the records of a chunk by their headers, and the bytes between them that are none."""
    free = _CHUNK_HEADER.unpack_from(chunk.ljust(_FIRST_RECORD, b"\0"))[7]
    known = chunk.startswith(_CHUNK_MAGIC) and _FIRST_RECORD <= free <= CHUNK_BYTES
    end = min(len(chunk), free if known else -(-len(chunk.rstrip(b"\0")) // 8) * 8)
    position = _FIRST_RECORD
    while position < end:
        slot = _slot(chunk, position, end)
        if slot is None:
            following = _next_slot(chunk, position + 1, end)
            slot = _Slot(position, end if following is None else following, None)
        if slot.number is not None or chunk[slot.begin : slot.end].strip(b"\0"):
            yield slot
        position = slot.end


def _slot(chunk: bytes, position: int, end: int) -> _Slot | None:
    if position + _LEAST_RECORD > end or not chunk.startswith(_RECORD_MAGIC, position):
        return None
    _, size, number = _RECORD_HEADER.unpack_from(chunk, position)
    if size < _LEAST_RECORD or position + size > end:
        return None
    (copy,) = struct.unpack_from("<I", chunk, position + size - 4)
    return _Slot(position, position + size, number) if copy == size else None


def _next_slot(chunk: bytes, position: int, end: int) -> int | None:
    while (position := chunk.find(_RECORD_MAGIC, position, end)) >= 0:
        if _slot(chunk, position, end) is not None:
            return position
        position += 1
    return None


def _repaired(chunk: bytes, slots: list[_Slot]) -> bytes:
    """Return the chunk with what keeps the library from going on replaced.

    The header becomes one that fits the records found; its tables of strings and templates, which only save the
    reader work, are emptied; damaged bytes between records become a record of their own that is not used.
    """
    data = bytearray(chunk.ljust(CHUNK_BYTES, b"\0"))
    numbers = [slot.number for slot in slots if slot.number is not None] or [0]
    free = slots[-1].end if slots else _FIRST_RECORD
    last = slots[-1].begin if slots else _FIRST_RECORD
    data[:_FIRST_RECORD] = bytes(_FIRST_RECORD)
    first = min(numbers)
    _CHUNK_HEADER.pack_into(data, 0, _CHUNK_MAGIC, first, max(numbers), first, max(numbers), 128, last, free, 0)
    for slot in slots:
        if slot.number is None and slot.end - slot.begin >= _LEAST_RECORD:
            _RECORD_HEADER.pack_into(data, slot.begin, _RECORD_MAGIC, slot.end - slot.begin, _NOT_USED)
            struct.pack_into("<I", data, slot.end - 4, slot.end - slot.begin)
    return bytes(data)


def _in_order(
    chunk: bytes, position: int, slots: list[_Slot], found: dict[int, list[Rendered]], errors: list[str]
) -> Iterator[Rendered | Damage]:
    """Yield what was found in the order of its places, and as damage what was not; take it out of `found`."""
    for slot in slots:
        number, begin = slot.number, slot.begin
        if number is None and chunk.startswith(_RECORD_MAGIC, begin) and begin + _LEAST_RECORD <= len(chunk):
            # Its end is damaged, but the library may have read it all the same.
            _, size, number = _RECORD_HEADER.unpack_from(chunk, begin)
            begin = min(begin + max(size, _LEAST_RECORD), slot.end) if number in found else begin
        records = found.get(number, []) if number is not None else []
        record = records.pop(0) if records else None
        if record is not None:
            yield record
        raw = chunk[begin : slot.end]
        if record is None or (slot.number is None and raw.strip(b"\0")):
            place = position + begin
            detail = f"the record at byte {place} of the file cannot be decoded: {_why(number, errors)}"
            yield Damage(place, "evtx_record", detail, raw)
    yield from chain.from_iterable(found.values())
    if not slots and not any(found.values()):
        detail = f"the chunk at byte {position} holds no record: {_why(None, errors)}"
        yield Damage(position, "evtx_file", detail, chunk)


def _why(number: int | None, errors: list[str]) -> str:
    own = [error for error in errors if number is not None and f"record number {number}:" in error]
    return (own or errors or ["the library gives no record for it"])[0]
