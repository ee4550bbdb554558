"""A part's process: it gets its settings first, is started again after a growing pause, and is ended for sure."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from miharu.core.settings import Settings
from miharu.serve import children
from miharu.serve.children import Child
from tests.journey.serving import until

BEGINS = "import sys, time, signal, os\nsettings = sys.stdin.buffer.readline()\n"

Make = Callable[[str], Child]


@pytest.fixture
def heard() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def make(tmp_path: Path, heard: list[tuple[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make a child that runs a program of the test in place of a part."""
    made: list[Child] = []
    real = children.subprocess.Popen

    def made_child(program: str) -> Child:
        place = tmp_path / f"{len(made)}.py"
        place.write_text(BEGINS + textwrap.dedent(program))

        def popen(command: list[str], **more: object):
            assert command[1:3] == ["-m", "miharu.serve.part"]
            return real([sys.executable, str(place)], **more)  # type: ignore[call-overload]

        monkeypatch.setattr(children.subprocess, "Popen", popen)
        child = Child("worker", Settings(data=tmp_path), lambda *words: heard.append(words))
        made.append(child)
        return child

    yield made_child
    for child in made:
        child.ask_to_end()
        child.wait(0.2)


def test_it_gets_its_settings_and_what_it_is_told(make: Make, heard: list[tuple[str, bytes]], tmp_path: Path):
    child = make("sys.stderr.buffer.write(settings)\nfor line in sys.stdin.buffer: os.write(2, b'got ' + line)")
    assert not child.tell(b"too early\n")
    child.start()
    assert child.tell(b"a line\n")
    until(lambda: len(heard) == 2)
    assert Settings.model_validate_json(heard[0][1]) == Settings(data=tmp_path)
    assert heard[1] == ("worker", b"got a line")
    assert child.exit_code is None
    assert child.pid == child.last_pid


def test_one_that_falls_is_started_again_after_growing_pauses(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(children, "_PAUSES", (0.0, 0.3, 0.3))
    child = make("sys.exit(3)")
    child.look()
    assert child.starts == 1
    until(lambda: child.exit_code == 3)
    child.look()
    assert child.starts == 2, "at once after the first fall"
    until(lambda: child.exit_code == 3)
    child.look()
    assert child.starts == 2
    assert child.exit_code is None
    until(lambda: child.look() or child.starts == 3)


def test_one_that_runs_is_left_alone(make: Make):
    child = make("time.sleep(60)")
    child.look()
    pid = child.pid
    for _ in range(5):
        child.look()
    assert (child.starts, child.pid) == (1, pid)


def test_it_ends_when_asked(make: Make, heard: list[tuple[str, bytes]]):
    child = make(
        """
        signal.signal(signal.SIGTERM, lambda *_: (os.write(2, b'well\\n'), sys.exit(0)))
        os.write(2, b'up\\n')
        time.sleep(60)
        """
    )
    child.start()
    until(lambda: heard)
    child.ask_to_end()
    assert child.wait(20)
    assert child.pid is None
    assert heard == [("worker", b"up"), ("worker", b"well")]


def test_one_that_does_not_end_is_killed(make: Make, heard: list[tuple[str, bytes]]):
    child = make("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.write(2, b'up\\n')\ntime.sleep(60)")
    child.start()
    until(lambda: heard)
    pid = child.last_pid
    child.ask_to_end()
    assert not child.wait(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_telling_one_that_is_gone_is_no_fault(make: Make):
    child = make("sys.exit(0)")
    child.start()
    until(lambda: child.exit_code == 0)
    assert not child.tell(b"x" * 100_000)
    assert child.wait(1)
    assert child.wait(1), "waiting twice is no fault"
    child.ask_to_end()


def test_one_that_ends_before_it_has_its_settings_is_no_fault(make: Make, monkeypatch: pytest.MonkeyPatch):
    real = os.kill
    child = make("")
    child._settings = Settings(data=Path("x" * 200_000))  # more than a pipe holds
    made = children.subprocess.Popen

    def popen(*words: object, **more: object):
        process = made(*words, **more)  # type: ignore[call-overload]
        real(process.pid, signal.SIGKILL)
        process.wait()
        return process

    monkeypatch.setattr(children.subprocess, "Popen", popen)
    child.start()
    assert child.exit_code == -signal.SIGKILL


def test_no_process_to_be_had_is_tried_again(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(children, "_PAUSES", (0.0,))
    child = make("time.sleep(60)")
    works = children.subprocess.Popen

    def refuse(*_: object, **__: object):
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(children.subprocess, "Popen", refuse)
    child.look()
    assert (child.starts, child.pid) == (0, None)
    monkeypatch.setattr(children.subprocess, "Popen", works)
    until(lambda: child.look() or child.starts == 1)


def test_its_last_words_are_heard_and_files_are_closed(make: Make, heard: list[tuple[str, bytes]]):
    child = make("os.write(2, b'a\\nlast words, no end of line')\nos._exit(1)")
    before = len(list(Path("/proc/self/fd").iterdir()))
    child.start()
    until(lambda: child.exit_code == 1)
    assert child.wait(1)
    assert heard == [("worker", b"a"), ("worker", b"last words, no end of line")]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
