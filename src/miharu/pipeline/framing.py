"""Frames from the spool → chunks of records, one per format, built for all frames at once.

A frame from a datagram listener may hold a single record: nothing here costs more than a few operations per frame,
and nothing happens per record in Python.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from miharu.core.chunk import Chunk, Format
from miharu.core.columns import (
    LOG_PATH,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PATH,
    RECORD_RAW,
    RECORD_REFERENCE,
    RECORD_ROW,
    UTC_MICROS,
)
from miharu.core.frame import Frame
from miharu.core.identity import ids_of, key_words

LOG_SOURCE: Final = "log.source.address"
INPUT: Final = "input.type"
_MARK: Final = "\x1f"
"""Between channel and sender where both stand for the path of a file (no path and no address holds it)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def chunks_of(frames: Sequence[Frame]) -> list[Chunk]:
    """Return the records of frames as chunks, one per format; within a format in the order given."""
    by_format: dict[Format, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_format[frame.format].append(frame)
    return [_chunk(name, group) for name, group in by_format.items()]


def name_senders(events: pl.DataFrame) -> pl.DataFrame:
    """Move what stood for the path of live records into the fields for where a record came from."""
    if events.is_empty():
        return events
    ours = pl.col(LOG_PATH).str.contains(_MARK, literal=True)
    parts = pl.col(LOG_PATH).str.split_exact(_MARK, 1)
    return events.with_columns(
        pl.when(ours).then(parts.struct.field("field_0")).alias(INPUT),
        pl.when(ours).then(parts.struct.field("field_1")).alias(LOG_SOURCE),
        pl.when(~ours).then(pl.col(LOG_PATH)).alias(LOG_PATH),
    )


def _chunk(name: Format, frames: Sequence[Frame]) -> Chunk:
    counts = np.array([frame.records for frame in frames], dtype=np.int64)
    total = int(counts.sum())
    ordinals = _ordinals(frames, counts, total)
    records = pl.DataFrame(
        {
            RECORD_ROW: pl.Series(np.arange(total, dtype=np.uint32)),
            RECORD_ID: _ids(frames, counts, ordinals),
            RECORD_RAW: _raws(frames, total),
            RECORD_OFFSET: pl.Series(ordinals),
            RECORD_PATH: _repeated([f"{frame.channel}{_MARK}{frame.sender}" for frame in frames], counts),
            RECORD_REFERENCE: _received(frames, counts),
        }
    )
    return Chunk("", name, 0, total, records)


def _ordinals(frames: Sequence[Frame], counts: np.ndarray, total: int) -> np.ndarray:
    firsts = np.array([frame.first for frame in frames], dtype=np.int64)
    begins = np.cumsum(counts) - counts
    ordinals: np.ndarray = (np.repeat(firsts - begins, counts) + np.arange(total)).astype(np.uint64)
    return ordinals


def _ids(frames: Sequence[Frame], counts: np.ndarray, ordinals: np.ndarray) -> pl.Series:
    words = np.array([key_words(frame.key) for frame in frames], dtype=np.uint64).reshape(-1, 2)
    ids = ids_of(np.repeat(words[:, 0], counts), np.repeat(words[:, 1], counts), ordinals)
    if all(frame.ids is None for frame in frames):
        return ids
    given = [each for frame in frames for each in (frame.ids or (None,) * frame.records)]
    return pl.select(pl.coalesce(pl.Series(given, dtype=pl.String), ids)).to_series()


def _raws(frames: Sequence[Frame], total: int) -> pl.Series:
    lengths = np.frombuffer(b"".join(frame.lengths for frame in frames), dtype="<u4")
    offsets = np.zeros(total + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    data = b"".join(frame.data for frame in frames)
    array = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), total, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return pl.Series(pl.from_arrow(array))


def _repeated(values: Sequence[str], counts: np.ndarray) -> pl.Series:
    """Return each value as often as its count says."""
    series = pl.Series(values, dtype=pl.String)
    return series.gather(np.repeat(np.arange(len(values), dtype=np.uint32), counts))


def _received(frames: Sequence[Frame], counts: np.ndarray) -> pl.Series:
    instants = np.array([(frame.received - _EPOCH) // _MICROSECOND for frame in frames], dtype=np.int64)
    return pl.Series(np.repeat(instants, counts)).cast(UTC_MICROS)
