"""Files with the place to begin → groups of spans big enough to be worth a batch.

Each group says exactly which spans of which files it holds, so that it can be read again and gives the same
records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from miharu.core.chunk import Chunk
from miharu.sources import CHUNK_BYTES, SourceFile


@dataclass(frozen=True, slots=True)
class Work:
    """One file to read: `file_key` names its content of `size` bytes, reading starts at `begin`."""

    file: SourceFile
    file_key: str
    size: int
    begin: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """One chunk of a file; `completes` is the size of the content whose end it reaches, if it does."""

    file_key: str
    chunk: Chunk
    completes: int | None


def gather(works: Iterable[Work], rows: int) -> Iterator[list[Span]]:
    """Yield groups of spans of at most `rows` records, or of about CHUNK_BYTES."""
    group: list[Span] = []
    height = size = 0
    for work in works:
        for span in _spans(work, rows):
            chunk_rows = span.chunk.records.height + span.chunk.rejects.height
            if group and (height + chunk_rows > rows or size >= CHUNK_BYTES):
                yield group
                group, height, size = [], 0, 0
            group.append(span)
            height += chunk_rows
            size += int(span.chunk.records.estimated_size() + span.chunk.rejects.estimated_size())
    if group:
        yield group


def _spans(work: Work, rows: int) -> Iterator[Span]:
    held: Chunk | None = None
    for chunk in work.file.chunks(work.file_key, work.begin, rows=rows):
        if held is not None:
            yield Span(work.file_key, held, None)
        held = chunk
    if held is not None:
        yield Span(work.file_key, held, work.size)
