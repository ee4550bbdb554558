"""A column of raw texts → the rows in which literals occur, without regard to case, in one pass over memory.

The texts of a Polars column lie in a few buffers one after another. They are scanned where they lie; a hit's
place tells its row. A hit that runs from one text into the next is reported too: hits are candidates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import hyperscan
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_WASTE: Final = 8
"""Buffers that hold more than this many times the texts' own bytes are copied together first."""
_BLOCK: Final = 1 << 30
_INLINE: Final = 12
"""Texts up to this long lie in the view itself (Arrow columnar format, variable-size binary view layout)."""
_VIEW_BYTES: Final = 16

Views = npt.NDArray[np.int32]


class RawScanner:
    """Looks for literals, without regard to the case of ASCII letters."""

    def __init__(self, literals: Sequence[str]) -> None:
        expressions = [text.encode() for text in literals]
        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=hyperscan.HS_FLAG_CASELESS,
            literal=True,
        )
        self._scratch: Any = hyperscan.Scratch(self._database)
        self._hits: set[tuple[int, int]] = set()

    def scan(self, texts: pl.Series) -> dict[int, set[int]]:
        """Return the numbers of what was found, by place in a Binary column; nulls hold nothing."""
        array: pa.Array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        _, views_buffer, *buffers = array.buffers()
        if views_buffer is None or not len(texts):
            return {}
        views: Views = np.frombuffer(views_buffer, dtype=np.int32).reshape(-1, _VIEW_BYTES // 4)
        views = views[array.offset : array.offset + len(texts)]
        rows = np.flatnonzero(texts.is_not_null().to_numpy()) if texts.null_count() else np.arange(len(texts))
        found: dict[int, set[int]] = defaultdict(set)
        long = rows[views[rows, 0] > _INLINE]
        if _is_tidy(views[long], [buffer.size for buffer in buffers]):
            for number, buffer in enumerate(buffers):
                self._scan_buffer(memoryview(buffer), views, long[views[long, 2] == number], found)
            rows = rows[views[rows, 0] <= _INLINE]
        if len(rows):
            self._scan_joined(texts, rows, found)
        return found

    def _scan_buffer(
        self, data: memoryview, views: Views, rows: npt.NDArray[np.intp], found: dict[int, set[int]]
    ) -> None:
        if not len(rows):
            return
        order = rows
        if (np.diff(views[rows, 3]) < 0).any():
            order = rows[np.argsort(views[rows, 3], kind="stable")]
        self._note_rows(data, order, views[order, 3].astype(np.int64), views[order, 0], found)

    def _scan_joined(self, texts: pl.Series, rows: npt.NDArray[np.intp], found: dict[int, set[int]]) -> None:
        size, first = 0, 0
        lengths = texts.bin.size().to_numpy()
        for place, row in enumerate(rows.tolist(), 1):
            size += int(lengths[row])
            if size >= _BLOCK or place == len(rows):
                part = rows[first:place]
                ends = np.cumsum(lengths[part], dtype=np.int64)
                data = memoryview(b"".join(texts.gather(part).to_list()))
                self._note_rows(data, part, ends - lengths[part], lengths[part], found)
                size, first = 0, place

    def _note_rows(
        self,
        data: memoryview,
        rows: npt.NDArray[np.intp],
        starts: npt.NDArray[np.int64],
        lengths: npt.NDArray[Any],
        found: dict[int, set[int]],
    ) -> None:
        """Scan `data`, in which `rows` begin at `starts` (ascending), and note what each holds."""
        self._hits.clear()
        if data:
            self._database.scan(data, match_event_handler=self._note, scratch=self._scratch)
        if not self._hits:
            return
        numbers, ends = np.array(list(self._hits), dtype=np.int64).T
        first = starts[np.searchsorted(starts, ends - 1, side="right") - 1]
        low, high = np.searchsorted(starts, first, side="left"), np.searchsorted(starts, first, side="right")
        for number, end, begin, stop in zip(numbers.tolist(), ends.tolist(), low.tolist(), high.tolist(), strict=True):
            for place in range(begin, stop):
                if starts[place] < end <= starts[place] + lengths[place]:
                    found[int(rows[place])].add(number)

    def _note(self, number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
        self._hits.add((number, end))


def _is_tidy(views: Views, sizes: Sequence[int]) -> bool:
    """Say whether texts lie side by side in their buffers (the same text twice is fine), with little between."""
    if not len(views) or max(sizes, default=0) >= _BLOCK:
        return False
    lengths = views[:, 0].astype(np.int64)
    starts = (views[:, 2].astype(np.int64) << 32) + views[:, 3]
    if (np.diff(starts) < 0).any():
        order = np.argsort(starts, kind="stable")
        lengths, starts = lengths[order], starts[order]
    gaps = np.diff(starts) - lengths[:-1]
    same = (np.diff(starts) == 0) & (np.diff(lengths) == 0)
    return bool(((gaps >= 0) | same).all()) and sum(sizes) <= _WASTE * int(lengths.sum())
