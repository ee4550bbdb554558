"""Datagrams that carry syslog → frames for the gate, one per sender and wake-up; a datagram is a record.

The socket is read at most some hundred times a second however many datagrams come, each time a lot of them: in between
they wait in the kernel, whose buffer is made as large as it lets us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import uuid
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Final, Self

from miharu.core.clock import Clock, system_clock
from miharu.core.errors import OperatorError
from miharu.core.frame import Frame
from miharu.sources.intake.counts import SenderCount, SenderCounts, plain_address
from miharu.sources.intake.gate import Gate

CHANNEL: Final = "syslog-udp"
_LONGEST: Final = 65_536
_RECEIVE_BYTES: Final = 32 << 20
_BURST: Final = 512
"""Datagrams read before the loop may do something else."""

_LAST_BURSTS: Final = 1000
"""Bursts read when the listener closes, however fast more of them come."""

_PAUSE: Final = 0.01
_SHORTEST_PAUSE: Final = 0.001
_FILLING: Final = 1e9
"""Seconds for which datagrams gather in the kernel once some came, and the bytes per second its buffer has to bear."""

_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO_DROPS: Final = 8
_ENDS: Final = b"\r\n\0"


class UdpListener:
    """Listens for syslog over UDP until it is closed.

    While the gate is crowded, datagrams wait in the kernel for up to `patience` seconds; after that they are read and
    counted as dropped for their senders. What the kernel had no room for is in `kernel_drops`.
    """

    def __init__(
        self, bound: socket.socket, gate: Gate, counts: SenderCounts, clock: Clock, *, patience: float = 1.0
    ) -> None:
        self._socket, self._gate, self._counts, self._clock = bound, gate, counts, clock
        self._patience = patience
        self._pause = min(_PAUSE, max(_SHORTEST_PAUSE, self.receive_buffer / _FILLING))
        self._loop = asyncio.get_running_loop()
        self._key, self._next = uuid.uuid4().hex, 0
        self._timer: asyncio.TimerHandle | None = None
        self._crowded_since: float | None = None
        self._drops = 0
        self._loop.add_reader(self._socket, self._ready)

    @classmethod
    async def open(
        cls, address: tuple[str, int], gate: Gate, counts: SenderCounts, *, clock: Clock = system_clock
    ) -> Self:
        """Listen on host and port (0: any free one).

        Raises `OperatorError` where that is not possible.
        """
        host, port = address
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
            return cls(_bound(found[0][0], found[0][4]), gate, counts, clock)
        except OSError as error:
            raise OperatorError(
                f"syslog over UDP cannot listen on {host}:{port} ({error.strerror or error}); free the address or "
                "set another syslog_udp_address"
            ) from error

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    @property
    def receive_buffer(self) -> int:
        """Bytes the kernel sets aside for datagrams that are not read yet (as it counts: twice the usable)."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def kernel_drops(self) -> int:
        """Datagrams the kernel threw away because the buffer was full, since the listener was opened."""
        if self._socket.fileno() >= 0:
            self._drops = max(self._drops, _kernel_drops(self._socket))
        return self._drops

    def close(self) -> None:
        """Hand on what the kernel holds, then stop."""
        if self._socket.fileno() < 0:
            return
        self._stop_waiting()
        self._loop.remove_reader(self._socket)
        self._drops = self.kernel_drops
        for _ in range(_LAST_BURSTS):
            if not self._drain():
                break
        self._drops = self.kernel_drops
        self._socket.close()

    def _ready(self) -> None:
        """Read what came; then let more of it gather before looking again."""
        if self._gate.crowded and self._wait_for_room():
            return
        taken = self._drain()
        if taken:
            self._loop.remove_reader(self._socket)
            self._timer = self._loop.call_later(0 if taken >= _BURST else self._pause, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        if self._socket.fileno() < 0:
            return
        self._loop.add_reader(self._socket, self._ready)

    def _wait_for_room(self) -> bool:
        """Leave datagrams where they are while it is crowded and patience lasts."""
        now = self._loop.time()
        if self._crowded_since is None:
            self._crowded_since = now
            self._gate.when_relieved(self._relieved)
        left = self._crowded_since + self._patience - now
        if left <= 0:
            return False
        self._loop.remove_reader(self._socket)
        self._timer = self._loop.call_later(left, self._look_again)
        return True

    def _relieved(self) -> None:
        self._crowded_since = None
        self._stop_waiting()
        self._look_again()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drain(self) -> int:
        """Read a burst of datagrams and hand them on; return their number."""
        by_sender: dict[str, list[bytes]] = {}
        receive, taken = self._socket.recvfrom, 0
        # It ends with "would block"; whatever else may go wrong concerns no datagram that can be read.
        with contextlib.suppress(OSError):
            for _ in repeat(None, _BURST):
                data, sender = receive(_LONGEST)
                taken += 1
                try:
                    by_sender[sender[0]].append(data)
                except KeyError:
                    by_sender[sender[0]] = [data]
        for sender, datagrams in by_sender.items():
            self._hand_on(plain_address(sender), datagrams)
        return taken

    def _hand_on(self, sender: str, datagrams: list[bytes]) -> None:
        count = self._counts.of(CHANNEL, sender)
        now = self._clock()
        records = [data for data in [datagram.rstrip(_ENDS) for datagram in datagrams] if data]
        size = sum(map(len, datagrams))
        if not records:
            count.took(now, frames=0, records=0, size=size)
            return
        if self._gate.crowded:
            count.last_seen = now
            count.dropped += len(records)
            return
        frame = Frame(
            key=self._key,
            first=self._next,
            format="lines",
            channel=CHANNEL,
            sender=sender,
            received=now,
            lengths=struct.pack(f"<{len(records)}I", *map(len, records)),
            data=b"".join(records),
        )
        self._next += len(records)
        durable = self._gate.offer(frame, patient=False)
        durable.add_done_callback(partial(_settle, count, frame, size))


def _settle(count: SenderCount, frame: Frame, size: int, durable: asyncio.Future[None]) -> None:
    """Count a frame as taken or, where the gate could not take it, as lost."""
    if durable.cancelled() or durable.exception() is not None:
        count.dropped += frame.records
        count.last_seen = max(count.last_seen, frame.received)
    else:
        count.took(frame.received, frames=1, records=frame.records, size=size)


def _bound(family: int, address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
            # Only root may go beyond what the system allows; without it we get as much as that.
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, option, _RECEIVE_BYTES)
                break
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _kernel_drops(bound: socket.socket) -> int:
    """Return the socket's own count of drops (Linux), else what the table of sockets says, else 0."""
    with contextlib.suppress(OSError):
        info = bound.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_MEMINFO_DROPS + 1))
        numbers = struct.unpack(f"={len(info) // 4}I", info)
        if len(numbers) > _MEMINFO_DROPS:
            return int(numbers[_MEMINFO_DROPS])
    return drops_in_table(bound)


def drops_in_table(bound: socket.socket) -> int:
    """Return the drops of a socket as listed in `/proc/net/udp` or `udp6`; 0 where there is no such table."""
    inode = str(os.fstat(bound.fileno()).st_ino)
    for table in (Path("/proc/net/udp"), Path("/proc/net/udp6")):
        with contextlib.suppress(OSError):
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                if inode in columns:
                    return int(columns[-1])
    return 0
