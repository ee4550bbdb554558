"""Blocks of JSON text → where its brackets and commas are, outside of strings, with their depth.

Vectorised: one look-up per byte finds the characters that matter; whether a quotation mark is escaped follows from
the length of the run of backslashes before it, whether a bracket lies in a string from the parity of quotation marks.
State between blocks is three numbers. RFC 8259.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from miharu.sources.textcoding import Positions

QUOTE, COMMA, BACKSLASH, NEWLINE = 0x22, 0x2C, 0x5C, 0x0A
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D

_WANTED: Final = np.isin(np.arange(256), [QUOTE, COMMA, NEWLINE, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY])
_DELTA: Final = np.zeros(256, dtype=np.int64)
_DELTA[[OPEN_OBJECT, OPEN_ARRAY]] = 1
_DELTA[[CLOSE_OBJECT, CLOSE_ARRAY]] = -1

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Marks:
    """Brackets and commas outside of strings: position in the block, character, depth after it.

    `broken` is the position of a line end inside a string (which JSON does not allow), if there is one; marks behind
    it are left out.
    """

    positions: Positions
    kinds: Bytes
    depths: Positions
    broken: int | None


class BracketScan:
    """Scans block after block of one text."""

    def __init__(self) -> None:
        self.depth = 0
        self._in_string = False
        self._odd_backslashes = False

    def feed(self, block: bytes) -> Marks:
        """Scan the next block."""
        if not block:
            return Marks(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64), None)
        data = np.frombuffer(block, dtype=np.uint8)
        positions = np.flatnonzero(_WANTED[data])
        kinds = data[positions]
        quotes = kinds == QUOTE
        quotes &= ~self._escaped(data, positions, quotes)
        within = (np.cumsum(quotes) + self._in_string) & 1 == 1
        self._in_string = bool(within[-1]) if len(within) else self._in_string
        outside = ~within & (kinds != QUOTE)
        broken = self._broken(positions, kinds, within)
        outside &= kinds != NEWLINE
        if broken is not None:
            outside &= positions < broken
        positions, kinds = positions[outside], kinds[outside]
        depths = self.depth + np.cumsum(_DELTA[kinds])
        if len(depths):
            self.depth = int(depths[-1])
        return Marks(positions, kinds, depths, broken)

    def _escaped(self, data: Bytes, positions: Positions, quotes: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Say for each mark whether it is a quotation mark behind an odd number of backslashes."""
        escaped = np.zeros(len(positions), dtype=np.bool_)
        slashes = np.flatnonzero(data == BACKSLASH)
        carried, self._odd_backslashes = self._odd_backslashes, False
        if carried and data[0] == QUOTE:
            escaped[0] = True
        if not len(slashes):
            return escaped
        begins = np.concatenate([[True], np.diff(slashes) != 1])
        run = np.maximum.accumulate(np.where(begins, slashes, -1))
        odd = (slashes - run + 1) & 1 == 1
        if carried and run[0] == 0:
            odd[run == 0] ^= True
        self._odd_backslashes = bool(slashes[-1] == len(data) - 1 and odd[-1])
        behind = np.flatnonzero(quotes & (data[np.maximum(positions - 1, 0)] == BACKSLASH) & (positions > 0))
        escaped[behind] = odd[np.searchsorted(slashes, positions[behind] - 1)]
        return escaped

    @staticmethod
    def _broken(positions: Positions, kinds: Bytes, within: npt.NDArray[np.bool_]) -> int | None:
        found = np.flatnonzero(within & (kinds == NEWLINE))
        return int(positions[found[0]]) if len(found) else None
