"""Syslog over UDP: real datagrams on loopback; what could not be taken is counted."""

import asyncio
import socket

import pytest
import uvloop

from miharu.core.errors import OperatorError
from miharu.sources import SenderCounts, UdpListener
from miharu.sources.intake.udp import drops_in_table
from tests.unit.sources.intake_gate import FakeGate, until


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def runner(coroutine):
        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(coroutine)

    return runner


class Listening:
    """A listener and a sender for the time of a `with`."""

    def __init__(self, host="127.0.0.1"):
        self.gate, self.counts, self.host = FakeGate(), SenderCounts(), host

    async def __aenter__(self):
        self.listener = await UdpListener.open((self.host, 0), self.gate, self.counts)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self.sender = socket.socket(family, socket.SOCK_DGRAM)
        self.sender.connect(self.listener.address)
        return self

    async def __aexit__(self, *_):
        self.listener.close()
        self.sender.close()

    def send(self, *datagrams):
        for datagram in datagrams:
            self.sender.send(datagram)

    @property
    def totals(self):
        return self.counts.totals()


def test_a_datagram_is_a_record(run):
    datagrams = [b"<13>one\n", b"<13>two\r\n\0", b"<13>several\nlines\n", b" <13>blanks stay \t", b"\n", b"", b"\xff"]

    async def scenario():
        async with Listening() as on:
            on.send(*datagrams)
            await until(lambda: on.totals["records"] == 5)
            return on

    on = run(scenario())
    assert on.gate.records == [b"<13>one", b"<13>two", b"<13>several\nlines", b" <13>blanks stay \t", b"\xff"]
    assert {(frame.channel, frame.sender, frame.format) for frame in on.gate.frames} == {
        ("syslog-udp", "127.0.0.1", "lines")
    }
    assert on.totals["bytes"] == sum(map(len, datagrams))


def test_datagrams_are_read_many_at_a_time_and_keep_their_order_and_numbers(run):
    async def scenario():
        async with Listening() as on:
            for start in range(0, 3000, 100):
                on.send(*(b"<13>%d" % number for number in range(start, start + 100)))
                await until(lambda sent=start + 100: on.totals["records"] == sent)
            return on

    on = run(scenario())
    assert on.gate.records == [b"<13>%d" % number for number in range(3000)]
    assert len({frame.key for frame in on.gate.frames}) == 1
    numbers = [frame.first + at for frame in on.gate.frames for at in range(frame.records)]
    assert numbers == list(range(3000))
    assert len(on.gate.frames) < 300


def test_every_sender_has_its_own_frames_and_count(run):
    async def scenario():
        async with Listening() as on:
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            other.bind(("127.0.0.2", 0))
            for number in range(50):
                on.send(b"<13>a%d" % number)
                other.sendto(b"<13>b%d" % number, on.listener.address)
            other.close()
            await until(lambda: on.totals["records"] == 100)
            return on

    on = run(scenario())
    by_sender = {count["sender"]: count["records"] for count in on.counts.snapshot()}
    assert by_sender == {"127.0.0.1": 50, "127.0.0.2": 50}
    for sender, letter in (("127.0.0.1", b"a"), ("127.0.0.2", b"b")):
        gate = FakeGate()
        gate.frames = [frame for frame in on.gate.frames if frame.sender == sender]
        assert gate.records == [b"<13>%b%d" % (letter, number) for number in range(50)]


def test_what_the_gate_refuses_is_counted_as_dropped(run):
    async def scenario():
        async with Listening() as on:
            on.gate.full = True
            on.send(b"<13>lost", b"<13>lost, too")
            await until(lambda: on.totals["dropped"] == 2)
            on.gate.full = False
            on.send(b"<13>kept")
            await until(lambda: on.totals["records"] == 1)
            return on

    on = run(scenario())
    assert on.gate.records == [b"<13>kept"]
    assert on.totals["frames"] == 1


def test_while_it_is_crowded_datagrams_wait_in_the_kernel(run):
    async def scenario():
        async with Listening() as on:
            on.listener._patience = 600
            on.gate.crowded = True
            on.send(*(b"<13>%d" % number for number in range(100)))
            for _ in range(10):
                await asyncio.sleep(0.005)
            before = on.totals
            on.gate.relieve()
            await until(lambda: on.totals["records"] == 100)
            return on, before

    on, before = run(scenario())
    assert before.get("dropped", 0) == before.get("records", 0) == 0
    assert on.totals["dropped"] == 0


def test_when_it_stays_crowded_datagrams_are_read_and_counted_as_dropped(run):
    async def scenario():
        async with Listening() as on:
            on.listener._patience = 0.02
            on.gate.crowded = True
            on.send(*(b"<13>%d" % number for number in range(100)))
            await until(lambda: on.totals["dropped"] == 100)
            on.gate.relieve()
            on.send(b"<13>kept")
            await until(lambda: on.totals["records"] == 1)
            return on

    assert run(scenario()).gate.records == [b"<13>kept"]


def test_what_the_kernel_throws_away_is_known(run):
    async def scenario():
        async with Listening() as on:
            on.listener._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            on.send(*[b"<13>" + b"x" * 1000] * 200)
            table = drops_in_table(on.listener._socket)
            await until(lambda: on.totals["records"] + on.listener.kernel_drops == 200)
            dropped = on.listener.kernel_drops
            on.listener.close()
            return on, dropped, table

    on, dropped, table = run(scenario())
    assert dropped > 0
    assert table == dropped == on.listener.kernel_drops
    assert len(on.gate.records) == 200 - dropped


def test_closing_hands_on_what_the_kernel_holds(run):
    async def scenario():
        async with Listening() as on:
            on.send(*(b"<13>%d" % number for number in range(1500)))
            drops = on.listener.kernel_drops
            on.listener.close()
            on.listener.close()
            await until(lambda: len(on.gate.records) + drops == 1500)
            return on

    assert run(scenario()).gate.records[0] == b"<13>0"


def test_ipv6_works_where_there_is_any(run):
    if not socket.has_ipv6:
        pytest.skip("no IPv6")

    async def scenario():
        try:
            async with Listening("::1") as on:
                on.send(b"<13>six")
                await until(lambda: on.totals["records"] == 1)
                return on
        except OperatorError:
            return None

    on = run(scenario())
    if on is None:
        pytest.skip("no IPv6 loopback")
    assert on.gate.frames[0].sender == "::1"


def test_an_address_in_use_is_an_operators_error(run):
    async def scenario():
        async with Listening() as on:
            with pytest.raises(OperatorError, match="syslog_udp_address"):
                await UdpListener.open(on.listener.address, on.gate, on.counts)

    run(scenario())
