"""A hunt that is told where to die: `python -m tests.journey.crashing_hunt DATA ROWS STEP NUMBER`.

It hunts with all shipped rules through everything, in pieces of about ROWS events; see `tests.journey.crashing`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from miharu.core.settings import Settings
from miharu.pipeline import Hunter, Question, huntplan, load_ruleset, open_lake
from tests.journey.crashing import Doom


def main(data: str, rows: str, step: str, number: str) -> None:
    huntplan.PIECE_ROWS = int(rows)
    settings = Settings(data=Path(data))
    question = Question(load_ruleset(settings), None, None, "everything")
    with open_lake(settings) as lake:
        Hunter(lake, settings, step=Doom(lake.store, step, int(number))).hunt(question)


if __name__ == "__main__":
    main(*sys.argv[1:])
