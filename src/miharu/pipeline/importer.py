"""Paths → stored events, findings and alerts, each exactly once, whatever stops the import in between.

The order that makes it so: the spans of a batch are written to the journal; its rows are inserted with the
batch's token; alerts, counts and the place reached are committed in one transaction. After a crash the
journalled spans are read again unchanged, and the store takes of their rows what it does not have.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from miharu.core.columns import EVENT_ID, RECORD_RAW, RECORD_ROW
from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline.alerting import write_alerts
from miharu.pipeline.collecting import rare_collections
from miharu.pipeline.gathering import Span, Work, gather
from miharu.pipeline.locking import one_at_a_time
from miharu.pipeline.reading import Reader, rows_per_path
from miharu.pipeline.replay import replays
from miharu.pipeline.report import ImportReport, Progress, Silent
from miharu.pipeline.survey import Seen, Surveyed, look, plan
from miharu.pipeline.wiring import Lake
from miharu.respond import Session, sessions
from miharu.sources import Limits
from miharu.store import Batch, Counts, Segment

_IN_FLIGHT = 2
"""Batches being stored while the next one is read."""

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch on its way into the store."""

    batch: Batch
    inserts: Sequence[Future[None]]
    counts: Sequence[Counts]
    found: Sequence[Session]
    findings: int
    added: dict[str, int]
    size: int


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
        self._flights: deque[_Flight] = deque()
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
            found = look(paths, self._progress, Limits(record=self._settings.max_record_bytes))
            blocked = self._replay(found)
            surveyed = plan(found, self._lake.state)
            self._read([each.work for each in surveyed if each.work is not None and each.file_key not in blocked])
        return self._finish(surveyed, time.monotonic() - began)

    def _read(self, works: Sequence[Work]) -> None:
        self._progress.planned(len(works), sum(work.size - work.begin for work in works))
        with self._settling():
            for group in gather(works, self._settings.batch_rows):
                segments = [Segment(span.file_key, span.chunk.begin, span.chunk.end, span.completes) for span in group]
                self._take(self._lake.state.begin_batch(segments), group)

    def _replay(self, found: Sequence[Seen]) -> set[str]:
        """Bring pending batches to their end; return the keys of files that wait for a file that is missing."""
        blocked: set[str] = set()
        with self._settling():
            for replay in replays(self._lake.state, found):
                if replay.spans is None:
                    blocked.update(segment.file_key for segment in replay.batch.segments)
                    self._report.problems.append(
                        f"an import that was stopped waits for {replay.missing}, which is not there any more; "
                        "import it again, from wherever it is now, to go on"
                    )
                else:
                    self._take(replay.batch, replay.spans, again=True)
        return blocked

    @contextmanager
    def _settling(self) -> Iterator[None]:
        """Finish properly whatever was handed to the store, also when the reader failed or was interrupted."""
        try:
            yield
        finally:
            while self._flights:
                self._settle()

    def _take(self, batch: Batch, group: Sequence[Span], *, again: bool = False) -> None:
        self._step("journalled")
        read = self._reader.read([span.chunk for span in group], batch.created)
        events = self._without_known(read.events, batch, group)
        findings = self._detector.run(events)
        store, token = self._lake.store, batch.token
        inserts = [
            store.insert_later("events", events.drop(RECORD_ROW), token, again=again),
            store.insert_later("findings", findings, token, again=again),
            store.insert_later("rejects", read.rejects.drop(RECORD_ROW), token, again=again),
        ]
        self._flights.append(
            _Flight(
                batch,
                inserts,
                [Counts(events + rejects, events, rejects) for events, rejects in read.counts()],
                sessions(findings, self._settings.session_gap),
                findings.height,
                rows_per_path(events),
                sum(int(span.chunk.records[RECORD_RAW].bin.size().sum()) for span in group),
            )
        )
        while len(self._flights) > _IN_FLIGHT:
            self._settle()

    def _without_known(self, events: pl.DataFrame, batch: Batch, group: Sequence[Span]) -> pl.DataFrame:
        """Leave out events that another file brought before; only records with a natural id can be such.

        Rows that an earlier try of this very batch stored stay: its token keeps them from being doubled.
        """
        if events.is_empty() or all(span.chunk.format != "evtx" for span in group):
            return events
        for flight in self._flights:
            for insert in flight.inserts:
                insert.result()
        single = events.unique(EVENT_ID, keep="first", maintain_order=True)
        known = self._lake.store.existing(single, other_than=batch.created)
        return single.filter(~pl.col(EVENT_ID).is_in(list(known))) if known else single

    def _settle(self) -> None:
        flight = self._flights.popleft()
        for insert in flight.inserts:
            insert.result()
        self._step("stored")
        with self._lake.state.transaction() as transaction:
            opened = write_alerts(transaction, flight.found, self._settings.session_gap)
            transaction.finish_batch(flight.batch.token, flight.counts)
        self._step("committed")
        self._report.alerts += opened
        self._report.findings += flight.findings
        for path, added in flight.added.items():
            self._added[path] = self._added.get(path, 0) + added
        self._progress.advanced(flight.size, sum(flight.added.values()))

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
