"""Rules that are new or have changed → a hunt through what was stored before they were there.

Live work and imports judge with the rules of their time. The state notes which these were; what differs from them now
is hunted back over a bounded span, by the worker of `serve` where one runs, else by the command that changed the rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import structlog

from miharu.core.clock import Clock, system_clock
from miharu.core.errors import MiharuError
from miharu.core.identity import hash_parts
from miharu.core.settings import Settings
from miharu.detect import RuleSet, only_rules
from miharu.pipeline.hunting import Hunter, HuntProgress, HuntReport, Question
from miharu.pipeline.stages import LiveStages
from miharu.pipeline.vitals import read_vitals
from miharu.pipeline.wiring import Lake, open_lake
from miharu.respond import load_targets
from miharu.store import Hunt, State

_ALIVE: Final = timedelta(seconds=15)
"""A worker that said nothing for so long does not run."""
_LOOK_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 30.0

_log = structlog.get_logger()

Rules: TypeAlias = Mapping[str, str]
"""Hashes of rules by their ids."""


def hashes(ruleset: RuleSet) -> dict[str, str]:
    """Return the rules of a rule set by id, with the hash of their content."""
    return {rule.id: rule.hash for rule in ruleset.rules}


def note_rules(state: State, ruleset: RuleSet) -> None:
    """Write down which rules judge from now on, where nothing was written down yet."""
    if not state.hunts.seen_rules():
        state.hunts.see_rules(hashes(ruleset))


def plan_hunt(
    state: State, ruleset: RuleSet, settings: Settings, before: Rules | None = None, clock: Clock = system_clock
) -> Hunt | None:
    """Write a hunt down for rules that are new or have changed, and that these rules judge from now on.

    `before` are the rules there were, where the state has noted none (None: nothing is new then). Returns the hunt,
    None where there is none.
    """
    now = hashes(ruleset)
    seen = state.hunts.seen_rules() or before
    fresh = {} if seen is None else {rule: content for rule, content in now.items() if seen.get(rule) != content}
    hunt = ask_for_hunt(state, fresh, settings, clock)
    if seen != now:
        state.hunts.see_rules(now)
    return hunt


def ask_for_hunt(state: State, rules: Rules, settings: Settings, clock: Clock = system_clock) -> Hunt | None:
    """Write a hunt over the configured span down for rules; None where there are none, or none is wanted."""
    if not rules or not settings.hunt_back:
        return None
    begin = clock() - settings.hunt_back
    key = hash_parts("changed", begin.isoformat(), *(part for pair in sorted(rules.items()) for part in pair))
    return state.hunts.begin(key, "changed", rules, (begin, None))


def question_of(hunt: Hunt, ruleset: RuleSet, disabled: Collection[str] = ()) -> Question:
    """Return the question of a hunt that was written down; rules that changed since have a hunt of their own."""
    current = hashes(ruleset)
    wanted = {rule for rule, content in hunt.rules.items() if current.get(rule) == content and rule not in disabled}
    return Question(only_rules(ruleset, wanted), hunt.begin, hunt.end, hunt.key, hunt.origin)


def run_waiting(
    hunter: Hunter,
    state: State,
    ruleset: RuleSet,
    progress: Callable[[], HuntProgress] | None = None,
    stop: threading.Event | None = None,
) -> list[HuntReport]:
    """Run the hunts for changed rules that are not done, oldest first."""
    reports: list[HuntReport] = []
    disabled = {overlay.rule_id for overlay in state.overlays.book().rules.values() if not overlay.enabled}
    for hunt in state.hunts.unfinished("changed"):
        if stop is not None and stop.is_set():
            break
        question = question_of(hunt, ruleset, disabled)
        reports.append(hunter.hunt(question, progress() if progress else None, stop))
    return reports


def worker_runs(settings: Settings, clock: Clock = system_clock) -> bool:
    """Say whether a worker of `serve` follows this data folder now."""
    vitals = read_vitals(settings.data).get("worker")
    return vitals is not None and vitals.state != "stopped" and clock() - vitals.at < _ALIVE


class HuntKeeper:
    """Hunts for new and changed rules beside a live worker, in a thread of its own; `idle` says when it may go on."""

    def __init__(self, settings: Settings, stages: LiveStages, idle: Callable[[], bool] = lambda: True) -> None:
        self._settings = settings
        self._stages = stages
        self._idle = idle
        self._known: RuleSet | None = None
        self._thread = threading.Thread(target=self._keep, name="miharu-hunts", daemon=True)
        self._stop = threading.Event()
        self.trouble = ""
        self.finished = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the piece that is being judged; what is left is hunted after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                with State.open(self._settings.data) as state:
                    while not self._stop.wait(_LOOK_SECONDS):
                        self._look(state)
            except (MiharuError, OSError) as error:
                self.trouble = f"the hunt for changed rules waits: {error}"
                _log.warning("hunt waits", action="hunt-waits", error=str(error))
                self._stop.wait(_RETRY_SECONDS)

    def _look(self, state: State) -> None:
        ruleset = self._stages.current.ruleset
        if ruleset is not self._known:
            planned = plan_hunt(state, ruleset, self._settings)
            if planned is not None:
                _announce(planned)
            self._known = ruleset
        if self._idle() and state.hunts.unfinished("changed"):
            with open_lake(self._settings) as lake:
                self._hunt(lake, ruleset)
        self.trouble = ""

    def _hunt(self, lake: Lake, ruleset: RuleSet) -> None:
        hunter = Hunter(lake, self._settings, load_targets(self._settings), alone=False)
        for report in run_waiting(hunter, lake.state, ruleset, stop=self._stop):
            self.finished += report.finished
            _log.info(
                "hunt ended" if report.finished else "hunt stopped",
                action="hunt-ended",
                events=report.events,
                findings=report.findings,
                alerts=report.alerts,
                seconds=round(report.seconds, 1),
            )


def _announce(hunt: Hunt) -> None:
    since: datetime | None = hunt.begin
    _log.info(
        "new and changed rules hunt back",
        action="hunt-planned",
        rules=len(hunt.rules),
        since=since.isoformat() if since else "",
    )
