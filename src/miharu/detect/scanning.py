"""A text and one serialized pattern database → the numbers of the patterns that occur in it."""

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
        self._hits: list[int] = []

    def scan(self, data: bytes) -> list[int]:
        """Return the patterns that occur in `data`, in no order; the list is reused by the next scan."""
        self._hits.clear()
        if data:
            self._database.scan(data, match_event_handler=self._note, scratch=self._scratch)
        return self._hits

    def _note(self, number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
        self._hits.append(number)
