"""Paths → batches or findings, storing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from miharu.core.clock import system_clock
from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline.gathering import Work, gather
from miharu.pipeline.reading import ReadBatch, Reader
from miharu.sources import Limits, SourceFile, expand


def read_paths(paths: Sequence[Path], reader: Reader, settings: Settings) -> Iterator[ReadBatch]:
    """Yield batches of everything under `paths`, in input order."""
    works = (_whole(file) for file in expand(paths, Limits(record=settings.max_record_bytes), reader.joins))
    for group in gather(works, settings.batch_rows):
        yield reader.read([span.chunk for span in group], system_clock())


def _whole(file: SourceFile) -> Work:
    scan = file.scan()
    return Work(file, scan.digest, scan.size)


@dataclass(frozen=True, slots=True)
class Judged:
    """One batch and what the rules found in it."""

    batch: ReadBatch
    findings: pl.DataFrame


def judge_paths(paths: Sequence[Path], reader: Reader, detector: Detector, settings: Settings) -> Iterator[Judged]:
    """Yield batches with their findings."""
    for batch in read_paths(paths, reader, settings):
        yield Judged(batch, detector.run(batch.events))
