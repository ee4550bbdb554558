"""The state, looked at every moment for all streams together → changes of alerts, each stream in its own pace.

The latest changes are kept for streams that keep up; one that lags reads what it missed from the state. So nothing
is lost on a stream, and a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

import structlog

from miharu.core.alert import Alert
from miharu.serve.api.access import LakeAccess
from miharu.store import StateError

POLL_SECONDS: Final = 0.2
HEARTBEAT_SECONDS: Final = 15.0
_KEPT: Final = 1_000
_AT_ONCE: Final = 500

_log = structlog.get_logger()

Change = tuple[int, Alert]


class AlertFeed:
    """What changed about alerts, for any number of followers; belongs to one event loop."""

    def __init__(
        self, access: LakeAccess, poll_seconds: float = POLL_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._access = access
        self._poll_seconds = poll_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._kept: deque[Change] = deque(maxlen=_KEPT)
        self._floor = 0
        """Every change after this revision, up to `_last`, is in `_kept`."""
        self._last = 0
        self._news = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ended = False
        self.followers = 0

    async def follow(self, since: int | None) -> AsyncGenerator[list[Change], None]:
        """Yield changes after the revision `since` (None: from now on), an empty list when nothing came for a while.

        The first is an empty list, as soon as nothing after it can be missed. Ends with the feed. Raises StateError.
        """
        self.followers += 1
        try:
            await self._start()
            place = self._last if since is None else min(since, self._last)
            if not self._ended:
                yield []
            while self._poller is not None and not self._poller.done():
                news = self._news
                changes = await self._after(place)
                if changes:
                    place = changes[-1][0]
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), self._heartbeat_seconds)
                        continue
                yield changes
        finally:
            self.followers -= 1
            if not self.followers:
                self._rest()

    def end(self) -> None:
        """End every stream now, and those that come."""
        self._ended = True
        self._rest()
        self._wake()

    async def _start(self) -> None:
        async with self._starting:
            if self._ended or (self._poller is not None and not self._poller.done()):
                return
            self._last = self._floor = await self._access.note(lambda state: state.last_revision())
            if self._ended:  # while the state was asked
                return
            self._kept.clear()
            self._poller = asyncio.create_task(self._poll(), name="miharu-alert-feed")

    def _rest(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _poll(self) -> None:
        lost = False
        while True:
            await asyncio.sleep(self._poll_seconds)
            last = self._last
            try:
                changes = await self._access.note(lambda state: state.alerts_since(last, _AT_ONCE))  # noqa: B023
            except StateError as error:
                if not lost:
                    _log.warning("alerts cannot be followed", action="state-lost", error=str(error))
                lost = True
                continue
            lost = False
            if changes:
                self._keep(changes)

    def _keep(self, changes: list[Change]) -> None:
        for change in changes:
            if len(self._kept) == _KEPT:
                self._floor = self._kept[0][0]
            self._kept.append(change)
        self._last = changes[-1][0]
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _after(self, place: int) -> list[Change]:
        if place >= self._last:
            return []
        if place >= self._floor:
            return [change for change in self._kept if change[0] > place][:_AT_ONCE]
        return await self._access.note(lambda state: state.alerts_since(place, _AT_ONCE))
