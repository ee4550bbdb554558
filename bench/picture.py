"""The sample morning, imported → `docs/images/alerts.svg`: what a terminal really shows (`make picture`)."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bench.measures import MIHARU
from bench.morning.__main__ import SAMPLES

PICTURE = SAMPLES.parents[1] / "docs" / "images" / "alerts.svg"
WIDTH = 150


def call(data: Path, *words: str) -> str:
    terminal = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    command = [str(MIHARU), "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=terminal).stdout


def main() -> None:
    screen = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory(prefix="miharu-picture-") as folder:
        data = Path(folder)
        # The folder as a user sees it, whatever this checkout is called.
        os.chdir(SAMPLES.parents[1])
        call(data, "import", "content/samples")
        first = call(data, "alerts", "list", "--format", "csv", "--limit", "1").splitlines()[1].split(",")[0]
        for words in (("alerts", "list", "--level", "medium"), ("alerts", "show", first[:12], "--limit", "1")):
            screen.print(f"[bold green]$[/] miharu {' '.join(words)}")
            screen.print(Text.from_ansi(call(data, *words)))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    # The font would be fetched from elsewhere; any monospaced one of the reader's will do.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", screen.export_svg(title="miharu"), flags=re.DOTALL)
    PICTURE.write_text(drawn.replace("font-family: Fira Code, monospace", "font-family: monospace"), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
