"""The courier part: the outbox → messages to the targets of the setting `notify`, with its vitals."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

import structlog

from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import Courier, write_vitals
from miharu.respond import load_targets
from miharu.serve.living import stop_event, vitals_now
from miharu.store import State, StateError

_BEAT_SECONDS: Final = 1.0

_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Send until told to stop."""
    stop = stop_event()
    write_vitals(settings.data, vitals_now("courier", "starting"))
    targets = load_targets(settings)
    with State.open(settings.data) as state:
        courier = Courier(state, targets)
        beat = threading.Thread(target=_beat, args=(settings, courier, state, stop), daemon=True)
        beat.start()
        _log.info("courier runs", action="started", targets=[target.name for target in targets])
        try:
            courier.run(stop)
        finally:
            stop.set()
            beat.join()
            write_vitals(settings.data, replace(_vitals(courier, state), state="stopped"))


def _beat(settings: Settings, courier: Courier, state: State, stop: threading.Event) -> None:
    while not stop.is_set():
        write_vitals(settings.data, _vitals(courier, state))
        stop.wait(_BEAT_SECONDS)


def _vitals(courier: Courier, state: State) -> Vitals:
    troubles = [f"{name}: {text}" for name, text in sorted(courier.troubles.items())]
    found = {"waiting": 0, "failed": 0, "dead": 0}
    try:
        for count in state.outbox_counts():
            if count.state in found:
                found[count.state] += count.notices
    except StateError as error:
        troubles.append(str(error))
    return replace(
        vitals_now("courier", "trouble" if troubles else "running", "; ".join(troubles)),
        counters={name: courier.tally[name] for name in ("sent_messages", "failed_attempts")},
        gauges={f"{state_}_notices": number for state_, number in found.items()},
    )
