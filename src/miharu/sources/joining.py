"""Lines → records of several lines, for the log sources that say how theirs are told from others.

A record begins at a line that some log source knows as its first one; lines that are not joined are records of their
own, as they are elsewhere. Whether a line belongs to the record before it depends on nothing but the lines between that
record's beginning and the one behind it, so that a text is cut alike whatever the windows and wherever reading resumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from miharu.catalog import Join
from miharu.sources.textcoding import Positions

JOINED_BYTES: Final = 1 << 20
"""A record of several lines takes no line that would make it longer than this."""

Mask: TypeAlias = npt.NDArray[np.bool_]
_NOBODY: Final = -1
_BEHIND: Final = -2
"""Owner of a line that would begin a record, but for the leading line before it."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of `data` that hold something; `apart` marks those that a kept piece of text parts from the line before."""

    data: bytes
    starts: Positions
    stops: Positions
    apart: Mask

    def matching(self, pattern: str, rows: Positions | None = None) -> Mask:
        """Return which of the lines (of `rows`) a regular expression over bytes finds something in."""
        starts, stops = (self.starts, self.stops) if rows is None else (self.starts[rows], self.stops[rows])
        return matches(line_array(self.data, starts, stops), pattern)

    def odd(self, quote: int) -> Mask:
        """Return which of the lines hold an odd number of quotes."""
        quotes = np.flatnonzero(np.frombuffer(self.data, dtype=np.uint8) == quote)
        counts = np.searchsorted(quotes, self.stops) - np.searchsorted(quotes, self.starts)
        mask: Mask = counts % 2 == 1
        return mask


@dataclass(frozen=True, slots=True)
class Joined:
    """`first` are the numbers of the lines that begin a record; from line `held` on (if any) it is not decided yet."""

    first: Positions
    held: int | None = None


