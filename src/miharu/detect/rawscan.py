"""A column of raw texts → the rows in which literals occur, without regard to case, where they lie in memory.

The texts of a Polars column lie in a few buffers one after another. Texts that lie together are scanned together; a
hit's place tells its row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import hyperscan
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from miharu.detect.ragged import Numbers, once
from miharu.detect.scanning import Places, occurrences

_GAP: Final = 2_048
"""Bytes between two texts that are rather scanned in vain than jumped over."""
_BLOCK: Final = 1 << 30
_INLINE: Final = 12
"""Texts up to this long lie in the view itself (Arrow columnar format, variable-size binary view layout)."""
_VIEW_BYTES: Final = 16
_BUFFER_BITS: Final = 32

Mask = npt.NDArray[np.bool_]


class RawColumn:
    """Where the texts of a Binary column lie.

    An address is a buffer's number and a place in it: texts that lie elsewhere (short ones in their views, some that
    overlap) are joined to a buffer of their own.
    """

    def __init__(self, texts: pl.Series) -> None:
        self.height = len(texts)
        array: pa.Array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        _, views_buffer, *buffers = array.buffers()
        self._buffers = [memoryview(buffer) for buffer in buffers]
        rows = np.flatnonzero(texts.is_not_null().to_numpy()) if texts.null_count() else np.arange(len(texts))
        if views_buffer is None or not len(rows):
            self.rows, self.starts, self.stops = np.empty((3, 0), dtype=np.int64)
            return
        views = np.frombuffer(views_buffer, dtype=np.int32).reshape(-1, _VIEW_BYTES // 4)
        views = views[array.offset : array.offset + len(texts)][rows]
        starts = (views[:, 2].astype(np.int64) << _BUFFER_BITS) + views[:, 3]
        lengths = views[:, 0].astype(np.int64)
        apart = lengths <= _INLINE
        if _overlap(starts[~apart], lengths[~apart]):
            apart[:] = True
        if apart.any():
            starts[apart] = self._joined(texts, rows[apart], lengths[apart])
        order = np.argsort(starts, kind="stable")
        self.rows, self.starts, self.stops = rows[order], starts[order], (starts + lengths)[order]

    def runs(self, wanted: Mask | None) -> Iterator[tuple[int, memoryview]]:
        """Yield the memory in which the texts of some rows lie, each piece with its address."""
        here = np.arange(len(self.rows)) if wanted is None else np.flatnonzero(wanted[self.rows])
        if not len(here):
            return
        starts, stops = self.starts[here], self.stops[here]
        breaks = np.flatnonzero(starts[1:] - stops[:-1] > _GAP)
        firsts, lasts = starts[np.append(0, breaks + 1)], stops[np.append(breaks, len(here) - 1)]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            number, place = first >> _BUFFER_BITS, first & ((1 << _BUFFER_BITS) - 1)
            yield first, self._buffers[number][place : place + last - first]

    def _joined(self, texts: pl.Series, rows: Numbers, lengths: Places) -> Places:
        """Copy texts together, and return their addresses."""
        addresses = np.empty(len(rows), dtype=np.int64)
        ends = np.cumsum(lengths)
        first = 0
        while first < len(rows):
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + _BLOCK, side="right")))
            data = b"".join(texts[rows[first:last]].to_list())
            addresses[first:last] = ends[first:last] - lengths[first:last] - before
            addresses[first:last] += len(self._buffers) << _BUFFER_BITS
            self._buffers.append(memoryview(data))
            first = last
        return addresses


class RawScanner:
    """Looks for literals, without regard to the case of ASCII letters."""

    def __init__(self, literals: Sequence[str]) -> None:
        expressions = [text.encode() for text in literals]
        self._lengths = np.array([len(text) for text in expressions], dtype=np.int64)
        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=hyperscan.HS_FLAG_CASELESS,
            literal=True,
        )
        self._scratch: Any = hyperscan.Scratch(self._database)

    def scan(self, column: RawColumn, wanted: Mask | None = None) -> dict[int, set[int]]:
        """Return the numbers of what was found, by row, in some rows (None: in all); nulls hold nothing."""
        found: dict[int, set[int]] = defaultdict(set)
        rows, numbers = self.pairs(column, wanted)
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            found[row].add(number)
        return found

    def pairs(self, column: RawColumn, wanted: Mask | None = None) -> tuple[Numbers, Numbers]:
        """Return rows and what was found there, each pair once."""
        numbers, ends = self._hits(column, wanted)
        if not len(numbers):
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        starts = column.starts
        nearest = starts[np.maximum(np.searchsorted(starts, ends - 1, side="right") - 1, 0)]
        # The same text may stand for several rows.
        low, high = np.searchsorted(starts, nearest, side="left"), np.searchsorted(starts, nearest, side="right")
        owners = np.repeat(np.arange(len(low)), high - low)
        places = np.arange(len(owners)) - np.repeat(np.cumsum(high - low) - high, high - low)
        # What begins in one text and ends in the next stands in neither.
        begins = ends - self._lengths[numbers]
        within = (starts[places] <= begins[owners]) & (ends[owners] <= column.stops[places])
        rows, numbers = column.rows[places[within]], numbers[owners[within]]
        if wanted is not None:
            here = wanted[rows]
            rows, numbers = rows[here], numbers[here]
        return once(rows, numbers)

    def _hits(self, column: RawColumn, wanted: Mask | None) -> tuple[Places, Places]:
        """Return the number of every literal that was found, and the address of its end."""
        return occurrences(self._database, self._scratch, column.runs(wanted))


def _overlap(starts: Places, lengths: Places) -> bool:
    """Say whether texts overlap in memory otherwise than by being the same (then a hit would tell too few rows)."""
    order = np.argsort(starts, kind="stable")
    starts, lengths = starts[order], lengths[order]
    apart = np.diff(starts) - lengths[:-1] >= 0
    same = (np.diff(starts) == 0) & (np.diff(lengths) == 0)
    return not (apart | same).all()
