"""An import that is told where to die: `python -m tests.journey.crashing DATA ROWS STEP NUMBER PATH…`.

It kills itself, with no chance to clean up, when it reaches the step for the given time; with `never` it
runs to its end. With a step of the store process, that process is killed instead.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

from miharu.core.settings import Settings
from miharu.detect import Detector
from miharu.pipeline import Importer, load_ruleset, make_reader, open_lake
from miharu.store import Store


class Doom:
    """Kills at the `number`-th time `step` is reached."""

    def __init__(self, store: Store, step: str, number: int) -> None:
        self._store = store
        self._step, _, self._victim = step.partition("/")
        self._number = number
        self._seen: Counter[str] = Counter()

    def __call__(self, step: str) -> None:
        self._seen[step] += 1
        if step == self._step and self._seen[step] == self._number:
            os.kill(self._store.process_id if self._victim == "store" else os.getpid(), signal.SIGKILL)


def main(data: str, rows: str, step: str, number: str, *paths: str) -> None:
    settings = Settings(data=Path(data), batch_rows=int(rows))
    reader, detector = make_reader(settings), Detector(load_ruleset(settings))
    with open_lake(settings) as lake:
        importer = Importer(reader, detector, lake, settings, Doom(lake.store, step, int(number)))
        importer.run([Path(path) for path in paths])


if __name__ == "__main__":
    main(*sys.argv[1:])
