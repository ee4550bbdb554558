"""An import killed at any moment, and run again until it ends, leaves what one undisturbed import leaves."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.journey.importing import Place, auth_lines

ROWS = 150
STEPS = ("journalled", "stored", "committed", "journalled/store", "stored/store")
RANDOM_KILLS = 38


def start(place: Place, logs: Path, step: str = "never", number: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.journey.crashing", str(place.data), str(ROWS), step, str(number), str(logs)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def run(place: Place, logs: Path, step: str = "never", number: int = 0) -> int:
    process = start(place, logs, step, number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL or not process.returncode or step != "never", errors.decode()
    return process.returncode


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    for number in range(5):
        (folder / f"auth-{number}.log").write_bytes(auth_lines(60 + 400 * number, first=number * 10_000))
    (folder / "packed.log.gz").write_bytes(gzip.compress(auth_lines(500, first=90_000)))
    (folder / "broken.json").write_bytes(b'{"a": 1}\n{"a": \n{"b": 2}\n' * 40)
    return folder


@pytest.fixture(scope="module")
def undisturbed(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    place.take(logs, rows=ROWS)
    contents = place.contents()
    assert len(contents["events"]) == 60 * 5 + 400 * 10 + 500 + 80  # type: ignore[arg-type]
    assert len(contents["rejects"]) == 40  # type: ignore[arg-type]
    return contents


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_of_a_batch(step: str, logs: Path, undisturbed: dict[str, object], tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in (1, 4, 2):
        assert run(place, logs, step, number) != 0
    assert run(place, logs) == 0
    assert place.contents() == undisturbed


def run_and_time(place: Place, logs: Path) -> float:
    begun = time.monotonic()
    assert run(place, logs) == 0
    return time.monotonic() - begun


@pytest.mark.timeout(1800)
def test_killed_at_random_moments(logs: Path, undisturbed: dict[str, object], tmp_path: Path) -> None:
    chance = random.Random(20260301)
    whole = Place(tmp_path / "whole")
    whole.data.mkdir()
    # A fast machine must not end the import before the moment comes.
    undisturbed_seconds = run_and_time(whole, logs)
    kills = life = 0
    while kills < RANDOM_KILLS:
        place = Place(tmp_path / f"life-{life}")
        place.data.mkdir()
        life += 1
        while True:
            process = start(place, logs)
            try:
                process.communicate(timeout=chance.uniform(0.3, 1.2) * undisturbed_seconds)
                assert process.returncode == 0
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
            if kills % 3 == 0:
                time.sleep(chance.uniform(0, 1))
        assert place.contents() == undisturbed
