"""The journal: every line of every part, in a file that is turned over, whatever the disk and the terminal do."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from miharu.serve import journal as journals
from miharu.serve.journal import Journal
from miharu.serve.logs import EcsLine


@contextmanager
def writing(folder: Path, shown: list[tuple[str, str, str]] | None = None) -> Iterator[Journal]:
    journal = Journal(folder, lambda *words: shown.append(words) if shown is not None else None)
    try:
        yield journal
    finally:
        journal.close()


def ours(number: int, **more: object) -> bytes:
    return EcsLine("worker").line("info", {"message": f"line {number}", **more}).encode()


def lines(place: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in place.read_bytes().splitlines()]


def test_lines_go_to_the_file_the_terminal_and_the_intake(tmp_path: Path):
    shown: list[tuple[str, str, str]] = []
    with writing(tmp_path / "logs", shown) as journal:
        journal.take("worker", ours(1, **{"miharu.records": 7, "error.message": "why"}))
        journal.take("worker", b"")
        assert journal.for_intake(0) == (tmp_path / "logs" / "miharu.log").read_bytes()
        assert journal.for_intake(0) == b""
    assert shown == [("info", "worker", "line 1 (records 7; error.message why)")]


@pytest.mark.parametrize("line", [b"Traceback (most recent call last):", b"\xff\xfe", b'"text"', b"[1]", b"{", b"nan"])
def test_last_words_that_are_no_line_of_ours_become_one(line: bytes, tmp_path: Path):
    shown: list[tuple[str, str, str]] = []
    with writing(tmp_path, shown) as journal:
        journal.take("api", line)
    (written,) = lines(tmp_path / "miharu.log")
    assert written["message"] == line.decode("utf-8", "replace")
    assert (written["log.level"], written["process.name"]) == ("error", "api")
    assert shown == [("error", "api", line.decode("utf-8", "replace"))]


def test_the_file_is_turned_over_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "_BYTES", 2000)
    with writing(tmp_path) as journal:
        for number in range(300):
            journal.take("worker", ours(number))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["miharu.log", *[f"miharu.log.{number}" for number in range(1, 6)]]
    found = [line["message"] for name in [*reversed(names[1:]), names[0]] for line in lines(tmp_path / name)]
    assert found == [f"line {number}" for number in range(300 - len(found), 300)]
    assert all(path.stat().st_size < 2500 for path in tmp_path.iterdir())


def test_a_journal_goes_on_where_the_last_one_ended(tmp_path: Path):
    for number in range(2):
        with writing(tmp_path) as journal:
            journal.take("worker", ours(number))
    assert [line["message"] for line in lines(tmp_path / "miharu.log")] == ["line 0", "line 1"]


def test_lines_of_many_threads_stay_whole(tmp_path: Path):
    with writing(tmp_path) as journal:
        threads = [
            threading.Thread(target=lambda: [journal.take("worker", ours(number)) for number in range(200)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(lines(tmp_path / "miharu.log")) == 800


def test_a_full_disk_costs_lines_and_says_how_many(tmp_path: Path):
    class Full:
        """A file on a disk that takes `room` more bytes."""

        def __init__(self, file, room: int) -> None:
            self.file, self.room = file, room

        def __getattr__(self, name: str):
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            taken = data[: self.room]
            self.room -= len(taken)
            if not taken:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(taken)

    shown: list[tuple[str, str, str]] = []
    with writing(tmp_path, shown) as journal:
        journal._file = full = Full(journal._file, len(ours(0)) + 20)  # type: ignore[assignment]
        for number in range(5):
            journal.take("worker", ours(number))
        assert [line["message"] for line in lines(tmp_path / "miharu.log")] == ["line 0"]
        full.room = 1 << 20
        journal.take("worker", ours(5))
        journal.take("worker", ours(6))
    _, lost, *rest = lines(tmp_path / "miharu.log")
    assert (lost["log.level"], lost["miharu.lines"]) == ("error", 4)
    assert [line["message"] for line in rest] == ["line 5", "line 6"]
    assert len(shown) == 7


def test_a_file_that_cannot_be_turned_over_is_written_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "_BYTES", 2000)
    with writing(tmp_path) as journal:
        for number in range(3):
            journal.take("worker", ours(number))
        real = Path.open

        def refuse(self: Path, *words: object, **more: object):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "open", refuse)
        for number in range(3, 30):
            journal.take("worker", ours(number))
        monkeypatch.setattr(Path, "open", real)
        for number in range(30, 33):
            journal.take("worker", ours(number))
    found = [line["message"] for name in ("miharu.log.1", "miharu.log") for line in lines(tmp_path / name)]
    assert [text for text in found if str(text).startswith("line ")] == [f"line {number}" for number in range(33)]


def test_a_terminal_that_is_gone_stops_nothing(tmp_path: Path):
    def gone(*_: str) -> None:
        raise BrokenPipeError

    journal = Journal(tmp_path, gone)
    try:
        journal.take("worker", ours(0))
        journal.take("worker", ours(1))
    finally:
        journal.close()
    assert len(lines(tmp_path / "miharu.log")) == 2


def test_what_waits_for_the_intake_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journals, "_WAITING", 10)
    with writing(tmp_path) as journal:
        for number in range(30):
            journal.take("worker", ours(number))
        waiting = [orjson.loads(line)["message"] for line in journal.for_intake(0).splitlines()]
    assert waiting == [f"line {number}" for number in range(20, 30)]
