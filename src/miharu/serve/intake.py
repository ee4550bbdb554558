"""The intake part: listeners → the spool. What a sender is told was taken is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import structlog
import uvicorn
import uvloop

from miharu.core.clock import system_clock
from miharu.core.frame import Frame
from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import write_vitals
from miharu.serve.addresses import bound_address, split_address
from miharu.serve.admission import Admission
from miharu.serve.gate import SpoolGate
from miharu.serve.living import vitals_now
from miharu.sources import HttpLimits, Repeats, SenderCounts, StreamLimits, TcpListener, UdpListener, make_http
from miharu.spool import SpoolWriter, recent
from miharu.store import State

_BEAT_SECONDS: Final = 1.0
_SHOWN_SENDERS: Final = 1_000
_DRAIN_SECONDS: Final = 5
_OWN_CHANNEL: Final = "miharu-log"

_log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Listen until told to stop."""
    write_vitals(settings.data, vitals_now("intake", "starting"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Intake(settings).run())


class _HttpServer(uvicorn.Server):
    """uvicorn's server without its own signal handlers: the part has one way to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Intake:
    """Everything that listens, and the gate to the spool."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counts = SenderCounts()
        self._repeats = Repeats(settings.retry_window)
        self._stop = asyncio.Event()
        self._tcp: TcpListener | None = None
        self._udp: UdpListener | None = None
        self._http: _HttpServer | None = None
        self._http_task: asyncio.Task[None] | None = None
        self._addresses: dict[str, str] = {}

    async def run(self) -> None:
        settings, loop = self._settings, asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        folder = settings.data / "spool"
        writer = SpoolWriter.open(
            folder,
            limit_bytes=settings.spool_bytes,
            segment_bytes=settings.spool_segment_bytes,
            free_bytes=settings.spool_free_bytes,
        )
        # Only now: what the last writer wrote and could not acknowledge any more counts since we have opened.
        self._repeats.load(recent(folder, datetime.now(UTC) - settings.retry_window))
        gate = SpoolGate(loop, writer)
        with State.open(settings.data) as state:
            try:
                await self._listen(gate, Admission(state))
                _log.info("intake listens", action="started", **self._addresses)
                own = asyncio.create_task(self._take_own_log(gate))
                await self._beat(gate, writer)
                own.cancel()
            finally:
                await self._close(gate)
                writer.close()
        write_vitals(settings.data, replace(self._vitals(gate, writer), state="stopped"))

    async def _listen(self, gate: SpoolGate, admission: Admission) -> None:
        settings = self._settings
        limits = StreamLimits(record=settings.max_record_bytes)
        if settings.syslog_tcp_address:
            address = split_address("syslog_tcp_address", settings.syslog_tcp_address)
            self._tcp = await TcpListener.open(address, gate, self._counts, limits=limits)
            self._addresses["syslog_tcp"] = "{}:{}".format(*self._tcp.address)
        if settings.syslog_udp_address:
            address = split_address("syslog_udp_address", settings.syslog_udp_address)
            self._udp = await UdpListener.open(address, gate, self._counts)
            self._addresses["syslog_udp"] = "{}:{}".format(*self._udp.address)
        if settings.http_address:
            app = make_http(
                gate,
                admission,
                limits=HttpLimits(body=settings.request_bytes),
                counts=self._counts,
                repeats=self._repeats,
            )
            listener = bound_address("http_address", settings.http_address)
            self._addresses["http"] = "{}:{}".format(*listener.getsockname()[:2])
            config = uvicorn.Config(
                app,
                http="httptools",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
            )
            self._http = _HttpServer(config)
            self._http_task = asyncio.create_task(self._http.serve(sockets=[listener]))

    async def _beat(self, gate: SpoolGate, writer: SpoolWriter) -> None:
        while not self._stop.is_set():
            write_vitals(self._settings.data, self._vitals(gate, writer))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _BEAT_SECONDS)

    async def _close(self, gate: SpoolGate) -> None:
        """Take in what has been sent so far, then close."""
        if self._http is not None and self._http_task is not None:
            self._http.should_exit = True
        if self._tcp is not None:
            await self._tcp.close()
        if self._udp is not None:
            self._udp.close()
        if self._http_task is not None:
            await self._http_task
        await gate.close()

    async def _take_own_log(self, gate: SpoolGate) -> None:
        """Take in what the supervisor writes to us: our own log. When it ends, the supervisor is gone."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 24)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
        )
        key, count, rest = uuid.uuid4().hex, 0, b""
        while data := await reader.read(1 << 16):
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            records = [line for line in lines if line]
            if records:
                gate.offer(_own_frame(key, count, records), patient=True)
                count += len(records)
        self._stop.set()

    def _vitals(self, gate: SpoolGate, writer: SpoolWriter) -> Vitals:
        counters = {f"{name}_total": number for name, number in self._counts.totals().items()}
        if self._udp is not None:
            counters["kernel_drops_total"] = self._udp.kernel_drops
        counters |= {"spooled_frames": gate.frames, "spooled_records": gate.records, "spool_writes": gate.writes}
        details: dict[str, Any] = {
            "addresses": self._addresses,
            "senders": self._counts.snapshot()[:_SHOWN_SENDERS],
            "channels": self._counts.by_channel(),
        }
        return replace(
            vitals_now("intake", "trouble" if gate.trouble else "running", gate.trouble),
            counters=counters,
            gauges={
                "spool_bytes": writer.bytes,
                "spool_segments": writer.segments,
                "waiting_bytes": gate.waiting,
                "tcp_connections": self._tcp.connections if self._tcp is not None else 0,
            },
            details=details,
        )


def _own_frame(key: str, first: int, records: list[bytes]) -> Frame:
    lengths = np.array([len(record) for record in records], dtype="<u4").tobytes()
    return Frame(key, first, "json", _OWN_CHANNEL, "localhost", system_clock(), lengths, b"".join(records))
