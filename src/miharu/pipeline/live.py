"""The spool → stored events, findings and alerts, as they come in, each exactly once.

A batch is what arrived within a moment, or as much as is good to handle at once. It is written to a journal with the
span of the spool it covers; `miharu.pipeline.landing` does the rest. Whatever stops the worker, the next one reads
the journalled spans again, unchanged, and goes on behind them.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from miharu.core.clock import Clock, system_clock
from miharu.core.errors import OperatorError
from miharu.core.frame import Frame
from miharu.core.settings import Settings
from miharu.pipeline.caution import Caution
from miharu.pipeline.collecting import frozen_again, rare_collections
from miharu.pipeline.framing import chunks_of, name_senders
from miharu.pipeline.landing import Landed, Landing, Runway, Step
from miharu.pipeline.reading import ReadBatch
from miharu.pipeline.stages import LiveStages
from miharu.pipeline.wiring import Lake, open_lake
from miharu.respond import load_targets
from miharu.spool import Damage, Position, SpoolReader
from miharu.store import LiveBatch

_POLL_SECONDS: Final = 0.03
_FORGET_SECONDS: Final = 1.0
_BATCH_BYTES: Final = 64 * 1024 * 1024
_KEPT_SEGMENTS: Final = 2
_ROOMY: Final = 8
"""Segments the spool must have room for before any is kept."""
_EVERYTHING: Final = 1 << 62
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts while the store or the state cannot be reached."""

_log = structlog.get_logger()


@dataclass(slots=True)
class Pulse:
    """What a worker has done and how it is; read by other threads."""

    counters: Counter[str] = field(default_factory=Counter)
    backlog: int = 0
    lag: float = 0.0
    trouble: str = ""


