"""What can go wrong under a running system: store away or hanging, spool or disk full, bytes rotten.

Whatever it is: the system stays up, says so, senders keep what was not taken, and everything acknowledged is stored
once when it is over.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from miharu.pipeline import read_vitals
from tests.journey import loading
from tests.journey.loading import HttpSender, TcpSender, actions, check_stored, halted, numbers, sending, store_away
from tests.journey.serving import Served, serving, until

SMALL = {"spool_bytes": str(4 << 20), "spool_segment_bytes": str(256 << 10), "live_seconds": "0.2"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("faulty"), **SMALL) as running:
        yield running


def well(served: Served) -> bool:
    return loading.health(served)["status"] == "ok"


def part(served: Served, name: str) -> dict[str, Any]:
    parts: Any = loading.health(served)["parts"]
    found: dict[str, Any] = parts[name]
    return found


def datagrams(served: Served, mark: str, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number in range(count):
            out.sendto(loading.line(mark, number), ("127.0.0.1", served.port("syslog_udp")))


def dropped(served: Served) -> int:
    counters = read_vitals(served.data)["intake"].counters
    return counters["dropped_total"] + counters["kernel_drops_total"]


def full(served: Served) -> bool:
    return read_vitals(served.data)["intake"].state == "trouble"


def test_a_store_that_is_away_then_a_full_spool(served: Served):
    begun, drops = actions(served), dropped(served)
    gentle = HttpSender.of(served, "away-gentle", pause=0.05)
    heavy = [HttpSender.of(served, f"away-{way.rpartition('/')[2]}", path=way, padding=2000) for way in loading.WAYS]
    stream = TcpSender("away-stream", served.port("syslog_tcp"), 20_000, padding=1000)
    with ExitStack() as away, sending(gentle):
        until(lambda: loading.stored(served, gentle.mark) > 0)
        away.enter_context(store_away(served.data))
        began = time.monotonic()
        before = gentle.acknowledged
        until(lambda: loading.health(served)["status"] == "trouble")
        until(lambda: part(served, "worker")["state"] == part(served, "store")["state"] == "trouble")
        until(lambda: gentle.acknowledged > before + 200, what="acknowledging goes on while the store is away")
        assert not full(served)

        with sending(*heavy, stream):
            until(lambda: full(served), what="the spool is full")
            until(lambda: all(sender.answers.keys() & loading.BUSY for sender in heavy), what="all are refused")
            until(lambda: "spool_bytes" in part(served, "intake")["trouble"])
            until(lambda: httpx.get(f"{served.intake}/health").json()["crowded"])
            datagrams(served, "away-datagram", 500)
            until(lambda: dropped(served) > drops, what="lost datagrams are counted")
            until(lambda: stalled(stream), what="the stream is paused")
            time.sleep(max(0.0, 12 - (time.monotonic() - began)))

            away.close()
            until(lambda: stream.sent == stream.lines, 60, "the stream flows again")
            acknowledged = [sender.acknowledged for sender in heavy]
            until(
                lambda: all(now.acknowledged > old for now, old in zip(heavy, acknowledged, strict=True)),
                what="all requests are taken again",
            )
        until(lambda: well(served), 60, "health after relief")
    check_stored(served, [gentle, *heavy])
    until(lambda: len(numbers(served, stream.mark)) >= stream.lines, 60)
    assert numbers(served, stream.mark) == list(range(stream.lines)), "a paused stream loses nothing"
    until(lambda: len(numbers(served, "away-datagram")) + dropped(served) - drops == 500)
    said = actions(served) - begun
    assert said["spool-full"] >= 1
    assert said["spool-relieved"] >= 1
    assert said["store-lost"] >= 2
    assert said["store-back"] == 1
    assert set(loading.starts(served).values()) == {1}


def stalled(sender: TcpSender) -> bool:
    """Whether a sender got nothing rid of for a while."""
    sent = sender.sent
    time.sleep(0.7)
    return sent == sender.sent < sender.lines


def test_a_store_that_hangs(served: Served):
    sender = HttpSender.of(served, "hanging", pause=0.05)
    with sending(sender):
        until(lambda: loading.stored(served, sender.mark) > 0)
        with halted(read_vitals(served.data)["store"].pid):
            began, before = time.monotonic(), sender.acknowledged
            until(lambda: loading.health(served)["store_reachable"] is False)
            until(lambda: sender.acknowledged > before + 400, what="acknowledging goes on while the store hangs")
            time.sleep(max(0.0, 10 - (time.monotonic() - began)))
        until(lambda: well(served), what="health when the store goes on")
    check_stored(served, [sender])
    assert set(loading.starts(served).values()) == {1}


def test_rotten_bytes_in_the_spool(served: Served):
    """One byte of one request that waits is changed: that request is set aside, all others arrive."""
    counters = read_vitals(served.data)["worker"].counters
    until(lambda: well(served) and part(served, "worker")["gauges"]["spool_backlog_bytes"] == 0)
    sender = HttpSender.of(served, "rotten", padding=500, pause=0.0)
    with httpx.Client(base_url=served.intake, auth=("", served.token("intake"))) as client:
        with halted(served.part_pid("worker")):
            for _ in range(40):
                assert sender.once(client)
            segment, offset = place_of(served.data / "spool", b'{"mark": "rotten", "seq": 410,')
            with segment.open("r+b") as file:
                file.seek(offset)
                byte = file.read(1)[0]
                file.seek(offset)
                file.write(bytes([byte ^ 0x10]))
        assert sender.once(client)
    expected = [number for number in range(sender.acknowledged) if not 400 <= number < 420]
    until(lambda: len(numbers(served, sender.mark)) >= len(expected), what="the rest arrives")
    assert numbers(served, sender.mark) == expected
    (said,) = [each for each in served.log() if each.get("event.action") == "spool-damage"]
    assert said["log.level"] == "error"
    assert said["miharu.segment"] == int(segment.stem)
    kept = Path(said["miharu.kept"])
    assert kept.stat().st_size == said["miharu.size"]
    assert said["miharu.offset"] <= offset < said["miharu.offset"] + said["miharu.size"]
    assert set(re.findall(rb'"seq": (\d+)', kept.read_bytes())) == {b"%d" % number for number in range(400, 420)}
    counters = until(lambda: (now := read_vitals(served.data)["worker"].counters).get("damages") and now)
    assert (counters["damages"], counters["damaged_bytes"]) == (1, said["miharu.size"])
    with served.api() as api:
        metrics = api.get("/metrics").text
    assert "miharu_worker_damages_total 1.0" in metrics
    assert f"miharu_worker_damaged_bytes_total {float(said['miharu.size'])}" in metrics


def place_of(folder: Path, text: bytes) -> tuple[Path, int]:
    for segment in sorted(folder.glob("*.segment")):
        offset = segment.read_bytes().find(text)
        if offset >= 0:
            return segment, offset
    raise AssertionError(f"{text!r} is in no segment")


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a disk of this size; skip where that is not allowed."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "miharu-test", str(place)]
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        # The store ends a moment after its last client.
        until(lambda: subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode == 0)


def test_a_full_disk_of_the_spool(tmp_path: Path):
    """Nothing is reserved: the spool alone must keep what it needs to go on."""
    with (
        small_disk(tmp_path / "spool", "2m"),
        serving(tmp_path, spool_free_bytes="0", spool_segment_bytes=str(1 << 20)) as served,
    ):
        sender = HttpSender.of(served, "small-disk", padding=1000, pause=0.0)
        stream = TcpSender("small-stream", served.port("syslog_tcp"), 20_000, padding=300)
        with sending(sender, stream):
            with halted(served.part_pid("worker")):
                until(lambda: full(served), what="the disk is full")
                until(lambda: sender.answers[429] > 5)
                until(lambda: "disk" in part(served, "intake")["trouble"])
                until(lambda: stalled(stream), what="the stream is paused")
            until(lambda: stream.sent == stream.lines, 90, "the stream flows again")
            acknowledged = sender.acknowledged
            until(lambda: sender.acknowledged > acknowledged + 100, what="requests are taken again")
        check_stored(served, [sender])
        until(lambda: numbers(served, stream.mark) == list(range(stream.lines)), 60)
        until(lambda: well(served))
        assert {"spool-full", "spool-relieved"} <= actions(served).keys()
        assert set(loading.starts(served).values()) == {1}


def test_a_full_disk_of_everything(tmp_path: Path):
    """Log, vitals, state, store and spool share the disk that somebody else fills."""
    with (
        small_disk(tmp_path / "disk", "300m") as data,
        serving(data, spool_free_bytes=str(8 << 20), spool_segment_bytes=str(1 << 20)) as served,
    ):
        sender = HttpSender.of(served, "no-disk", padding=1000, pause=0.02)
        with sending(sender):
            until(lambda: loading.stored(served, sender.mark) > 0)
            filler = data / "filler"
            with filler.open("wb", buffering=0) as file:
                fill(file.fileno())
                until(lambda: full(served), what="the disk is full")
                fill(file.fileno())
                until(lambda: sender.answers[429] > 5)
                until(lambda: loading.health(served)["status"] == "trouble")
                time.sleep(3)
                fill(file.fileno())
            filler.unlink()
            acknowledged = sender.acknowledged
            until(lambda: sender.acknowledged > acknowledged + 100, what="requests are taken again")
            until(lambda: well(served), 60)
        check_stored(served, [sender])
        assert set(loading.starts(served).values()) == {1}
        assert orjson.loads((data / "logs" / "miharu.log").read_bytes().splitlines()[-1])


def fill(file: int) -> None:
    """Write until the disk takes not one more block."""
    for size in (1 << 20, 4096):
        try:
            while os.write(file, bytes(size)):
                pass
        except OSError:
            continue
