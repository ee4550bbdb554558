"""Syslog over TCP: real connections on loopback, whatever they send and however they end."""

import asyncio
import random
import socket
import struct

import pytest
import uvloop

from miharu.core.errors import OperatorError
from miharu.sources import SenderCounts, StreamLimits, TcpListener
from tests.unit.sources.intake_gate import FakeGate, until

LOCAL = ("127.0.0.1", 0)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine in either loop."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def runner(coroutine):
        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(coroutine)

    return runner


class Listening:
    """A listener for the time of a `with`."""

    def __init__(self, **limits):
        self.gate, self.counts, self.limits = FakeGate(), SenderCounts(), StreamLimits(**limits)

    async def __aenter__(self):
        self.listener = await TcpListener.open(LOCAL, self.gate, self.counts, limits=self.limits)
        return self

    async def __aexit__(self, *_):
        await self.listener.close()

    async def send(self, *parts, end=True):
        """Connect and send; return the writer."""
        _, writer = await asyncio.open_connection(*self.listener.address)
        for part in parts:
            writer.write(part)
            await writer.drain()
        if end:
            writer.close()
            await writer.wait_closed()
        return writer

    @property
    def totals(self):
        return self.counts.totals()


def test_records_of_a_connection_have_one_key_and_count_on(run):
    async def scenario():
        async with Listening() as on:
            writer = await on.send(b"<13>one\n<13>two\n8 <13>ab", end=False)
            await until(lambda: len(on.gate.records) == 2)
            writer.write(b"cdfour")
            await until(lambda: len(on.gate.records) == 3)
            writer.close()
            await writer.wait_closed()
            await until(lambda: not on.listener.connections)
            await asyncio.sleep(0)
            return on

    on = run(scenario())
    assert on.gate.records == [b"<13>one", b"<13>two", b"<13>abcd", b"four"]
    assert len({frame.key for frame in on.gate.frames}) == 1
    assert [frame.first for frame in on.gate.frames] == [0, 2, 3]
    assert {(frame.channel, frame.sender, frame.format) for frame in on.gate.frames} == {
        ("syslog-tcp", "127.0.0.1", "lines")
    }
    assert all(frame.received.tzinfo is not None and frame.digest == "" for frame in on.gate.frames)
    (count,) = on.counts.snapshot()
    assert (count["records"], count["sender"], count["bytes"]) == (4, "127.0.0.1", 30)


def test_connections_do_not_mix(run):
    async def scenario():
        async with Listening() as on:
            one = await on.send(b"<13>first ", end=False)
            two = await on.send(b"<13>second ", end=False)
            await until(lambda: on.totals["bytes"] == 21)
            one.write(b"ends\n")
            two.write(b"ends, too\n")
            await until(lambda: len(on.gate.records) == 2)
            for writer in (one, two):
                writer.close()
                await writer.wait_closed()
            return on

    on = run(scenario())
    assert sorted(on.gate.records) == [b"<13>first ends", b"<13>second ends, too"]
    assert len({frame.key for frame in on.gate.frames}) == 2


@pytest.mark.parametrize("seed", range(3))
def test_many_senders_lose_nothing_at_random_boundaries(run, seed):
    chance = random.Random(seed)
    lines = {name: [b"<13>%d.%d " % (name, n) + b"x" * chance.randrange(400) for n in range(400)] for name in range(8)}

    def message(line):
        return b"%d %b" % (len(line), line) if chance.random() < 0.5 else line + chance.choice([b"\n", b"\r\n", b"\0"])

    async def scenario():
        async with Listening() as on:

            async def sender(name):
                data = b"".join(message(line) for line in lines[name])
                edges = sorted(chance.choices(range(len(data)), k=30))
                await on.send(*(data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)))

            await asyncio.gather(*(sender(name) for name in lines))
            await until(lambda: on.totals["records"] == 3200)
            await until(lambda: len(on.gate.records) == 3200)
            return on

    on = run(scenario())
    by_key = {}
    for frame in on.gate.frames:
        assert frame.first == sum(each.records for each in by_key.setdefault(frame.key, []))
        by_key[frame.key].append(frame)
    gate = FakeGate()
    found = []
    for gate.frames in by_key.values():
        found.append(gate.records)
    assert sorted(found) == sorted(lines.values())


