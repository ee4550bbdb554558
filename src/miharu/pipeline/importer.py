"""Paths → stored events, findings and alerts, each exactly once, whatever stops the import in between.

The spans of a batch are written to the journal before anything of it is stored; `miharu.pipeline.landing` does the
rest. After a crash the journalled spans are read again unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from miharu.core.columns import RECORD_RAW
from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline.collecting import rare_collections
from miharu.pipeline.gathering import Span, Work, gather
from miharu.pipeline.landing import Landed, Landing, Runway, Step
from miharu.pipeline.locking import one_at_a_time
from miharu.pipeline.reading import ReadBatch, Reader
from miharu.pipeline.replay import replays
from miharu.pipeline.report import ImportReport, Progress, Silent
from miharu.pipeline.survey import Seen, Surveyed, look, plan
from miharu.pipeline.wiring import Lake
from miharu.sources import Limits
from miharu.store import Batch, Counts, Segment


class Importer:
    """Imports files; one per import.

    `step` is told each step reached (`journalled`, `stored`, `committed`), for tests that stop there.
    """

    def __init__(
        self, reader: Reader, detector: Detector, lake: Lake, settings: Settings, step: Step | None = None
    ) -> None:
        self._reader = reader
        self._detector = detector
        self._lake = lake
        self._settings = settings
        self._step: Step = step or (lambda _: None)
        self._runway = Runway(lake, settings.session_gap, self._step)
        self._report = ImportReport()
        self._progress: Progress = Silent()
        self._added: dict[str, int] = {}

    def run(self, paths: Sequence[Path], progress: Progress | None = None) -> ImportReport:
        """Import everything under `paths`. What was pending from an import that was stopped comes first.

        Raises OperatorError where a path is missing or another import is running on the same data.
        """
        began = time.monotonic()
        self._progress = progress or Silent()
        with one_at_a_time(self._settings.data), rare_collections():
            limits = Limits(record=self._settings.max_record_bytes)
            found = look(paths, self._progress, limits, self._reader.joins)
            blocked = self._replay(found)
            surveyed = plan(found, self._lake.state)
            self._read([each.work for each in surveyed if each.work is not None and each.file_key not in blocked])
        return self._finish(surveyed, time.monotonic() - began)

    def _read(self, works: Sequence[Work]) -> None:
        self._progress.planned(len(works), sum(work.size - work.begin for work in works))
        with self._runway.settling():
            self._take_all(self._begun(gather(works, self._settings.batch_rows)))

    def _begun(self, groups: Iterable[Sequence[Span]]) -> Iterator[tuple[Batch, Sequence[Span]]]:
        for group in groups:
            segments = [Segment(span.file_key, span.chunk.begin, span.chunk.end, span.completes) for span in group]
            yield self._lake.state.begin_batch(segments), group

    def _take_all(self, begun: Iterable[tuple[Batch, Sequence[Span]]], *, again: bool = False) -> None:
        """Read each batch while the one before it is judged."""
        with ThreadPoolExecutor(1, thread_name_prefix="miharu-read") as ahead:
            waiting: Callable[[], None] | None = None
            for batch, group in begun:
                self._step("journalled")
                read = ahead.submit(self._reader.read, [span.chunk for span in group], batch.created)
                if waiting is not None:
                    waiting()
                waiting = partial(self._take, batch, group, read, again=again)
            if waiting is not None:
                waiting()

    def _replay(self, found: Sequence[Seen]) -> set[str]:
        """Bring pending batches to their end; return the keys of files that wait for a file that is missing."""
        blocked: set[str] = set()
        with self._runway.settling():
            for replay in replays(self._lake.state, found, self._reader.joins):
                if replay.spans is None:
                    blocked.update(segment.file_key for segment in replay.batch.segments)
                    self._report.problems.append(
                        f"an import that was stopped waits for {replay.missing}, which is not there any more; "
                        "import it again, from wherever it is now, to go on"
                    )
                else:
                    self._take_all([(replay.batch, replay.spans)], again=True)
        return blocked

    def _take(self, batch: Batch, group: Sequence[Span], reading: Future[ReadBatch], *, again: bool) -> None:
        self._runway.settle_done()  # while this one is being read
        read = reading.result()
        counts = [Counts(events + rejects, events, rejects) for events, rejects in read.counts()]
        size = sum(int(span.chunk.records[RECORD_RAW].bin.size().sum()) for span in group)
        self._runway.take(
            Landing(
                batch.token,
                batch.created,
                read,
                finish=lambda transaction: transaction.finish_batch(batch.token, counts),
                landed=lambda landed: self._landed(landed, size),
                again=again,
                # Only a record with an id of its own can have come in another file before.
                natural=any(span.chunk.format == "evtx" for span in group),
            ),
            self._detector.run,
        )

    def _landed(self, landed: Landed, size: int) -> None:
        self._report.alerts += landed.alerts
        self._report.findings += landed.findings
        for path, added in landed.events.items():
            self._added[path] = self._added.get(path, 0) + added
        self._progress.advanced(size, sum(landed.events.values()))

    def _finish(self, surveyed: Sequence[Surveyed], seconds: float) -> ImportReport:
        stored = self._lake.state.counts({(each.file_key, each.seen.scan.size) for each in surveyed})
        for each in surveyed:
            counts = stored[each.file_key, each.seen.scan.size]
            each.report.records, each.report.events = counts.records, counts.events
            each.report.rejects = counts.rejects
            each.report.added = self._added.get(each.report.path, 0)
            if each.seen.file.problem is not None:
                self._report.problems.append(each.seen.file.problem)
        self._report.files = [each.report for each in surveyed]
        self._report.files.sort(key=lambda report: report.path)
        self._report.seconds = seconds
        return self._report
