"""Frames from listeners → the spool, many at a time, by a thread that waits for the disk so that the loop need not.

While one write is on its way to the disk the next gathers: the more arrives, the fewer waits a frame costs.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from miharu.core.frame import Frame
from miharu.sources import IntakeFullError
from miharu.spool import SpoolFullError, SpoolWriter

_HIGH_BYTES: Final = 16 * 1024 * 1024
_LOW_BYTES: Final = 4 * 1024 * 1024
_AT_ONCE_BYTES: Final = 8 * 1024 * 1024
_AGAIN_SECONDS: Final = 0.25
_TOLD_SECONDS: Final = 10.0
_FRAME_BYTES: Final = 256
"""About what the spool writes around the records of a frame."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Offer:
    frame: Frame
    patient: bool
    done: asyncio.Future[None]


class SpoolGate:
    """Implements `miharu.sources.Gate` over a spool. Its methods are for the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: SpoolWriter) -> None:
        self._loop = loop
        self._writer = writer
        self._offers: deque[_Offer] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._closing = False
        self._relieved: list[Callable[[], None]] = []
        self._refused = 0
        self._at_once = _AT_ONCE_BYTES
        self._told, self._telling = -math.inf, False
        self.trouble = ""
        self.frames = 0
        self.records = 0
        self.writes = 0
        self._thread = threading.Thread(target=self._write, name="miharu-spool", daemon=True)
        self._thread.start()

    @property
    def crowded(self) -> bool:
        """Say whether too much waits for the disk."""
        return bool(self.trouble) or self._waiting > _HIGH_BYTES

    @property
    def waiting(self) -> int:
        """Bytes that were offered and are not durable yet."""
        return self._waiting

    def offer(self, frame: Frame, *, patient: bool) -> asyncio.Future[None]:
        """Hand over a frame; the future is done when it is durable."""
        done: asyncio.Future[None] = self._loop.create_future()
        if self.trouble and not patient:
            done.set_exception(IntakeFullError(self.trouble))
            return done
        with self._changed:
            self._offers.append(_Offer(frame, patient, done))
            self._waiting += len(frame.data)
            self._changed.notify()
        return done

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, in the loop, when no longer crowded."""
        if self.crowded:
            self._relieved.append(callback)
        else:
            self._loop.call_soon(callback)

    async def close(self) -> None:
        """Write what waits, then end the thread. What a full disk does not take is given up, and said so."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await self._loop.run_in_executor(None, self._thread.join)
        if self._offers:
            lost = sum(offer.frame.records for offer in self._offers)
            _log.error("records of streams were lost at the end", action="records-lost", records=lost)

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._offers and not self._closing and not self.trouble:
                    self._changed.wait()
                offers = self._take()
            if not offers and self._closing:
                return
            if not (self._put(offers) if offers else self._probe()):
                with self._changed:
                    if self._closing:
                        return
                    self._changed.wait(_AGAIN_SECONDS)

    def _take(self) -> list[_Offer]:
        taken: list[_Offer] = []
        size = 0
        while self._offers and (size < self._at_once or not taken):
            taken.append(self._offers.popleft())
            size += len(taken[-1].frame.data)
        return taken

    def _put(self, offers: list[_Offer]) -> bool:
        try:
            self._writer.put([offer.frame for offer in offers])
        except (SpoolFullError, OSError) as error:
            self._tell(str(error))
            self.trouble = str(error)
            self._refused = sum(_size(offer.frame) for offer in offers)
            # A part of it may find room where all of it never will.
            self._at_once = sum(len(offer.frame.data) for offer in offers) // 2
            with self._changed:
                # Also those further back: behind a stream that waits they would have no answer at all.
                waiting = [*offers, *self._offers]
                refused = [offer for offer in waiting if not offer.patient]
                self._offers = deque(offer for offer in waiting if offer.patient)
                self._waiting -= sum(len(offer.frame.data) for offer in refused)
            self._loop.call_soon_threadsafe(_refuse, refused, self.trouble)
            return False
        self._relieve()
        self._at_once = min(_AT_ONCE_BYTES, 2 * max(self._at_once, _FRAME_BYTES))
        self.frames += len(offers)
        self.records += sum(offer.frame.records for offer in offers)
        self.writes += 1
        self._loop.call_soon_threadsafe(self._written, offers)
        return True

    def _probe(self) -> bool:
        """See whether the spool would take again what it refused: nobody is let in who could find out."""
        try:
            self._writer.probe(self._refused)
        except (SpoolFullError, OSError) as error:
            self._tell(str(error))
            self.trouble = str(error)
            return False
        self._relieve()
        self._loop.call_soon_threadsafe(self._written, [])
        return True

    def _tell(self, trouble: str) -> None:
        """Say that there is no room; not again and again while it comes and goes."""
        now = time.monotonic()
        if not self._telling and now >= self._told + _TOLD_SECONDS:
            _log.error("spool takes nothing", action="spool-full", error=trouble)
            self._told, self._telling = now, True

    def _relieve(self) -> None:
        if self.trouble and self._telling:
            _log.info("spool takes records again", action="spool-relieved")
            self._telling = False
        self.trouble = ""

    def _written(self, offers: list[_Offer]) -> None:
        with self._changed:
            self._waiting -= sum(len(offer.frame.data) for offer in offers)
        for offer in offers:
            if not offer.done.done():  # a sender that went away has cancelled it
                offer.done.set_result(None)
        if self._relieved and not self.trouble and self._waiting <= _LOW_BYTES:
            callbacks, self._relieved = self._relieved, []
            for callback in callbacks:
                callback()


def _refuse(offers: list[_Offer], why: str) -> None:
    for offer in offers:
        if not offer.done.done():
            offer.done.set_exception(IntakeFullError(why))


def _size(frame: Frame) -> int:
    return len(frame.data) + len(frame.lengths) + _FRAME_BYTES