class LiveWorker:
    """Follows the spool of a data folder. One process at a time may use a `name`."""

    def __init__(
        self,
        settings: Settings,
        stages: LiveStages,
        name: str = "worker",
        clock: Clock = system_clock,
        step: Step | None = None,
    ) -> None:
        self._settings = settings
        self._stages = stages
        self._name = name
        self._clock = clock
        self._step: Step = step or (lambda _: None)
        self._caution = Caution()
        self.pulse = Pulse()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; the batches under way end first."""
        attempts = 0
        with rare_collections():
            while not stop.is_set():
                began = time.monotonic()
                try:
                    self._follow(stop)
                except (OperatorError, OSError) as error:
                    attempts = 0 if time.monotonic() - began > _PAUSES[-1] else attempts + 1
                    if self.pulse.trouble != str(error):
                        _log.warning("records wait", action="store-lost", error=str(error))
                    self.pulse.trouble = str(error)
                    self.pulse.counters["store_losses"] += 1
                    stop.wait(_PAUSES[min(attempts, len(_PAUSES) - 1)])

    def _follow(self, stop: threading.Event) -> None:
        with open_lake(self._settings) as lake:
            _Following(self._settings, self._stages, self._name, lake, self._caution, self.pulse).run(
                stop, self._clock, self._step
            )


class _Following:
    """One unbroken time with an open store."""

    def __init__(
        self, settings: Settings, stages: LiveStages, name: str, lake: Lake, caution: Caution, pulse: Pulse
    ) -> None:
        self._settings = settings
        self._stages = stages
        self._name = name
        self._lake = lake
        self._caution = caution
        self._pulse = pulse
        self._spool = SpoolReader.open(settings.data / "spool")
        self._forgot = 0.0

    def run(self, stop: threading.Event, clock: Clock, step: Step) -> None:
        runway = Runway(self._lake, self._settings.session_gap, step, load_targets(self._settings))
        state = self._lake.state
        place = Position(*state.live_position(self._name))
        for batch in state.pending_live(self._name):
            self._repeat(runway, batch)
        runway.settle_all()
        self._pulse.trouble = ""
        while not stop.is_set():
            frames, end = self._gather(runway, place, stop)
            if end != place:
                batch = state.begin_live(self._name, (place.segment, place.offset), (end.segment, end.offset), clock())
                step("journalled")
                self._take(runway, batch, frames)
                place = end
            else:
                runway.settle_all()
            self._look_around(place)
        runway.settle_all()

    def _repeat(self, runway: Runway, batch: LiveBatch) -> None:
        """Bring a batch that was begun and not finished to its end."""
        taken = self._spool.read(Position(*batch.begin), rows=_EVERYTHING, size=_EVERYTHING, end=Position(*batch.end))
        self._tell(taken.damages)
        self._take(runway, batch, taken.frames, again=True)

    def _gather(self, runway: Runway, place: Position, stop: threading.Event) -> tuple[list[Frame], Position]:
        """Return what comes within a moment after the first frame, and where the spool is read on."""
        frames: list[Frame] = []
        rows = size = 0
        deadline = time.monotonic() + self._settings.live_seconds
        while rows < self._settings.live_rows and size < _BATCH_BYTES:
            taken = self._spool.read(place, rows=self._settings.live_rows - rows, size=_BATCH_BYTES - size)
            self._tell(taken.damages)
            if taken.end != place:
                if not frames:
                    deadline = time.monotonic() + self._settings.live_seconds
                frames += taken.frames
                rows += sum(frame.records for frame in taken.frames)
                size += sum(len(frame.data) for frame in taken.frames)
                place = taken.end
                continue
            runway.settle_done()
            if time.monotonic() >= deadline or stop.wait(_POLL_SECONDS):
                break
        return frames, place

    def _take(self, runway: Runway, batch: LiveBatch, frames: list[Frame], *, again: bool = False) -> None:
        stages = self._stages.current
        read = self._caution.read(stages.reader, chunks_of(frames), batch.created)
        read = ReadBatch(name_senders(read.events), name_senders(read.rejects), read.bounds)
        runway.take(
            Landing(
                batch.token,
                batch.created,
                read,
                finish=lambda transaction: transaction.finish_live(self._name, batch.token),
                landed=self._counted(frames, read),
                again=again,
                natural=any(frame.ids is not None for frame in frames),
            ),
            lambda events: self._caution.judge(stages.detector, events),
        )

    def _counted(self, frames: list[Frame], read: ReadBatch) -> Callable[[Landed], None]:
        newest: datetime | None = max((frame.received for frame in frames), default=None)
        records = sum(frame.records for frame in frames)
        rejects = read.rejects.height

        def landed(outcome: Landed) -> None:
            counters = self._pulse.counters
            counters["batches"] += 1
            counters["records"] += records
            counters["events"] += sum(outcome.events.values())
            counters["rejects"] += rejects
            counters["findings"] += outcome.findings
            counters["alerts"] += outcome.alerts
            counters["faults"] = self._caution.faults
            if newest is not None:
                self._pulse.lag = (system_clock() - newest).total_seconds()

        return landed

    def _look_around(self, place: Position) -> None:
        if self._stages.renew():
            frozen_again()
        now = time.monotonic()
        if now - self._forgot >= _FORGET_SECONDS:
            self._forgot = now
            self._forget(Position(*self._lake.state.live_stored(self._name)))
            self._pulse.backlog = self._spool.backlog(place)

    def _forget(self, stored: Position) -> None:
        """Delete what is stored. The last segments stay while there is room.

        After a fall the intake looks there for requests whose senders had no answer and will come again.
        """
        settings = self._settings
        roomy = settings.spool_bytes >= _ROOMY * settings.spool_segment_bytes
        folder = settings.data / "spool"  # it may have a disk of its own
        free = shutil.disk_usage(folder).free if folder.exists() else 0
        if roomy and free > settings.spool_free_bytes + _ROOMY * settings.spool_segment_bytes:
            stored = Position(max(0, stored.segment - _KEPT_SEGMENTS), 0)
        self._spool.forget(stored)

    def _tell(self, damages: list[Damage]) -> None:
        for damage in damages:
            self._pulse.counters["damages"] += 1
            self._pulse.counters["damaged_bytes"] += damage.size
            _log.error(
                "damaged part of the spool set aside",
                action="spool-damage",
                segment=damage.segment,
                offset=damage.offset,
                size=damage.size,
                detail=damage.detail,
                kept=str(damage.kept),
            )
