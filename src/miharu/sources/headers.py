"""Lines of a text → for each record the header that stands before it: what names the columns of delimited text.

Two kinds are known. A block of consecutive lines that begin with `#`, one of which begins with `#Fields` (W3C extended
log format; Zeek's `#fields`), is in force from its first line to the next such block. Else the first line of a file
that looks like the header of a table (CSV) is in force for all of it. Who reads the records says whether the header
fits them.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import polars as pl

from miharu.sources.cut import BLANK
from miharu.sources.textcoding import Positions

MARK: Final = b"#"
_FIELDS: Final = re.compile(rb"(?mi)^#fields(?![0-9a-z_])")
LONGEST_BLOCK: Final = 65536
"""A block of directives longer than this is not waited for."""

_SEPARATORS: Final = b",;\t|"
_LEAST_NAMES: Final = 3
_LONGEST_LINE: Final = 16384
_NAME: Final = re.compile(r'"?[^\W\d][^"=:<>{}\[\]\x00-\x1f]{0,60}(?: \[[A-Za-z]+\])?"?')
"""A name, to which exports of tables add a time's zone or a unit: `TimeGenerated [UTC]`."""


def table_header(line: bytes) -> bytes:
    """Return the first line of a file if it looks like the header of a table, else nothing.

    It does if one separator parts it into three different names or more, that begin with a letter each.
    """
    if len(line) > _LONGEST_LINE:
        return b""
    separator = max(_SEPARATORS, key=line.count)
    text = line.decode("utf-8", "replace").removeprefix("\ufeff")
    names = [name.strip(" ") for name in text.split(chr(separator))]
    if len(names) < _LEAST_NAMES or len(set(names)) < len(names):
        return b""
    return line if all(_NAME.fullmatch(name) for name in names) else b""


def is_directive(data: bytes, start: int) -> bool:
    """Say whether the line that begins at `start` is a directive."""
    return data[start : start + 1] == MARK


def directives(text: bytes) -> bytes:
    """Return the directives that a text begins with."""
    lines = [line for line in text.replace(b"\r", b"\n").split(b"\n") if line.strip(BLANK)]
    other = next((at for at, line in enumerate(lines) if not line.startswith(MARK)), len(lines))
    return b"\n".join(lines[:other])


class Headers:
    """Follows the headers of one text, window by window; begins with the header `current`."""

    def __init__(self, current: bytes = b"") -> None:
        self._current = current
        self._open = b""

    def held(self, data: bytes, starts: Positions) -> int | None:
        """Return the line that begins the block of directives which the last line belongs to: its end is awaited."""
        if not len(starts) or not is_directive(data, int(starts[-1])):
            return None
        other = np.flatnonzero(_first_bytes(data, starts) != MARK[0])
        begin = int(other[-1]) + 1 if len(other) else 0
        return begin if len(data) - starts[begin] <= LONGEST_BLOCK else None

    def follow(self, data: bytes, starts: Positions, stops: Positions, behind: bytes = b"") -> pl.Series | None:
        """Return the header in force at each of these lines, in their order; None where none has one.

        `behind` are directives right behind the last line that are not asked for.
        """
        blocks = self._blocks(data, starts, stops, behind)
        if not blocks:
            return pl.Series([_text(self._current)]).new_from_index(0, len(starts)) if self._current else None
        texts = [_text(self._current) if self._current else None, *(_text(block) for _, block in blocks)]
        number = np.searchsorted([first for first, _ in blocks], np.arange(len(starts)), side="right")
        self._current = blocks[-1][1]
        return pl.Series(texts, dtype=pl.String).gather(number)

    def pass_by(self, data: bytes, starts: Positions, stops: Positions) -> None:
        """Follow the lines before those that are wanted; a block may go on behind them."""
        blocks = self._blocks(data, starts, stops)
        self._current = blocks[-1][1] if blocks else self._current

    def _blocks(self, data: bytes, starts: Positions, stops: Positions, behind: bytes = b"") -> list[tuple[int, bytes]]:
        """Return the blocks that name columns, each with the number of its first line."""
        if not len(starts):
            return []
        marked = _first_bytes(data, starts) == MARK[0]
        begun, self._open = (self._open if marked[0] else b""), b""
        if not marked.any():
            return []
        edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
        found: list[tuple[int, bytes]] = []
        for first, last in edges.reshape(-1, 2).tolist():
            spans = zip(starts[first:last].tolist(), stops[first:last].tolist(), strict=True)
            block = b"\n".join(data[start:stop] for start, stop in spans)
            if not first and begun:
                block = begun + b"\n" + block
            if last == len(starts):
                block += b"\n" + behind if behind else b""
                self._open = block[-LONGEST_BLOCK:]
            if _FIELDS.search(block):
                found.append((first, block))
        return found


def _first_bytes(data: bytes, starts: Positions) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(data, dtype=np.uint8)[starts]


def _text(header: bytes) -> str:
    return header.decode("utf-8", "replace")
