"""Texts and one serialized pattern database → the numbers of the patterns that occur in them."""

from __future__ import annotations

from typing import Any

import hyperscan


class PatternScanner:
    """Scans one text at a time. Not to be shared between threads: a scratch space serves one scan.

    Raises `hyperscan.error` where the database was made by another version or for another processor.
    """

    def __init__(self, database: bytes) -> None:
        self._database: Any = hyperscan.loadb(database, hyperscan.HS_MODE_BLOCK)
        self._scratch: Any = hyperscan.Scratch(self._database)
        self._numbers: list[int] = []
        self._ends: list[int] = []
        self._distinct: set[int] = set()

    def scan(self, data: bytes) -> set[int]:
        """Return the patterns that occur in `data`; the set is reused by the next scan."""
        self._distinct.clear()
        if data:
            self._database.scan(data, match_event_handler=self._note, scratch=self._scratch)
        return self._distinct

    def places(self, data: memoryview) -> tuple[list[int], list[int]]:
        """Return every occurrence: its pattern and where it ends. The lists are reused by the next scan."""
        self._numbers.clear()
        self._ends.clear()
        if data:
            self._database.scan(data, match_event_handler=self._note_place, scratch=self._scratch)
        return self._numbers, self._ends

    def _note(self, number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
        self._distinct.add(number)

    def _note_place(self, number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
        self._numbers.append(number)
        self._ends.append(end)
