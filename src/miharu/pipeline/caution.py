"""A stage that fails on something unforeseen → the same stage for everything but the records that make it fail.

A bug must not stop the watch: halves are tried until the records at fault stand alone. They are kept as rejects with
the reason `fault` (bytes and all, to be read again after a fix), or as events no rule has judged; both are counted and
logged. This is the one place that catches everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import polars as pl
import structlog

from miharu.core.chunk import Chunk
from miharu.core.columns import (
    LOG_OFFSET,
    LOG_PATH,
    RECORD_ID,
    RECORD_OFFSET,
    RECORD_PATH,
    RECORD_RAW,
    RECORD_ROW,
    REJECT_SCHEMA,
    stack,
)
from miharu.core.errors import MiharuError
from miharu.detect import Detector
from miharu.pipeline.reading import ReadBatch, Reader

_TOLD: Final = 20
"""Faults that are logged; one bug can meet a million records."""

_log = structlog.get_logger()


class Caution:
    """Reads and judges in spite of faults; `faults` counts records that could not be read or judged."""

    def __init__(self) -> None:
        self.faults = 0

    def read(self, reader: Reader, chunks: Sequence[Chunk], created: datetime) -> ReadBatch:
        """Read chunks as `Reader.read` does."""
        try:
            return reader.read(chunks, created)
        except MiharuError:
            raise
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            pieces = _halves(chunks)
            if not pieces:
                self._count("record not read", error)
                return _rejected(chunks[0], error)
            return _joined([self.read(reader, piece, created) for piece in pieces])

    def judge(self, detector: Detector, events: pl.DataFrame) -> pl.DataFrame:
        """Judge events as `Detector.run` does."""
        try:
            return detector.run(events)
        except MiharuError:
            raise
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            if events.height == 1:
                self._count("event not judged", error)
                return detector.run(events.clear())
            half = events.height // 2
            return pl.concat([self.judge(detector, events[:half]), self.judge(detector, events[half:])])

    def _count(self, what: str, error: Exception) -> None:
        self.faults += 1
        if self.faults <= _TOLD:
            _log.error(what, action="fault", fault=repr(error), exc_info=error)


def _halves(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """Return the chunks in two halves, or nothing where they hold one record."""
    if len(chunks) > 1:
        return [list(chunks[: len(chunks) // 2]), list(chunks[len(chunks) // 2 :])]
    chunk = chunks[0]
    half = chunk.records.height // 2
    if not half:
        return []
    return [[replace(chunk, records=chunk.records[:half])], [replace(chunk, records=chunk.records[half:])]]


def _rejected(chunk: Chunk, error: Exception) -> ReadBatch:
    rejects = chunk.records.select(
        pl.col(RECORD_ID).alias("reject.id"),
        pl.lit("fault").alias("reject.reason"),
        pl.lit(repr(error)).alias("reject.detail"),
        pl.col(RECORD_RAW).alias("reject.raw"),
        pl.col(RECORD_PATH).alias(LOG_PATH),
        pl.col(RECORD_OFFSET).alias(LOG_OFFSET),
        pl.col(RECORD_ROW),
    ).cast(pl.Schema(REJECT_SCHEMA))
    return ReadBatch(pl.DataFrame(), rejects, [0, chunk.records.height])


def _joined(batches: Sequence[ReadBatch]) -> ReadBatch:
    events = stack([batch.events for batch in batches if batch.events.width])
    rejects = pl.concat([batch.rejects for batch in batches])
    return ReadBatch(events, rejects, [0, events.height + rejects.height])
