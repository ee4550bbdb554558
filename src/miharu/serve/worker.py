"""The worker part: spool → store, with its vitals."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Final

import structlog

from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import HuntKeeper, LiveStages, LiveWorker, write_vitals
from miharu.serve.living import stop_event, vitals_now

_BEAT_SECONDS: Final = 1.0
_NICENESS: Final = 5
"""Listeners come first when the processor is short: what waits in the spool is safe, a datagram is not."""
_BUSY_BYTES: Final = 8 * 1024 * 1024
"""With more than this waiting in the spool, no hunt begins."""

_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Work until told to stop."""
    stop = stop_event()
    os.nice(_NICENESS)
    write_vitals(settings.data, vitals_now("worker", "starting"))
    stages = LiveStages(settings)
    stages.start()
    worker = LiveWorker(settings, stages)
    hunts = HuntKeeper(settings, stages, idle=lambda: worker.pulse.backlog < _BUSY_BYTES)
    hunts.start()
    beat = threading.Thread(target=_beat, args=(settings, worker, stages, hunts, stop), daemon=True)
    beat.start()
    _log.info("worker runs", action="started", rules=stages.current.rules, rules_not_run=stages.current.problems)
    try:
        worker.run(stop)
    finally:
        hunts.stop()
        stages.stop()
        stop.set()
        beat.join()
        write_vitals(settings.data, replace(_vitals(worker, stages, hunts), state="stopped"))


def _beat(settings: Settings, worker: LiveWorker, stages: LiveStages, hunts: HuntKeeper, stop: threading.Event) -> None:
    while not stop.is_set():
        write_vitals(settings.data, _vitals(worker, stages, hunts))
        stop.wait(_BEAT_SECONDS)


def _vitals(worker: LiveWorker, stages: LiveStages, hunts: HuntKeeper) -> Vitals:
    pulse = worker.pulse
    trouble = pulse.trouble or stages.trouble or hunts.trouble
    return replace(
        vitals_now("worker", "trouble" if trouble else "running", trouble),
        counters={**pulse.counters, "reloads": stages.reloads, "hunts": hunts.finished},
        gauges={
            "spool_backlog_bytes": pulse.backlog,
            "lag_seconds": pulse.lag,
            "rules": stages.current.rules,
            "rules_not_run": stages.current.problems,
        },
    )
