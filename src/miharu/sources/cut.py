"""What a cutter of text hands over: spans of records and of kept bytes within a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.sources.content import Fault
from miharu.sources.textcoding import Positions, TextWindow

NO_SPANS: Final[Positions] = np.empty(0, dtype=np.int64)

BLANK: Final = b" \t\n\r\x0b\x0c"
LONGEST_TAIL: Final = 3
"""Bytes of a character in UTF-8 behind its first."""

_BLANK_TABLE: Final = np.isin(np.arange(256), np.frombuffer(BLANK, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes `[start, stop)` of the window that are no record, and why; reading may go on at `after`."""

    start: int
    stop: int
    after: int
    reason: str
    detail: str


@dataclass(slots=True)
class Cut:
    """Records of a window: `[starts, stops)` each, reading may go on at `afters`; `used` bytes are done with.

    Spans are in order and do not overlap, nor do they overlap what is kept. `headers` holds for each record the header
    before it (see `miharu.sources.headers`).
    """

    starts: Positions = field(default_factory=lambda: NO_SPANS)
    stops: Positions = field(default_factory=lambda: NO_SPANS)
    afters: Positions = field(default_factory=lambda: NO_SPANS)
    used: int = 0
    kept: list[Kept] = field(default_factory=list)
    headers: pl.Series | None = None


class Cutter(Protocol):
    """Cuts a text into records, window by window."""

    def cut(self, window: TextWindow, added: bytes) -> Cut:
        """Cut the window, to which `added` was just appended; at `window.final` use all of it."""

    def ending(self, window: TextWindow) -> Fault | None:
        """Say, after the final cut, whether the content breaks off (then what the window holds is kept)."""


def piece_ends(data: bytes, start: int, stop: int, size: int) -> Iterator[int]:
    """Yield where the pieces of `[start, stop)` end that are followed by another: at a character's end each.

    Of the last piece at least one byte is left, so these ends do not depend on how much of it is known already.
    """
    while stop - start > size:
        end = start + size
        while end > start + 1 and data[end] & 0xC0 == 0x80 and end > start + size - LONGEST_TAIL:  # noqa: PLR2004
            end -= 1
        end = end if data[end] & 0xC0 != 0x80 else start + size  # noqa: PLR2004
        yield end
        start = end


def pieces(data: bytes, start: int, stop: int, after: int, size: int, why: tuple[str, str]) -> list[Kept]:
    """Cut `[start, stop)` into pieces of at most `size` bytes; `why` is reason and detail."""
    cuts = [start, *piece_ends(data, start, stop, size), stop]
    ends = [*cuts[1:-1], after]
    found = zip(cuts[:-1], cuts[1:], ends, strict=True)
    return [Kept(begin, end, resume, *why) for begin, end, resume in found if begin < end]


def filled(data: bytes, starts: Positions, stops: Positions) -> Positions:
    """Return the indices of spans that hold something other than white space."""
    keep = stops > starts
    if not len(starts):
        return np.flatnonzero(keep)
    array = np.frombuffer(data, dtype=np.uint8)
    last = len(array) - 1
    doubtful = keep & _BLANK_TABLE[array[np.minimum(starts, last)]] & _BLANK_TABLE[array[np.maximum(stops - 1, 0)]]
    if doubtful.any():
        filled_until = np.zeros(len(array) + 1, dtype=np.int64)
        np.cumsum(~_BLANK_TABLE[array], out=filled_until[1:])
        keep &= ~doubtful | (filled_until[stops] > filled_until[np.minimum(starts, stops)])
    return np.flatnonzero(keep)


def trim(data: bytes, starts: Positions, stops: Positions) -> tuple[Positions, Positions]:
    """Return the spans without white space at their edges (a blank span becomes an empty one)."""
    starts, stops = starts.copy(), stops.copy()
    array = np.frombuffer(data, dtype=np.uint8)
    for _ in range(_VECTOR_STEPS):
        ahead = np.flatnonzero((starts < stops) & _at(array, starts))
        behind = np.flatnonzero((starts < stops) & _at(array, stops - 1))
        if not len(ahead) and not len(behind):
            return starts, stops
        starts[ahead] += 1
        stops[behind] -= 1
        np.maximum(starts, stops, out=stops)
    for index in np.flatnonzero((starts < stops) & (_at(array, starts) | _at(array, stops - 1))).tolist():
        text = data[starts[index] : stops[index]]
        starts[index] += len(text) - len(text.lstrip(BLANK))
        stops[index] = max(starts[index], stops[index] - (len(text) - len(text.rstrip(BLANK))))
    return starts, stops


_VECTOR_STEPS: Final = 32
"""Indentation up to this width is trimmed for all spans at once, wider one span by span."""


def _at(array: npt.NDArray[np.uint8], places: Positions) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = _BLANK_TABLE[array[np.clip(places, 0, len(array) - 1)]]
    return found
