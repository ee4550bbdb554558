"""Binary files of logins (utmp, wtmp, btmp, lastlog, faillog) → what they are, by content; and their records in chunks.

Nothing in such a file says what it is, so that all records of its beginning must be what they would have to be: short
names in ASCII, times since 1990, types that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from miharu.core.chunk import Chunk
from miharu.core.login_layouts import BIG_ENDIAN_UTMP, LAYOUTS, MOST_UTMP_TYPE
from miharu.sources.chunking import ChunkBuilder, raw_series
from miharu.sources.content import Stream, advance

LoginFormat: TypeAlias = Literal["utmp", "lastlog", "faillog"]
Records: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Flags: TypeAlias = npt.NDArray[np.bool_]

_SAMPLE: Final = 65536
_FIRST: Final = 631_152_000
"""1990: no such file is older."""
_LAST: Final = 4_102_444_800
_MICROS: Final = 1_000_000
_BLOCK: Final = 1 << 22
_PRINTABLE: Final = np.isin(np.arange(256), [0, *range(32, 127), *range(128, 256)])
_WORD: Final = np.isin(np.arange(256), [0, *range(33, 127)])


@dataclass(frozen=True, slots=True)
class LoginShape:
    """Which records a file holds, and how long each is."""

    format: LoginFormat
    size: int


def login_shape(head: bytes, name: str = "") -> LoginShape | None:
    """Return what the beginning of a file shows, None where it is nothing of the kind.

    `name` is the file's: it decides where a file begins with nothing but zeros (the first users never logged in).
    """
    if b"\0" not in head[: LAYOUTS["faillog"][24].itemsize] or len(head) < min(LAYOUTS["faillog"]):
        return None
    sample = head[:_SAMPLE]
    if not sample.strip(b"\0"):
        return _by_name(name)
    for kind, judge in _JUDGES.items():
        for size, layout in LAYOUTS[kind].items():
            if _are(sample, layout, judge) or (kind == "utmp" and _are(sample, BIG_ENDIAN_UTMP[size], judge)):
                return LoginShape(kind, size)
    return None


def _by_name(name: str) -> LoginShape | None:
    plain = name.replace("\\", "/").rsplit("/", 1)[-1].lower()
    for kind, size in (("lastlog", 292), ("faillog", 32)):
        if plain.startswith(kind):
            return LoginShape(kind, size)  # type: ignore[arg-type]
    return None


def _are(sample: bytes, layout: np.dtype[Any], judge: Callable[[Records, Flags], Flags]) -> bool:
    count = len(sample) // layout.itemsize
    if not count:
        return False
    used = _used(sample, layout.itemsize, count)
    records = np.frombuffer(sample, dtype=layout, count=count)
    return bool((used & _dated(records)).any()) and bool(judge(records, used).all())


def _used(data: bytes, size: int, count: int) -> Flags:
    """Return which records are not all zeros."""
    rows = np.frombuffer(data, dtype=np.uint8, count=size * count).reshape(count, size)
    return np.asarray(rows.any(axis=1), dtype=np.bool_)


def _is_utmp(records: Records, used: Flags) -> Flags:
    known = (records["type"] >= 0) & (records["type"] <= MOST_UTMP_TYPE)
    timed = _dated(records) & (records["micros"] >= 0) & (records["micros"] < _MICROS)
    plain = _is_word(records, "line") & _is_name(records, "user") & _is_name(records, "host") & (records["pad"] == 0)
    # A slot that was never used has a type only.
    idle = (records["seconds"] == 0) & (records["micros"] == 0)
    return np.asarray(~used | (known & plain & (timed | idle) & (records["pid"] >= 0)), dtype=np.bool_)


def _is_lastlog(records: Records, used: Flags) -> Flags:
    named = _is_word(records, "line") & _is_word(records, "host")
    told = (records["line"] != b"") | (records["host"] != b"")
    return np.asarray(~used | (_dated(records) & named & told), dtype=np.bool_)


def _is_faillog(records: Records, used: Flags) -> Flags:
    counts = (records["count"] >= 0) & (records["maximum"] >= 0)
    timed = _dated(records) | ((records["seconds"] == 0) & (records["line"] == b""))
    locked = (records["lock"] >= 0) & (records["lock"] < _LAST)
    return np.asarray(~used | (counts & timed & locked & _is_word(records, "line")), dtype=np.bool_)


def _dated(records: Records) -> Flags:
    seconds = records["seconds"].astype(np.int64)
    return np.asarray((seconds >= _FIRST) & (seconds <= _LAST), dtype=np.bool_)


def _is_name(records: Records, field: str) -> Flags:
    """Tell where a text holds no control characters; what follows its end does not count."""
    return _is_text(records, field, _PRINTABLE)


def _is_word(records: Records, field: str) -> Flags:
    """Tell where a text holds no blanks either: a terminal or a host."""
    return _is_text(records, field, _WORD)


def _is_text(records: Records, field: str, allowed: Flags) -> Flags:
    width = records.dtype[field].itemsize
    letters = np.ascontiguousarray(records[field]).view(np.uint8).reshape(len(records), width)
    ended = np.logical_or.accumulate(letters == 0, axis=1)
    return np.asarray((allowed[letters] | ended).all(axis=1), dtype=np.bool_)


_JUDGES: Final[dict[LoginFormat, Callable[[Records, Flags], Flags]]] = {
    "utmp": _is_utmp,
    "lastlog": _is_lastlog,
    "faillog": _is_faillog,
}


def login_chunks(
    stream: Stream, shape: LoginShape, builder: ChunkBuilder, begin: int, end: int | None
) -> Iterator[Chunk]:
    """Cut the records from byte `begin` to `end` into chunks.

    Slots of lastlog and faillog that are all zeros are users without an entry: no records. Bytes behind the last
    whole record are kept as a reject; they move no position on, for a complete copy holds a record there.
    """
    advance(stream, begin)
    position, data = begin, b""
    while (end is None or position < end) and (block := stream.read(_BLOCK)):
        data += block
        whole = len(data) // shape.size if end is None else min(len(data), end - position) // shape.size
        yield from _add(builder, data[: whole * shape.size], shape, position)
        position += whole * shape.size
        data = data[whole * shape.size :]
    yield from builder.flush()
    if end is not None and position >= end:
        return
    fault = stream.fault
    reason = "login_record" if fault is None else fault.reason
    detail = (
        f"the file ends at byte {position + len(data)}, {len(data)} bytes into a record of {shape.size}; copy it again"
        if fault is None
        else fault.detail
    )
    if data or fault is not None:
        builder.begin = position
        yield from builder.add_reject(position, position, reason, detail, data)
        yield from builder.flush()


def _add(builder: ChunkBuilder, data: bytes, shape: LoginShape, position: int) -> Iterator[Chunk]:
    count = len(data) // shape.size
    starts = np.arange(count, dtype=np.int64) * shape.size
    kept = starts if shape.format == "utmp" or not count else starts[_used(data, shape.size, count)]
    if len(kept):
        afters = np.append(kept[1:], len(data))
        sizes = np.full(len(kept), shape.size, dtype=np.int64)
        yield from builder.add_records(
            raw_series(data, kept, kept + shape.size), sizes, position + kept, position + afters
        )