class Joiner:
    """Joins lines by the `joins` that apply to a file: those whose `first` fits the first line of it."""

    def __init__(self, joins: Sequence[Join], first_line: bytes = b"") -> None:
        self._joins = [join for join in joins if not join.first or _fits(first_line, join.first)]
        self._any = "|".join(
            f"(?:{pattern})" for join in self._joins for pattern in (join.start, join.leads) if pattern
        )

    def join(self, lines: Lines, *, final: bool) -> Joined:
        """Tell which lines begin records; at the end of a text (`final`) all is decided."""
        count = len(lines.starts)
        if not count or not self._joins:
            return Joined(np.arange(count))
        owner, undecided = self._owners(lines, final=final)
        if not (owner >= 0).any():
            return Joined(np.arange(count), count - 1 if undecided else None)
        joined, waits = self._quoted(lines, owner, final=final)
        owner[joined] = _NOBODY
        joined |= self._following(lines, owner, joined)
        first = np.flatnonzero(~joined)
        return Joined(first, None if final else _held(lines, owner, first, waits, undecided=undecided))

    def _owners(self, lines: Lines, *, final: bool) -> tuple[npt.NDArray[np.int64], bool]:
        """Return whose record each line begins, and whether that of the last one depends on the line behind it."""
        owner = np.full(len(lines.starts), _NOBODY, dtype=np.int64)
        everything = line_array(lines.data, lines.starts, lines.stops)
        likely = matches(everything, self._any)
        rows = np.flatnonzero(likely)
        texts = (
            everything if len(rows) == len(likely) else line_array(lines.data, lines.starts[rows], lines.stops[rows])
        )
        left = np.ones(len(rows), dtype=np.bool_)
        undecided = False
        for number, join in enumerate(self._joins):
            if not left.any():
                break
            leads = left & matches(texts, join.leads) if join.leads else np.zeros(len(rows), dtype=np.bool_)
            begins = left & matches(texts, join.start) | leads
            if join.next:
                begins, waits = self._before(lines, rows, begins, join.next)
                undecided |= waits and not final
            # A line behind a leading one goes on with its record.
            behind = begins & ~leads & np.isin(rows - 1, rows[leads & begins]) & ~lines.apart[rows]
            owner[rows[begins]] = number
            owner[rows[behind]] = _BEHIND
            left &= ~begins
        return owner, undecided

    def _before(self, lines: Lines, rows: Positions, begins: Mask, pattern: str) -> tuple[Mask, bool]:
        """Return which rows begin a record and stand before a line with `pattern`, and whether the last may yet."""
        following = rows[begins] + 1
        inside = following < len(lines.starts)
        places = following[inside]
        short = lines.stops[places] - lines.starts[places] <= JOINED_BYTES
        found = np.zeros(len(following), dtype=np.bool_)
        found[inside] = lines.matching(pattern, places) & ~lines.apart[places] & short
        begins = begins.copy()
        begins[begins] = found
        return begins, not inside.all() and len(lines.data) - int(lines.stops[-1]) <= JOINED_BYTES

    def _quoted(self, lines: Lines, owner: npt.NDArray[np.int64], *, final: bool) -> tuple[Mask, int | None]:
        """Return the lines inside open quotes, and the first line whose quotes may yet be closed."""
        joined = np.zeros(len(owner), dtype=np.bool_)
        quotes = {number: ord(join.quotes) for number, join in enumerate(self._joins) if join.quotes}
        mine = np.flatnonzero(np.isin(owner, list(quotes)))
        if not len(mine):
            return joined, None
        odd = {quote: np.flatnonzero(lines.odd(quote)) for quote in set(quotes.values())}
        opening = np.unique(np.concatenate([np.intersect1d(mine[owner[mine] == n], odd[q]) for n, q in quotes.items()]))
        done = -1
        for begin in opening.tolist():
            if begin <= done:
                continue
            end = self._closed(lines, begin, odd[quotes[int(owner[begin])]])
            if end is None and not final and len(lines.data) - lines.starts[begin] <= JOINED_BYTES:
                return joined, begin
            if end:
                joined[begin + 1 : end + 1] = True
                done = end
        return joined, None

    def _closed(self, lines: Lines, begin: int, odd: Positions) -> int | None:
        """Return the line that closes the quotes which `begin` opens, 0 where none may, None where none does yet."""
        at = int(np.searchsorted(odd, begin, side="right"))
        end = int(odd[at]) if at < len(odd) else len(lines.starts)
        if lines.apart[begin + 1 : end + 1].any():
            return 0
        if end == len(lines.starts):
            return None
        return end if lines.stops[end] - lines.starts[begin] <= JOINED_BYTES else 0

    def _following(self, lines: Lines, owner: npt.NDArray[np.int64], quoted: Mask) -> Mask:
        """Return the lines that go on with the record before them."""
        numbers = np.arange(len(owner))
        begun = owner >= 0
        last = np.maximum.accumulate(np.where(begun, numbers, _NOBODY))
        rows = np.flatnonzero(~begun & ~quoted & ~lines.apart & (last != _NOBODY))
        whose = owner[last[rows]]
        goes_on = owner[rows] == _BEHIND
        for number, join in enumerate(self._joins):
            mine = np.flatnonzero((whose == number) & ~goes_on)
            if len(mine) and not join.quotes:
                goes_on[mine] = lines.matching(join.continues, rows[mine]) if join.continues else True
        goes_on &= lines.stops[rows] - lines.starts[last[rows]] <= JOINED_BYTES
        follows = np.zeros(len(owner), dtype=np.bool_)
        follows[rows] = goes_on
        broken = np.maximum.accumulate(np.where(~begun & ~quoted & ~follows, numbers, _NOBODY))
        mask: Mask = follows & (broken < last)
        return mask


def _held(
    lines: Lines, owner: npt.NDArray[np.int64], first: Positions, waits: int | None, *, undecided: bool
) -> int | None:
    """Return from which line on the lines to come may change what is decided."""
    if waits is not None:
        return waits
    last = int(first[-1])
    if undecided or (owner[last] >= 0 and len(lines.data) - lines.starts[last] <= JOINED_BYTES):
        return last
    return None


def line_array(data: bytes, starts: Positions, stops: Positions) -> pa.LargeBinaryArray:
    """Return spans of `data` as an Arrow array that shares its memory where they follow one another."""
    if not len(starts):
        none = pa.py_buffer(np.zeros(1, dtype=np.int64))
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), 0, [None, none, pa.py_buffer(b"")])
    bounds = np.empty(2 * len(starts), dtype=np.int64)
    bounds[0::2], bounds[1::2] = starts, stops
    both = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    )
    return both.take(pl.Series(np.arange(0, len(bounds), 2)).to_arrow())


def matches(lines: pa.LargeBinaryArray, pattern: str) -> Mask:
    """Return which of the lines a regular expression over bytes finds something in."""
    if not len(lines):
        return np.empty(0, dtype=np.bool_)
    mask: Mask = pl.Series(pl.from_arrow(pc.match_substring_regex(lines, pattern))).to_numpy()
    return mask


def _fits(line: bytes, pattern: str) -> bool:
    lines = Lines(line, np.array([0]), np.array([len(line)]), np.zeros(1, dtype=np.bool_))
    return bool(lines.matching(pattern)[0])
