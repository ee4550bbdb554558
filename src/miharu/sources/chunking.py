"""Spans of records in windows of text → chunks of bounded size whose boundaries can be replayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from miharu.core.chunk import Chunk, Format
from miharu.core.columns import (
    LOG_OFFSET,
    LOG_PATH,
    RECORD_HEADER,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PATH,
    RECORD_RAW,
    RECORD_REFERENCE,
    RECORD_ROW,
    REJECT_SCHEMA,
    UTC_MICROS,
    empty_rejects,
)
from miharu.core.identity import hash_parts, record_ids
from miharu.sources.content import Stream
from miharu.sources.cut import Cut, Cutter
from miharu.sources.limits import CHUNK_BYTES
from miharu.sources.textcoding import Positions, TextWindow

_NO_HEADER: Final = pl.Series([None], dtype=pl.String)


@dataclass(frozen=True, slots=True)
class Origin:
    """What all records of a file share."""

    path: str
    format: Format
    file_key: str
    reference: datetime


@dataclass(slots=True)
class ChunkBuilder:
    """Collects records and rejects in order; a chunk is full at `rows` of them or at CHUNK_BYTES."""

    origin: Origin
    rows: int
    begin: int
    _end: int = field(init=False)
    _raws: list[pl.Series] = field(default_factory=list)
    _offsets: list[Positions] = field(default_factory=list)
    _ids: list[pl.Series] = field(default_factory=list)
    _headers: list[pl.Series] = field(default_factory=list)
    _rejects: list[tuple[int, int, str, str, bytes]] = field(default_factory=list)
    _count: int = 0
    _bytes: int = 0

    def __post_init__(self) -> None:
        """Begin with an empty chunk."""
        self._end = self.begin

    def add_records(
        self,
        raws: pl.Series,
        sizes: Positions,
        offsets: Positions,
        afters: Positions,
        ids: pl.Series | None = None,
        headers: pl.Series | None = None,
    ) -> Iterator[Chunk]:
        """Add records; yield every chunk that this fills."""
        first = 0
        while first < len(sizes):
            fit = np.searchsorted(np.cumsum(sizes[first : first + self._room()]), CHUNK_BYTES - self._bytes) + 1
            last = min(first + int(fit), first + self._room(), len(sizes))
            self._raws.append(raws.slice(first, last - first))
            self._offsets.append(offsets[first:last])
            if ids is not None:
                self._ids.append(ids.slice(first, last - first))
            named = _NO_HEADER.new_from_index(0, last - first) if headers is None else headers[first:last]
            self._headers.append(named)
            self._count += last - first
            self._bytes += int(sizes[first:last].sum())
            self._end = int(afters[last - 1])
            first = last
            yield from self._full()

    def add_reject(self, offset: int, after: int, reason: str, detail: str, raw: bytes) -> Iterator[Chunk]:
        """Add a reject; yield the chunk that this fills."""
        self._rejects.append((self._count, offset, reason, detail, raw))
        self._bytes += len(raw)
        self._end = after
        yield from self._full()

    def flush(self) -> Iterator[Chunk]:
        """Yield what is left."""
        if self._raws or self._rejects:
            yield self._build()

    def _room(self) -> int:
        return max(self.rows - self._count - len(self._rejects), 1)

    def _full(self) -> Iterator[Chunk]:
        if self._count + len(self._rejects) >= self.rows or self._bytes >= CHUNK_BYTES:
            yield self._build()

    def _build(self) -> Chunk:
        chunk = Chunk(
            self.origin.path, self.origin.format, self.begin, self._end, self._build_records(), self._build_rejects()
        )
        self._raws, self._offsets, self._ids, self._headers, self._rejects = [], [], [], [], []
        self.begin, self._count, self._bytes = self._end, 0, 0
        return chunk

    def _build_records(self) -> pl.DataFrame:
        offsets = np.concatenate(self._offsets or [np.empty(0, dtype=np.int64)]).astype(np.uint64)
        ids = pl.concat(self._ids) if self._ids else record_ids(self.origin.file_key, offsets)
        raws = pl.concat(self._raws) if self._raws else pl.Series([], dtype=pl.Binary)
        frame = pl.DataFrame(
            {
                RECORD_ROW: np.arange(len(offsets), dtype=np.uint32),
                RECORD_ID: ids,
                RECORD_RAW: raws,
                RECORD_OFFSET: offsets,
            }
        )
        headers = pl.concat(self._headers) if self._headers else _NO_HEADER
        if headers.null_count() < len(headers):
            frame = frame.with_columns(headers.alias(RECORD_HEADER))
        return frame.with_columns(
            pl.lit(self.origin.path, dtype=pl.String).alias(RECORD_PATH),
            pl.lit(self.origin.reference, dtype=UTC_MICROS).alias(RECORD_REFERENCE),
        )

    def _build_rejects(self) -> pl.DataFrame:
        if not self._rejects:
            return empty_rejects()
        rows, offsets, reasons, details, raws = zip(*self._rejects, strict=True)
        key = self.origin.file_key
        ids = [hash_parts("reject", key, reason, str(offset)) for offset, reason in zip(offsets, reasons, strict=True)]
        columns = {
            "reject.id": ids,
            "reject.reason": reasons,
            "reject.detail": details,
            "reject.raw": raws,
            LOG_PATH: [self.origin.path] * len(ids),
            LOG_OFFSET: offsets,
            RECORD_ROW: rows,
        }
        return pl.DataFrame(columns, schema=REJECT_SCHEMA)


@dataclass(frozen=True, slots=True)
class Span:
    """Records that begin in `[since, until)` are wanted."""

    since: int
    until: int | None = None

    def ends_before(self, place: int) -> bool:
        """Say whether nothing at or behind `place` is wanted."""
        return self.until is not None and place >= self.until


def text_chunks(
    stream: Stream, window: TextWindow, cutter: Cutter, builder: ChunkBuilder, span: Span
) -> Iterator[Chunk]:
    """Cut a stream of text into chunks of the records that begin within `span`.

    Where the content breaks off (the stream has a fault, or a JSON document has no end), what no complete record holds
    is kept in one reject. It moves no position on: once the content is complete, reading goes on before the break.
    """
    while True:
        added = window.fill()
        if window.final or span.ends_before(window.base):
            break
        yield from _cut(builder, window, cutter, added, span)
    fault = None
    if window.final:
        fault = None if window.limited else stream.fault
        window.final = fault is None
        yield from _cut(builder, window, cutter, b"", span)
        fault = fault or (None if window.limited else cutter.ending(window))
    place = max(window.base, span.since, builder.begin)
    if fault is None or (span.ends_before(place) and span.until != window.place_of(len(window.data))):
        yield from builder.flush()
        return
    if window.data:
        yield from builder.flush()
        builder.begin = place
    yield from builder.add_reject(place, place, fault.reason, fault.detail, window.data)
    yield from builder.flush()


def raw_series(data: bytes, starts: Positions, stops: Positions) -> pl.Series:
    """Return the spans of `data` as a Binary series that shares its memory."""
    if not len(starts):
        return pl.Series([], dtype=pl.Binary)
    bounds = np.empty(2 * len(starts), dtype=np.int64)
    bounds[0::2], bounds[1::2] = starts, stops
    array = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)]
    )
    return pl.Series(pl.from_arrow(array)).gather_every(2)


def _cut(builder: ChunkBuilder, window: TextWindow, cutter: Cutter, added: bytes, span: Span) -> Iterator[Chunk]:
    cut = cutter.cut(window, added)
    places = window.places(cut.starts)
    first = int(np.searchsorted(places, span.since))
    end = len(places) if span.until is None else int(np.searchsorted(places, span.until))
    wanted = _Wanted(cut, places, window.places(cut.afters))
    for kept in cut.kept:
        last = min(int(np.searchsorted(cut.starts, kept.start)), end)
        yield from _add_records(builder, window, wanted, first, last)
        first = max(first, last)
        place = window.place_of(kept.start)
        if place >= span.since and not span.ends_before(place):
            after = window.place_of(kept.after)
            yield from builder.add_reject(place, after, kept.reason, kept.detail, window.data[kept.start : kept.stop])
    yield from _add_records(builder, window, wanted, first, end)
    window.drop(cut.used)


@dataclass(frozen=True, slots=True)
class _Wanted:
    cut: Cut
    places: Positions
    afters: Positions


def _add_records(builder: ChunkBuilder, window: TextWindow, wanted: _Wanted, first: int, last: int) -> Iterator[Chunk]:
    if first < last:
        starts, stops = wanted.cut.starts[first:last], wanted.cut.stops[first:last]
        raws = raw_series(window.data, starts, stops)
        headers = None if wanted.cut.headers is None else wanted.cut.headers.slice(first, last - first)
        places, afters = wanted.places[first:last], wanted.afters[first:last]
        yield from builder.add_records(raws, stops - starts, places, afters, headers=headers)
