"""Content folders → the rules and log sources the API tells of, loaded when asked for and again when files change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from miharu.catalog import LogSource, content_root, load_logsources
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet, tuning_folders
from miharu.pipeline import load_ruleset, rule_paths

_LOOK_SECONDS: Final = 5.0

Stamp = tuple[tuple[str, int, int], ...]


class Shelf:
    """Rules and log sources; methods block and may be called by several threads."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._explaining = threading.Lock()
        self._rules: RuleSet | None = None
        self._detector: tuple[RuleSet, Detector] | None = None
        self._sources: list[LogSource] = []
        self._rules_stamp: Stamp = ()
        self._sources_stamp: Stamp = ()
        self._looked = {"rules": float("-inf"), "sources": float("-inf")}

    def rules(self) -> RuleSet:
        """Return the rules that apply."""
        with self._lock:
            if self._due("rules"):
                stamp = _stamp([*rule_paths(self._settings), *tuning_folders(self._settings.data)])
                if self._rules is None or stamp != self._rules_stamp:
                    self._rules, self._rules_stamp = load_ruleset(self._settings), stamp
                self._looked["rules"] = self._clock()
            assert self._rules is not None
            return self._rules

    @contextmanager
    def detector(self) -> Iterator[Detector]:
        """Give a detector of the rules that apply, to one thread at a time."""
        with self._explaining:
            rules = self.rules()
            if self._detector is None or self._detector[0] is not rules:
                self._detector = rules, Detector(rules)
            yield self._detector[1]

    def sources(self) -> list[LogSource]:
        """Return the log sources. Raises ContentError where one has a fault."""
        with self._lock:
            if self._due("sources"):
                stamp = _stamp([content_root() / "logsources"])
                if stamp != self._sources_stamp:
                    self._sources, self._sources_stamp = list(load_logsources()), stamp
                self._looked["sources"] = self._clock()
            return self._sources

    def _due(self, what: str) -> bool:
        return self._clock() - self._looked[what] >= _LOOK_SECONDS


def _stamp(paths: list[Path]) -> Stamp:
    """Return name, size and time of change of every file under some paths."""
    found: list[tuple[str, int, int]] = []
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            try:
                kept = file.stat()
            except OSError:  # gone since it was listed; the next look sees what came
                continue
            found.append((str(file), kept.st_size, kept.st_mtime_ns))
    return tuple(found)
