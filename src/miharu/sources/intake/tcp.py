"""Connections that carry syslog → frames for the gate; a stream is read no faster than the gate takes it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from dataclasses import dataclass
from typing import Final, Self, cast

from miharu.core.clock import Clock, system_clock
from miharu.core.errors import OperatorError
from miharu.core.frame import Frame
from miharu.sources.intake.counts import SenderCount, SenderCounts, plain_address
from miharu.sources.intake.framing import Framed, StreamFramer
from miharu.sources.intake.gate import Gate

CHANNEL: Final = "syslog-tcp"
_BUFFER_BYTES: Final = 256 * 1024
_BACKLOG: Final = 1024
_TICK: Final = 0.02
_QUIET_TICKS: Final = 2


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one listener lets its connections use.

    `record` is the longest record in bytes; `connections` how many may be open; `held` the bytes that all of them
    may hold back for records whose end has not come, before these are cut short.
    """

    record: int = 1 << 20
    connections: int = 10_000
    held: int = 256 << 20


class TcpListener:
    """Listens for syslog over TCP until it is closed."""

    def __init__(self, gate: Gate, counts: SenderCounts, limits: StreamLimits, clock: Clock) -> None:
        self.gate, self.counts, self.limits, self.clock = gate, counts, limits, clock
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self.held = 0
        self.reads = 0
        self.closing = False
        self.open_connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._ended = asyncio.Event()
        self._ended.set()

    def begun(self, connection: _Connection) -> None:
        """Know a connection."""
        self.open_connections.add(connection)
        self._ended.clear()

    def ended(self, connection: _Connection) -> None:
        """Forget a connection."""
        self.open_connections.discard(connection)
        if not self.open_connections:
            self._ended.set()

    @classmethod
    async def open(
        cls,
        address: tuple[str, int],
        gate: Gate,
        counts: SenderCounts,
        *,
        limits: StreamLimits | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """Listen on host and port (0: any free one).

        Raises `OperatorError` where that is not possible.
        """
        listener = cls(gate, counts, limits or StreamLimits(), clock)
        host, port = address
        loop = asyncio.get_running_loop()
        try:
            listener._server = await loop.create_server(lambda: _Connection(listener), host, port, backlog=_BACKLOG)
        except OSError as error:
            raise OperatorError(
                f"syslog over TCP cannot listen on {host}:{port} ({error.strerror or error}); free the address or "
                "set another syslog_tcp_address"
            ) from error
        return listener

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self.open_connections)

    async def close(self, patience: float = 0.5) -> None:
        """Stop accepting, read for up to `patience` seconds what has arrived already, then end all connections."""
        if self._server is None:
            return
        self._server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        quiet, seen = 0, -1
        while self.open_connections and loop.time() < deadline and quiet < _QUIET_TICKS:
            quiet = quiet + 1 if seen == self.reads and not self.gate.crowded else 0
            seen = self.reads
            await asyncio.sleep(_TICK)
        self.closing = True
        for connection in list(self.open_connections):
            connection.end()
        await self._ended.wait()
        self._server = None


class _Connection(asyncio.BufferedProtocol):
    """One connection. What one read brings is one frame."""

    def __init__(self, listener: TcpListener) -> None:
        self._listener = listener
        self._framer = StreamFramer(listener.limits.record)
        self._key = uuid.uuid4().hex
        self._first = 0
        self._transport: asyncio.Transport | None = None
        self._count: SenderCount | None = None
        self._sender = ""
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but name.
        stream = cast("asyncio.Transport", transport)
        listener, self._transport = self._listener, stream
        peer = transport.get_extra_info("peername")
        self._sender = plain_address(peer[0]) if peer else "unknown"
        self._count = listener.counts.of(CHANNEL, self._sender)
        if listener.closing or listener.connections >= listener.limits.connections:
            self._count.refused += 1
            self._transport = None
            stream.abort()
            return
        listener.begun(self)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            # A peer that went without a word is noticed; one that is only silent stays.
            with contextlib.suppress(OSError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        # One buffer serves all connections: what is read is used before the next read begins.
        return self._listener.buffer

    def buffer_updated(self, nbytes: int) -> None:
        listener = self._listener
        listener.reads += 1
        before = self._framer.held
        self._hand_on(self._framer.feed(bytes(listener.buffer[:nbytes])), nbytes)
        listener.held += self._framer.held - before
        if listener.held > listener.limits.held:
            listener.held -= self._framer.held
            self._hand_on(self._framer.release(), 0)
            listener.held += self._framer.held
        if listener.gate.crowded and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
            listener.gate.when_relieved(self._resume)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self not in self._listener.open_connections:
            return
        self._transport = None
        self._listener.held -= self._framer.held
        self._hand_on(self._framer.finish(), 0)
        self._listener.ended(self)

    def end(self) -> None:
        """Close the connection; what is unfinished is handed on as it goes."""
        if self._transport is not None:
            self._transport.abort()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is None or self._transport.is_closing():
            return
        if self._listener.gate.crowded:
            self._paused = True
            self._listener.gate.when_relieved(self._resume)
        else:
            self._transport.resume_reading()

    def _hand_on(self, framed: Framed, size: int) -> None:
        listener, count = self._listener, self._count
        assert count is not None
        now = listener.clock()
        count.took(now, frames=bool(framed.records), records=framed.records, size=size)
        count.too_long += self._framer.too_long
        self._framer.too_long = 0
        if not framed.records:
            return
        frame = Frame(
            key=self._key,
            first=self._first,
            format="lines",
            channel=CHANNEL,
            sender=self._sender,
            received=now,
            lengths=framed.lengths,
            data=framed.data,
        )
        self._first += framed.records
        listener.gate.offer(frame, patient=True)
