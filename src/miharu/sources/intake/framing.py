r"""Blocks of a syslog stream → records, whatever the boundaries of the blocks (RFC 6587).

How a message is framed is decided message by message, as senders mix it: a count, a space and `<` begin a message of
so many bytes; anything else is a line that ends at LF or NUL, less one CR before it. What ends a line is taken off the
end of a counted message, too; empty messages are no records. A record longer than the limit is kept in pieces of that
size. All lines of a block are found at once.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

_LF, _NUL, _CR, _SPACE, _ANGLE = 0x0A, 0x00, 0x0D, 0x20, 0x3C
_DIGITS: Final = 9
"""A count has at most so many digits; more of them are text."""

_FEW: Final = 6
"""Up to so many lines in a row are quicker to add one by one."""

_COUNTED: Final = re.compile(rb"(?:\r?[\n\0])*+([1-9][0-9]{0,%d}) (?=<)" % (_DIGITS - 1)).match
_UNDECIDED: Final = re.compile(rb"[1-9][0-9]{0,%d} ?" % (_DIGITS - 1)).fullmatch
_ENDS: Final = b"\r\n\0"

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Framed:
    """Records: `lengths` are the lengths of each in bytes (32 bits, little-endian), `data` one after the other."""

    lengths: bytes
    data: bytes

    @property
    def records(self) -> int:
        """Number of records."""
        return len(self.lengths) // 4


class StreamFramer:
    """Cuts one stream; holds back what is not complete, at most `limit` and one byte."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._need = 0
        self._in_line = False
        self._pieced = False
        self.too_long = 0

    @property
    def held(self) -> int:
        """Bytes held back."""
        return len(self._held)

    def feed(self, block: bytes) -> Framed:
        """Return the records that are complete with this block."""
        out = _Found()
        start = 0
        if self._need:
            start = self._go_on_counted(block, out)
        elif self._in_line:
            start = self._go_on_line(block, out)
        elif self._held:
            block = bytes(self._held) + block
            self._held.clear()
        if start < len(block):
            self._scan(block, start, out)
        return out.framed()

    def release(self) -> Framed:
        """Return what is held as a piece of its record, to make room; the rest of the record follows as another."""
        out = _Found()
        if self._held and (self._need or self._in_line):
            out.add(bytes(self._held))
            self._held.clear()
            self._begin_pieces()
        return out.framed()

    def finish(self) -> Framed:
        """Return what the stream left unfinished."""
        out = _Found()
        if self._need:
            self._end_counted(out)
        else:
            self._end_line(out)
        return out.framed()

    def _begin_pieces(self) -> None:
        self.too_long += not self._pieced
        self._pieced = True

    def _take_pieces(self, out: _Found, keep: int) -> None:
        """Take pieces off what is held until at most `keep` bytes are left."""
        held = self._held
        if len(held) <= keep:
            return
        self._begin_pieces()
        whole = -(-(len(held) - keep) // self._limit) * self._limit
        for start in range(0, whole, self._limit):
            out.add(bytes(held[start : start + self._limit]))
        del held[:whole]

    def _go_on_counted(self, block: bytes, out: _Found) -> int:
        taken = min(self._need, len(block))
        self._held += block[:taken]
        self._need -= taken
        self._take_pieces(out, self._limit)
        if not self._need:
            self._end_counted(out)
        return taken

    def _end_counted(self, out: _Found) -> None:
        out.add(bytes(self._held).rstrip(_ENDS))
        self._held.clear()
        self._need, self._pieced = 0, False

    def _go_on_line(self, block: bytes, out: _Found) -> int:
        ends = [end for end in (block.find(b"\n"), block.find(b"\0")) if end >= 0]
        end = min(ends, default=len(block))
        self._held += block[:end]
        # One byte more than the limit may be a CR, which is none of the record.
        self._take_pieces(out, self._limit + 1)
        if ends:
            self._end_line(out)
        return end + 1

    def _end_line(self, out: _Found) -> None:
        if self._held.endswith(b"\r"):
            del self._held[-1]
        self._take_pieces(out, self._limit)
        out.add(bytes(self._held))
        self._held.clear()
        self._in_line = self._pieced = False

    def _scan(self, data: bytes, start: int, out: _Found) -> None:
        """Find the records of a block from the beginning of a message on; hold back what is not complete."""
        spans = _Spans()
        lines: _Lines | None = None
        while (start := self._take_counted(data, start, spans)) < len(data):
            lines = lines or _Lines(data)
            after = lines.take(start, spans)
            if after == start:
                self._held += data[start:]
                self._in_line = _UNDECIDED(self._held) is None
                break
            start = after
        self.too_long += spans.collect(data, self._limit, out)
        if self._need or self._in_line:
            self._take_pieces(out, self._limit + self._in_line)

    def _take_counted(self, data: bytes, start: int, spans: _Spans) -> int:
        """Take all counted messages from `start` on; return where something else begins."""
        while header := _COUNTED(data, start):
            begin = header.end()
            start = stop = begin + int(header[1])
            if stop > len(data):
                self._need = stop - len(data)
                self._held += data[begin:]
                return len(data)
            if stop - begin > self._limit:
                self.too_long += 1
                for piece in range(begin, stop - self._limit, self._limit):
                    spans.add_counted(piece, piece + self._limit)
                    begin = piece + self._limit
            while stop > begin and data[stop - 1] in _ENDS:
                stop -= 1
            spans.add_counted(begin, stop)
        return start


class _Lines:
    """Where lines end in a block, and where one may begin that is a counted message."""

    def __init__(self, data: bytes) -> None:
        array = np.frombuffer(data, dtype=np.uint8)
        ends = np.flatnonzero((array == _LF) | (array == _NUL) if b"\0" in data else array == _LF)
        self._starts = np.concatenate([[0], ends + 1])[:-1]
        self._stops = ends - (array[np.maximum(ends - 1, 0)] == _CR) if b"\r" in data else ends
        self._ends: list[int] = ends.tolist()
        self._counted: list[int] = _counted_starts(array, ends + 1).tolist()

    def take(self, start: int, spans: _Spans) -> int:
        """Take the complete lines from `start` up to the next counted message; return where they end."""
        first, last = bisect_left(self._ends, start), len(self._ends)
        following = bisect_left(self._counted, start + 1)
        if following < len(self._counted):
            last = bisect_left(self._ends, self._counted[following])
        if last <= first:
            return start
        spans.add(start, int(self._stops[first]))
        if last > first + _FEW:
            spans.add_many(self._starts[first + 1 : last], self._stops[first + 1 : last])
        else:
            for line in range(first + 1, last):
                spans.add(self._ends[line - 1] + 1, int(self._stops[line]))
        return self._ends[last - 1] + 1


def _counted_starts(array: npt.NDArray[np.uint8], starts: _Places) -> _Places:
    """Return which beginnings of lines begin a counted message."""
    size = len(array)
    if not size:
        return starts[:0]
    found: list[_Places] = []
    places = starts[starts < size]
    places = places[(array[places] > ord("0")) & (array[places] <= ord("9"))]
    for digits in range(1, _DIGITS + 1):
        places = places[places + digits + 1 < size]
        if not len(places):
            break
        behind = array[places + digits]
        found.append(places[(behind == _SPACE) & (array[places + digits + 1] == _ANGLE)])
        places = places[(behind >= ord("0")) & (behind <= ord("9"))]
    return np.sort(np.concatenate(found)) if found else starts[:0]


class _Spans:
    """Records of one block as spans, in order."""

    def __init__(self) -> None:
        self._many: list[tuple[_Places, _Places]] = []
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._only_lines = True

    def add(self, start: int, stop: int) -> None:
        """Add one record; an empty one is none."""
        if start < stop:
            self._starts.append(start)
            self._stops.append(stop)

    def add_counted(self, start: int, stop: int) -> None:
        """Add one record that may hold line ends."""
        self._only_lines = False
        self.add(start, stop)

    def add_many(self, starts: _Places, stops: _Places) -> None:
        """Add lines."""
        self._gather()
        self._many.append((starts, stops))

    def collect(self, data: bytes, limit: int, out: _Found) -> int:
        """Copy the records out of the block, pieces of those that are too long; return how many of them were."""
        self._gather()
        if not self._many:
            return 0
        starts, stops = (np.concatenate(part) for part in zip(*self._many, strict=True))
        filled = stops > starts
        starts, stops = starts[filled], stops[filled]
        lengths = stops - starts
        if not len(lengths):
            return 0
        records = self._copy(data, starts, stops, int(lengths.sum()))
        long = np.flatnonzero(lengths > limit)
        out.lengths.append((_in_pieces(lengths, limit) if len(long) else lengths).astype("<u4").tobytes())
        out.data.append(records)
        return len(long)

    def _copy(self, data: bytes, starts: _Places, stops: _Places, size: int) -> bytes:
        region = data[int(starts[0]) : int(stops[-1])]
        if len(region) == size:
            return region
        if self._only_lines:
            without = region.translate(None, b"\n\0")
            if len(without) == size:
                return without
        edges = np.zeros(len(region) + 1, dtype=np.int8)
        edges[starts - starts[0]] += 1
        edges[stops - starts[0]] -= 1
        inside = np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_)
        return np.frombuffer(region, dtype=np.uint8)[inside].tobytes()

    def _gather(self) -> None:
        """Put single records behind those that came before them."""
        if self._starts:
            self._many.append((np.array(self._starts, dtype=np.int64), np.array(self._stops, dtype=np.int64)))
            self._starts, self._stops = [], []


def _in_pieces(lengths: _Places, limit: int) -> _Places:
    """Return the lengths of pieces of at most `limit` of which records consist."""
    pieces = -(-lengths // limit)
    ends = np.cumsum(pieces)
    cut = np.full(int(ends[-1]), limit, dtype=np.int64)
    cut[ends - 1] = lengths - (pieces - 1) * limit
    return cut


@dataclass(slots=True)
class _Found:
    """Records in order: each entry of the lists is one or many."""

    lengths: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)

    def add(self, record: bytes) -> None:
        """Add one record; an empty one is none."""
        if record:
            self.lengths.append(len(record).to_bytes(4, "little"))
            self.data.append(record)

    def framed(self) -> Framed:
        """Return them all."""
        return Framed(b"".join(self.lengths), b"".join(self.data))
