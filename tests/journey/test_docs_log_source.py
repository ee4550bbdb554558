"""The page on adding a log source → its commands, run as they stand, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import text_of
from tests.journey.test_docs_commands import examples

PAGE = Path("docs/how-to/add-a-log-source.md")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of the page prints, in a folder of its own."""
    folder = tmp_path_factory.mktemp("page")
    blocks = [example.text for example in examples(PAGE)]
    assert len(blocks) == text_of(PAGE).count("```sh")
    mark = "=== next ==="
    script = "set -eo pipefail\n" + f"\necho '{mark}'\n".join(blocks)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(mark + "\n")


def test_the_page_begins_with_an_unknown_log_and_ends_with_a_known_one(outputs: list[str]) -> None:
    assert "system.syslog" in outputs[1]
    assert "example.shopd" in outputs[2]
    assert "3 samples written" in outputs[4]
    assert "event.outcome: failure" in outputs[4]
    lines = [json.loads(line) for line in outputs[5].splitlines() if line.startswith("{")]
    (found,) = [line for line in lines if line.get("event.action") == "login"]
    assert (found["user.name"], found["event.dataset"]) == ("mallory", "example.shopd")
    (health,) = [line for line in lines if line.get("source") == "example.shopd"]
    assert (health["events"], health["unread_percent"]) == (3, 0.0)
