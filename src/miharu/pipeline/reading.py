"""Chunks of records → one batch of events and the rejects, in input order.

Chunks of many files are read together: the cost of a batch is mostly fixed, so small files ride along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from miharu.catalog import Join
from miharu.core.chunk import Chunk, Fields, Format
from miharu.core.columns import LOG_OFFSET, LOG_PATH, RECORD_ROW, REJECT_SCHEMA, empty_rejects, stack
from miharu.normalise import Normaliser
from miharu.parse import Parser


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """`events` is a batch (see `miharu.core.columns`), `rejects` has REJECT_SCHEMA.

    `bounds` are the numbers (`record.row`) of the first row of each chunk, and that after the last.
    """

    events: pl.DataFrame
    rejects: pl.DataFrame
    bounds: Sequence[int]

    def counts(self) -> list[tuple[int, int]]:
        """Return the events and the rejects of each chunk."""
        return list(zip(self._per_chunk(self.events), self._per_chunk(self.rejects), strict=True))

    def _per_chunk(self, frame: pl.DataFrame) -> list[int]:
        rows = frame[RECORD_ROW].to_numpy() if frame.height else np.empty(0)
        return [int(count) for count in np.histogram(rows, [*self.bounds, np.inf])[0][:-1]]


class Reader:
    """Brings records through parse and normalise."""

    def __init__(self, parser: Parser, normaliser: Normaliser) -> None:
        self._parser = parser
        self._normaliser = normaliser

    @property
    def joins(self) -> Sequence[Join]:
        """Return how the log sources' lines are joined to records."""
        return self._parser.joins

    def read(self, chunks: Sequence[Chunk], created: datetime) -> ReadBatch:
        """Read chunks of any files and formats, in their order; `created` is when we saw them."""
        fields: list[Fields] = []
        rejects: list[pl.DataFrame] = []
        by_format: dict[Format, list[pl.DataFrame]] = defaultdict(list)
        bounds = [0]
        for chunk in chunks:
            row = bounds[-1]
            by_format[chunk.format].append(_renumber(chunk.records, row))
            rejects.append(_renumber(chunk.rejects, row))
            bounds.append(row + chunk.records.height + chunk.rejects.height)
        for chunk_format, frames in by_format.items():
            parsed = self._parser.read(chunk_format, stack(frames))
            fields.extend(parsed.fields)
            rejects.append(parsed.rejects)
        return ReadBatch(self._normaliser.run(fields, created), _stack_rejects(rejects), bounds)


def join(chunks: Sequence[Chunk]) -> Chunk:
    """Return one or more neighbouring chunks of one file as one."""
    if len(chunks) == 1:
        return chunks[0]
    records: list[pl.DataFrame] = []
    rejects: list[pl.DataFrame] = []
    row = 0
    for chunk in chunks:
        records.append(_renumber(chunk.records, row))
        rejects.append(_renumber(chunk.rejects, row))
        row += chunk.records.height + chunk.rejects.height
    first, last = chunks[0], chunks[-1]
    return Chunk(first.path, first.format, first.begin, last.end, stack(records), pl.concat(rejects))


def _renumber(frame: pl.DataFrame, base: int) -> pl.DataFrame:
    return frame.with_columns((pl.col(RECORD_ROW) + base).cast(pl.UInt32)) if base and frame.height else frame


def _stack_rejects(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    filled = [frame.select(*REJECT_SCHEMA) for frame in frames if frame.height]
    if not filled:
        return empty_rejects()
    return pl.concat(filled).sort(RECORD_ROW, LOG_OFFSET, maintain_order=True)


def rows_per_path(frame: pl.DataFrame) -> dict[str, int]:
    """Return how many rows of an events or rejects frame each path has."""
    if frame.is_empty():
        return {}
    return dict(frame.group_by(LOG_PATH).agg(pl.len()).iter_rows())
