"""A live worker stores every record of the spool once, whatever stops it, the store or the reading of a record."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from miharu.core.frame import Frame
from miharu.core.settings import Settings
from miharu.pipeline import LiveStages, LiveWorker, Stages, open_lake
from miharu.spool import SpoolWriter
from tests.journey.serving import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FRAMES, RECORDS = 60, 20


class Doom(BaseException):
    """Not an Exception: nothing may catch it."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return LiveStages(Settings(data=tmp_path_factory.mktemp("stages"))).current


def settings(data: Path) -> Settings:
    return Settings(data=data, live_rows=100, live_seconds=0.05)


def line(number: int) -> bytes:
    return (
        f"<38>Mar  1 12:00:{number % 60:02d} web01 sshd[{number}]: "
        f"Failed password for root from 203.0.113.{number % 5} port {1024 + number} ssh2"
    ).encode()


def frame(number: int, ids: tuple[str | None, ...] | None = None) -> Frame:
    records = [line(number * RECORDS + each) for each in range(RECORDS)]
    lengths = np.array([len(record) for record in records], dtype="<u4").tobytes()
    received = NOW + timedelta(seconds=number)
    sender = f"192.0.2.{number % 3}"
    return Frame("5" * 32, number * RECORDS, "lines", "syslog-tcp", sender, received, lengths, b"".join(records), ids)


def fill(data: Path, frames: list[Frame]) -> None:
    place = settings(data)
    writer = SpoolWriter.open(data / "spool", limit_bytes=place.spool_bytes, segment_bytes=65_536, free_bytes=0)
    for begin in range(0, len(frames), 7):
        writer.put(frames[begin : begin + 7])
    writer.close()


@contextmanager
def working(data: Path, stages: Stages) -> Iterator[LiveWorker]:
    worker = LiveWorker(settings(data), LiveStages(settings(data), lambda _: stages))
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def contents(data: Path) -> dict[str, object]:
    with open_lake(settings(data)) as lake:
        events = lake.store.query(
            "SELECT `event.id`, `log.source.address`, `input.type`, `event.dataset` FROM events ORDER BY 1"
        )
        findings = lake.store.query("SELECT `finding.id` FROM findings ORDER BY 1")
        alerts = [(each.id, each.count) for each in lake.state.list_alerts() if each.state != "superseded"]
    return {"events": events.rows(), "findings": findings.rows(), "alerts": sorted(alerts)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, stages: Stages) -> dict[str, object]:
    data = tmp_path_factory.mktemp("undisturbed")
    fill(data, [frame(number) for number in range(FRAMES)])
    with working(data, stages) as worker:
        until(lambda: worker.pulse.counters["records"] == FRAMES * RECORDS)
    found = contents(data)
    assert len(found["events"]) == FRAMES * RECORDS  # type: ignore[arg-type]
    assert found["findings"]
    assert {row[1:] for row in found["events"]} == {  # type: ignore[attr-defined]
        (f"192.0.2.{number}", "syslog-tcp", "system.auth") for number in range(3)
    }
    return found


@pytest.mark.parametrize("where", ["journalled", "stored", "committed"])
def test_a_worker_that_dies_goes_on(where: str, tmp_path: Path, stages: Stages, undisturbed: dict[str, object]):
    fill(tmp_path, [frame(number) for number in range(FRAMES)])
    for death in (1, 3):
        seen = 0

        def step(name: str, death: int = death) -> None:
            nonlocal seen
            seen += name == where
            if name == where and seen == death:
                raise Doom

        doomed = LiveWorker(settings(tmp_path), LiveStages(settings(tmp_path), lambda _: stages), step=step)
        with pytest.raises(Doom):
            doomed.run(threading.Event())
    with working(tmp_path, stages) as worker:
        until(
            lambda: worker.pulse.backlog == 0 and worker.pulse.counters["batches"] and contents(tmp_path) == undisturbed
        )


def test_a_store_that_is_killed_comes_back(tmp_path: Path, stages: Stages, undisturbed: dict[str, object]):
    fill(tmp_path, [frame(number) for number in range(FRAMES)])
    with working(tmp_path, stages) as worker:
        for records in (200, 600, 900):
            until(lambda records=records: worker.pulse.counters["records"] >= records)  # type: ignore[misc]
            with open_lake(settings(tmp_path)) as lake:
                os.kill(lake.store.process_id, signal.SIGKILL)
        until(lambda: contents(tmp_path) == undisturbed, 60)
        assert worker.pulse.counters["store_losses"] >= 1
        assert worker.pulse.trouble == ""


def test_a_record_with_an_id_of_its_own_is_stored_once(tmp_path: Path, stages: Stages):
    own = tuple(f"{number:032x}" for number in range(RECORDS))
    fill(tmp_path, [frame(0, own), frame(1), frame(2, own)])
    with working(tmp_path, stages) as worker:
        until(lambda: worker.pulse.counters["records"] == 3 * RECORDS)
    fill(tmp_path, [frame(3, own)])
    with working(tmp_path, stages) as worker:
        until(lambda: worker.pulse.counters["records"] == RECORDS)
    events = contents(tmp_path)["events"]
    assert len(events) == 2 * RECORDS  # type: ignore[arg-type]


def test_damage_is_said_and_passed_over(tmp_path: Path, stages: Stages):
    fill(tmp_path, [frame(number) for number in range(FRAMES)])
    segment = min((tmp_path / "spool").glob("*.segment"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(data)
    with working(tmp_path, stages) as worker:
        until(lambda: worker.pulse.counters["records"] == (FRAMES - 1) * RECORDS)
    assert worker.pulse.counters["damages"] == 1
    assert list((tmp_path / "spool" / "quarantine").iterdir())
