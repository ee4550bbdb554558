"""The seed → `content/samples`, one file per log."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from bench.morning import firewall, linux, windows
from bench.morning.story import SEED, Line

SAMPLES = Path(__file__).resolve().parents[2] / "content" / "samples"
LOGS: dict[str, Callable[[random.Random], list[Line]]] = {
    "fw01/asa.log": firewall.log,
    "web01/auth.log": linux.auth,
    "web01/access.log": linux.access,
    "ws07/sysmon.json": windows.sysmon,
    "file01/winlogbeat.json": windows.server,
}


def texts() -> dict[str, str]:
    """Return the text of each sample file under its path; each log has a seed of its own."""
    return {
        place: "".join(f"{line.text}\n" for line in make(random.Random(f"{SEED} {place}")))
        for place, make in LOGS.items()
    }


def main() -> None:
    for place, text in texts().items():
        path = SAMPLES / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(SAMPLES.parents[1])}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