def test_a_connection_that_is_reset_leaves_what_it_sent(run):
    async def scenario():
        async with Listening() as on:
            sender = socket.create_connection(on.listener.address)
            sender.sendall(b"<13>whole\n<13>broken o")
            await until(lambda: on.totals["records"] == 1)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.close()
            await until(lambda: len(on.gate.records) == 2)
            return on

    assert run(scenario()).gate.records == [b"<13>whole", b"<13>broken o"]


def test_a_crowded_gate_stops_the_sender_and_loses_nothing(run):
    line = b"<13>" + b"x" * 996 + b"\n"

    async def scenario():
        async with Listening() as on:
            on.gate.crowded = True
            sending = asyncio.create_task(on.send(*[line * 64] * 400))
            await until(lambda: on.totals["records"] > 0)
            for _ in range(20):
                await asyncio.sleep(0.005)
            early = on.totals["bytes"]
            stuck = not sending.done()
            on.gate.relieve()
            await sending
            await until(lambda: len(on.gate.records) == 25_600)
            return on, early, stuck

    on, early, stuck = run(scenario())
    assert stuck
    assert early <= 256 * 1024
    assert on.totals["records"] == 25_600


def test_relief_that_did_not_last_is_waited_for_again(run):
    async def scenario():
        async with Listening() as on:
            on.gate.crowded = True
            writer = await on.send(b"<13>one\n", end=False)
            await until(lambda: on.totals["records"] == 1)
            on.gate.relieve(for_good=False)
            writer.write(b"<13>two\n")
            for _ in range(20):
                await asyncio.sleep(0.005)
            while_crowded = on.totals["records"]
            on.gate.relieve()
            await until(lambda: on.totals["records"] == 2)
            writer.close()
            await writer.wait_closed()
            return on, while_crowded

    on, while_crowded = run(scenario())
    assert while_crowded == 1
    assert on.gate.records == [b"<13>one", b"<13>two"]


def test_closing_takes_what_has_arrived(run):
    async def scenario():
        async with Listening() as on:
            address = on.listener.address
            writers = [await on.send(b"<13>one\n<13>two\n<13>last", end=False) for _ in range(5)]
            await on.listener.close()
            await on.listener.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)
            for writer in writers:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
            return on

    on = run(scenario())
    assert sorted(on.gate.records) == sorted([b"<13>one", b"<13>two", b"<13>last"] * 5)
    assert on.listener.connections == 0


def test_memory_for_unfinished_records_is_bounded_by_cutting_them(run):
    async def scenario():
        async with Listening(record=10_000, held=20_000) as on:
            writers = [await on.send(b"<13>" + b"x" * 6_000, end=False) for _ in range(10)]
            await until(lambda: on.totals["bytes"] == 60_040)
            held = on.listener.held
            for writer in writers:
                writer.write(b"end\n")
            await until(lambda: sum(len(record) for record in on.gate.records) == 60_070)
            for writer in writers:
                writer.close()
                await writer.wait_closed()
            await until(lambda: not on.listener.connections)
            return on, held

    on, held = run(scenario())
    assert held <= 20_000
    assert on.listener.held == 0
    assert on.totals["too_long"] >= 6


def test_a_million_bytes_without_an_end_are_kept_in_pieces(run):
    async def scenario():
        async with Listening(record=65_536) as on:
            await on.send(b"7" * 1_000_000)
            await until(lambda: sum(len(record) for record in on.gate.records) == 1_000_000)
            return on

    on = run(scenario())
    assert {len(record) for record in on.gate.records[:-1]} == {65_536}
    assert on.totals["too_long"] == 1


def test_more_connections_than_allowed_are_turned_away_and_counted(run):
    async def scenario():
        async with Listening(connections=2) as on:
            writers = [await on.send(b"<13>in\n", end=False) for _ in range(2)]
            await until(lambda: on.totals["records"] == 2)
            reader, writer = await asyncio.open_connection(*on.listener.address)
            try:
                ended = await reader.read() == b""
            except ConnectionResetError:
                ended = True
            writer.close()
            for each in writers:
                each.close()
                await each.wait_closed()
            return on, ended

    on, ended = run(scenario())
    assert ended
    assert on.totals["refused"] == 1


def test_an_address_in_use_is_an_operators_error(run):
    async def scenario():
        async with Listening() as on:
            with pytest.raises(OperatorError, match="syslog_tcp_address"):
                await TcpListener.open(on.listener.address, on.gate, on.counts)

    run(scenario())
