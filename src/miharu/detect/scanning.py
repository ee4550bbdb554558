"""Texts and one serialized pattern database → the numbers of the patterns that occur in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import hyperscan
import numpy as np
import numpy.typing as npt

_END_BITS: Final = 32

Places: TypeAlias = npt.NDArray[np.int64]


class PatternScanner:
    """Scans one text at a time. Not to be shared between threads: a scratch space serves one scan.

    Raises `hyperscan.error` where the database was made by another version or for another processor.
    """

    def __init__(self, database: bytes) -> None:
        self._database: Any = hyperscan.loadb(database, hyperscan.HS_MODE_BLOCK)
        self._scratch: Any = hyperscan.Scratch(self._database)
        self._distinct: set[int] = set()

    def scan(self, data: bytes) -> set[int]:
        """Return the patterns that occur in `data`; the set is reused by the next scan."""
        self._distinct.clear()
        if data:
            self._database.scan(data, match_event_handler=self._note, scratch=self._scratch)
        return self._distinct

    def places(self, data: memoryview) -> tuple[Places, Places]:
        """Return every occurrence: its pattern and where it ends."""
        return occurrences(self._database, self._scratch, [(0, data)])

    def _note(self, number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
        self._distinct.add(number)


def occurrences(database: Any, scratch: Any, pieces: Iterable[tuple[int, memoryview]]) -> tuple[Places, Places]:
    """Return every occurrence of a database's patterns in pieces of memory: the pattern, and the address of its end.

    Each piece comes with its address and is shorter than 4 GiB.
    """
    codes: list[int] = []
    bases: list[int] = []
    counts: list[int] = []
    add, scan, before = codes.append, database.scan, 0

    def note(number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
        # One number an occurrence, for they are many.
        add(number << _END_BITS | end)

    for address, data in pieces:
        if len(data):
            scan(data, match_event_handler=note, scratch=scratch)
        if len(codes) > before:
            bases.append(address)
            counts.append(len(codes) - before)
            before = len(codes)
    found = np.array(codes, dtype=np.int64)
    ends = (found & ((1 << _END_BITS) - 1)) + np.repeat(np.array(bases, dtype=np.int64), counts)
    return found >> _END_BITS, ends
