"""Content folders → a reader and a detector, made anew in the background whenever a file changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
import watchfiles

from miharu.catalog import content_root
from miharu.core.errors import MiharuError
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet, tuning_folders
from miharu.pipeline.reading import Reader
from miharu.pipeline.rulebook import imported_folder
from miharu.pipeline.wiring import load_ruleset, make_reader

_QUIET_MILLISECONDS: Final = 500
"""An editor or an import writes many files: look again until nothing changed for so long."""
_WAKE_MILLISECONDS: Final = 1_000

_TOLD: Final = 20
"""Rules that are named in the log when they do not run; all are listed by the API."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stages:
    """What a batch passes: `rules` of the detector run, `problems` rules cannot."""

    reader: Reader
    detector: Detector
    ruleset: RuleSet
    rules: int
    problems: int


def load_stages(settings: Settings) -> Stages:
    """Load log sources and rules. Raises ContentError, OperatorError."""
    ruleset = load_ruleset(settings)
    return Stages(make_reader(settings), Detector(ruleset), ruleset, len(ruleset.rules), len(ruleset.problems))


class LiveStages:
    """The stages that apply now; a change that cannot be loaded is logged and the old ones stay."""

    def __init__(self, settings: Settings, load: Callable[[Settings], Stages] = load_stages) -> None:
        self._settings = settings
        self._load = load
        self._stop = threading.Event()
        self._fresh: Stages | None = None
        self._lock = threading.Lock()
        self.current = load(settings)
        self.reloads = 0
        self.trouble = ""
        self._watcher = threading.Thread(target=self._watch, name="miharu-content", daemon=True)

    def start(self) -> None:
        """Begin to watch the content folders."""
        for folder in self._made_folders():
            folder.mkdir(parents=True, exist_ok=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def renew(self) -> bool:
        """Put the newest stages in place, between two batches; say whether they changed."""
        if self._watcher.ident is not None and not self._watcher.is_alive() and not self._stop.is_set():
            self.trouble = "changes of content are not seen any more: the log says why; start again"
        with self._lock:
            fresh, self._fresh = self._fresh, None
        if fresh is None:
            return False
        old, self.current = self.current, fresh
        self.reloads += 1
        _log.info("content reloaded", action="content-reloaded", rules=fresh.rules, rules_not_run=fresh.problems)
        for problem in sorted(set(fresh.ruleset.problems) - set(old.ruleset.problems))[:_TOLD]:
            _log.warning("rule does not run", action="rule-refused", rule=problem.title, error=str(problem))
        return True

    def _made_folders(self) -> list[Path]:
        """Return the folders of the data folder that hold content; what does not exist cannot be watched."""
        return [imported_folder(self._settings), *tuning_folders(self._settings.data)]

    def _watch(self) -> None:
        folders = [content_root(), *self._made_folders(), *self._settings.rules]
        changes = watchfiles.watch(
            *[folder for folder in folders if Path(folder).exists()],
            stop_event=self._stop,
            step=_QUIET_MILLISECONDS // 5,
            debounce=_QUIET_MILLISECONDS * 4,
            rust_timeout=_WAKE_MILLISECONDS,
            raise_interrupt=False,
        )
        for _ in changes:
            self._reload()

    def _reload(self) -> None:
        try:
            fresh = self._load(self._settings)
        except (MiharuError, OSError) as error:
            self.trouble = f"changed content was not taken, the old one stays: {error}"
            _log.error("content refused", action="content-refused", error=str(error))
            return
        self.trouble = ""
        with self._lock:
            self._fresh = fresh
