"""Batches that were begun and not finished → the same chunks again, from wherever their files lie now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from miharu.catalog import Join
from miharu.core.chunk import Chunk
from miharu.core.columns import RECORD_SCHEMA
from miharu.pipeline.gathering import Span
from miharu.pipeline.reading import join
from miharu.pipeline.report import Silent
from miharu.pipeline.survey import Seen, files_by_key, look
from miharu.sources import DEFAULT_LIMITS, SourceFile
from miharu.store import Batch, State

_ALL_ROWS = 1_000_000
_MEMBER = "!"


@dataclass(frozen=True, slots=True)
class Replay:
    """One pending batch; `spans` is None where a file of it cannot be found any more, `missing` names it."""

    batch: Batch
    spans: list[Span] | None
    missing: str = ""


def replays(state: State, found: Sequence[Seen], joins: Sequence[Join] = ()) -> list[Replay]:
    """Return the pending batches, oldest first; files are among `found`, or where they were seen last."""
    pending = state.pending_batches()
    if not pending:
        return []
    files = files_by_key(found, state)
    wanted = {segment.file_key for batch in pending for segment in batch.segments} - files.keys()
    paths = state.paths(wanted)
    known = files | _find_again(paths, state, joins)
    return [_respan(batch, known, paths) for batch in pending]


def _respan(batch: Batch, files: Mapping[str, SourceFile], paths: Mapping[str, str]) -> Replay:
    spans: list[Span] = []
    for segment in batch.segments:
        file = files.get(segment.file_key)
        if file is None:
            return Replay(batch, None, paths.get(segment.file_key, segment.file_key))
        chunks = list(file.chunks(segment.file_key, segment.begin, segment.end, rows=_ALL_ROWS))
        # Where a broken file was mended meanwhile, the reject that told of the break is not there again.
        none = Chunk(file.path, file.format, segment.begin, segment.end, pl.DataFrame(schema=RECORD_SCHEMA))
        spans.append(Span(segment.file_key, join(chunks) if chunks else none, segment.completes))
    return Replay(batch, spans)


def _find_again(paths: Mapping[str, str], state: State, joins: Sequence[Join]) -> dict[str, SourceFile]:
    """Look for files where they were seen last; a member of an archive is looked for in its archive."""
    outer = {Path(path.split(_MEMBER, 1)[0]) for path in paths.values()}
    there = sorted(path for path in outer if path.exists())
    found = files_by_key(look(there, Silent(), DEFAULT_LIMITS, joins), state) if there else {}
    return {key: file for key, file in found.items() if key in paths}
