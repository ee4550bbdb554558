"""`python -m miharu.serve.part NAME`: settings on stdin → one part of the running system.

The first line on stdin is the settings as JSON. As long as stdin stays open the supervisor lives; when it ends, the
part ends too, however the supervisor died.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import structlog

from miharu.core.errors import EXIT_OPERATOR, MiharuError
from miharu.core.settings import Settings
from miharu.pipeline import write_vitals
from miharu.serve.living import vitals_now
from miharu.serve.locks import part_lock
from miharu.serve.logs import configure_logs

_log = structlog.get_logger()


def _intake(settings: Settings) -> None:
    from miharu.serve.intake import run  # noqa: PLC0415 - a part loads what it needs, no more

    run(settings)


def _worker(settings: Settings) -> None:
    from miharu.serve.worker import run  # noqa: PLC0415

    run(settings)


def _api(settings: Settings) -> None:
    from miharu.serve.api.main import run  # noqa: PLC0415

    run(settings)


def _courier(settings: Settings) -> None:
    from miharu.serve.courier import run  # noqa: PLC0415

    run(settings)


PARTS: Final[dict[str, Callable[[Settings], None]]] = {
    "intake": _intake,
    "worker": _worker,
    "api": _api,
    "courier": _courier,
}


def main() -> int:
    """Run the part named on the command line; return the exit code."""
    name = sys.argv[1]
    configure_logs(name)
    # Unbuffered: what follows the first line is for the part itself.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as first:
        settings = Settings.model_validate_json(first.readline())
    with part_lock(settings):
        try:
            PARTS[name](settings)
        except MiharuError as error:
            _log.error("part ends", action="part-failed", error=str(error))
            write_vitals(settings.data, vitals_now(name, "stopped", str(error)))
            return EXIT_OPERATOR
    return 0


if __name__ == "__main__":
    sys.exit(main())
