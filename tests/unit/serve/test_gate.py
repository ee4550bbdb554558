"""The gate: what is acknowledged was durable; what is refused is refused at once; relief comes by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from miharu.core.frame import Frame
from miharu.serve import gate as gates
from miharu.serve.gate import SpoolGate
from miharu.sources import IntakeFullError
from miharu.spool import SpoolFullError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def frame(number: int, size: int = 10) -> Frame:
    lengths = np.array([size], dtype="<u4").tobytes()
    return Frame("5" * 32, number, "lines", "syslog-tcp", "192.0.2.1", NOW, lengths, b"x" * size)


class Spool:
    """Stands for a spool writer; `full` makes it refuse, `hold` makes puts wait."""

    def __init__(self) -> None:
        self.full = False
        self.room: int | None = None
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()
        self.puts: list[list[int]] = []
        self.probes: list[int] = []

    def put(self, frames: Sequence[Frame]) -> None:
        self.entered.set()
        assert self.hold.wait(10)
        self._check()
        if self.room is not None and sum(len(each.data) for each in frames) > self.room:
            raise SpoolFullError("no room for so much")
        self.puts.append([each.first for each in frames])

    def probe(self, need: int) -> None:
        self.probes.append(need)
        self._check()

    def _check(self) -> None:
        if self.full:
            raise SpoolFullError("no room")

    @property
    def written(self) -> list[int]:
        return [number for put in self.puts for number in put]


def play(story: Callable[[SpoolGate, Spool], Awaitable[None]]) -> None:
    async def run() -> None:
        spool = Spool()
        gate = SpoolGate(asyncio.get_running_loop(), spool)  # type: ignore[arg-type]
        try:
            await asyncio.wait_for(story(gate, spool), 20)
        finally:
            spool.hold.set()
            await gate.close()
        assert not gate._thread.is_alive()

    asyncio.run(run())


async def until(found: Callable[[], bool]) -> None:
    while not found():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


def test_what_is_done_was_put_in_order():
    async def story(gate: SpoolGate, spool: Spool) -> None:
        await asyncio.gather(*[gate.offer(frame(number), patient=number % 2 == 0) for number in range(100)])
        assert spool.written == list(range(100))
        assert (gate.frames, gate.records, gate.waiting, gate.crowded) == (100, 100, 0, False)
        assert gate.writes == len(spool.puts)

    play(story)


def test_while_one_write_waits_the_next_gathers():
    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.hold.clear()
        first = gate.offer(frame(0), patient=True)
        await until(spool.entered.is_set)
        rest = [gate.offer(frame(number), patient=True) for number in range(1, 50)]
        await asyncio.sleep(0.02)
        assert not first.done()
        assert gate.waiting == 500
        spool.hold.set()
        await asyncio.gather(first, *rest)
        assert spool.puts == [[0], list(range(1, 50))]

    play(story)


def test_a_full_spool_refuses_requests_and_keeps_streams():
    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.full = True
        stream, request = gate.offer(frame(0), patient=True), gate.offer(frame(1), patient=False)
        with pytest.raises(IntakeFullError, match="no room"):
            await request
        assert gate.crowded
        with pytest.raises(IntakeFullError, match="no room"):
            await gate.offer(frame(2), patient=False)
        later = gate.offer(frame(3), patient=True)
        await asyncio.sleep(3 * gates._AGAIN_SECONDS)
        assert not stream.done()
        assert gate.waiting == 20
        spool.full = False
        await asyncio.gather(stream, later)
        assert spool.written == [0, 3]
        assert (gate.trouble, gate.waiting) == ("", 0)

    play(story)


def test_what_never_fits_as_a_whole_goes_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gates, "_AGAIN_SECONDS", 0.01)

    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.hold.clear()
        spool.room = 500
        offers = [gate.offer(frame(number, 100), patient=True) for number in range(200)]
        spool.hold.set()
        await asyncio.gather(*offers)
        assert spool.written == list(range(200))
        assert len(spool.puts) < 200

    play(story)


def test_a_request_behind_a_stream_that_waits_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gates, "_AT_ONCE_BYTES", 1)  # each put takes one

    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.hold.clear()
        streams = [gate.offer(frame(0), patient=True)]
        await until(spool.entered.is_set)
        request = gate.offer(frame(1), patient=False)
        streams.append(gate.offer(frame(2), patient=True))
        spool.full = True
        spool.hold.set()
        with pytest.raises(IntakeFullError):
            await asyncio.wait_for(request, 5)
        assert gate.waiting == 20
        spool.full = False
        await asyncio.gather(*streams)
        assert spool.written == [0, 2]

    play(story)


def test_trouble_that_comes_back_at_once_and_stays_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(gates, "_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(gates, "_TOLD_SECONDS", 0.5)

    async def story(gate: SpoolGate, spool: Spool) -> None:
        for stays in (False, True):
            spool.full = True
            with pytest.raises(IntakeFullError):
                await gate.offer(frame(0), patient=False)
            spool.full = stays
            await until(lambda stays=stays: gate.crowded == stays)  # type: ignore[misc]
        said = ""
        while said.count("spool takes nothing") < 2:
            await asyncio.sleep(0.01)
            said += capsys.readouterr().out

    play(story)


def test_relief_is_found_though_nobody_waits():
    """Requests are refused before they reach the spool: nothing but the gate itself can see that there is room."""

    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.full = True
        with pytest.raises(IntakeFullError):
            await gate.offer(frame(0, 1000), patient=False)
        relieved = asyncio.Event()
        gate.when_relieved(relieved.set)
        await until(lambda: len(spool.probes) >= 2)
        assert gate.crowded
        assert min(spool.probes) >= 1000, "room for what was refused is what counts"
        spool.full = False
        await relieved.wait()
        assert not gate.crowded
        await gate.offer(frame(1), patient=False)
        assert spool.written == [1]

    play(story)


def test_too_much_in_memory_is_crowded_until_most_is_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gates, "_HIGH_BYTES", 1000)
    monkeypatch.setattr(gates, "_LOW_BYTES", 100)

    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.hold.clear()
        offers = [gate.offer(frame(number, 600), patient=True) for number in range(2)]
        assert gate.crowded
        calls: list[bool] = []
        gate.when_relieved(lambda: calls.append(gate.crowded))
        await asyncio.sleep(0.02)
        assert not calls
        spool.hold.set()
        await asyncio.gather(*offers)
        await until(lambda: calls == [False])
        gate.when_relieved(lambda: calls.append(gate.crowded))
        await until(lambda: calls == [False, False])

    play(story)


def test_a_sender_that_went_away_disturbs_nothing():
    async def story(gate: SpoolGate, spool: Spool) -> None:
        spool.hold.clear()
        gone, stays = gate.offer(frame(0), patient=False), gate.offer(frame(1), patient=True)
        gone.cancel()
        spool.hold.set()
        await stays
        assert spool.written == [0, 1]
        spool.full = True
        gone = gate.offer(frame(2), patient=False)
        gone.cancel()
        await until(lambda: bool(gate.trouble))
        spool.full = False
        await until(lambda: not gate.crowded)

    play(story)


def test_closing_writes_what_waits():
    async def run() -> None:
        spool = Spool()
        gate = SpoolGate(asyncio.get_running_loop(), spool)  # type: ignore[arg-type]
        spool.hold.clear()
        offers = [gate.offer(frame(number), patient=True) for number in range(20)]
        closing = asyncio.create_task(gate.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        spool.hold.set()
        await closing
        await asyncio.gather(*offers)
        assert spool.written == list(range(20))

    asyncio.run(run())


def test_closing_does_not_wait_for_a_full_disk():
    async def run() -> None:
        spool = Spool()
        spool.full = True
        gate = SpoolGate(asyncio.get_running_loop(), spool)  # type: ignore[arg-type]
        offer = gate.offer(frame(0), patient=True)
        await asyncio.wait_for(gate.close(), 5)
        assert not offer.done()
        assert not gate._thread.is_alive()

    asyncio.run(run())


def test_coming_and_going_room_is_not_told_again_and_again(capsys: pytest.CaptureFixture[str]):
    async def story(gate: SpoolGate, spool: Spool) -> None:
        for number in range(3):
            spool.full = True
            with pytest.raises(IntakeFullError):
                await gate.offer(frame(number), patient=False)
            spool.full = False
            await until(lambda: not gate.crowded)

    play(story)
    said = capsys.readouterr()
    assert (said.out + said.err).count("spool takes nothing") == 1
    assert (said.out + said.err).count("spool takes records again") == 1
