"""Requests that come again unchanged → the first one's key, so that nothing is written twice.

A sender that got no answer sends again. What it sends is known by a digest; the digest is remembered for some time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import xxhash

from miharu.core.clock import Clock, system_clock
from miharu.core.identity import hash_parts

DIGESTS: Final = 200_000
"""Digests that are remembered at once."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Request:
    """One request as first seen. `settled` says, once known, whether it is durable; None: it is."""

    key: str
    received: datetime
    settled: asyncio.Future[bool] | None = None


class Repeats:
    """Remembers requests for `window` after they came, at most `limit` of them (the oldest leave)."""

    def __init__(self, window: timedelta, *, limit: int = DIGESTS, clock: Clock = system_clock) -> None:
        self._window, self._limit, self._clock = window, limit, clock
        self._requests: OrderedDict[str, Request] = OrderedDict()

    def __len__(self) -> int:
        return len(self._requests)

    def load(self, found: Iterable[tuple[str, str, datetime]]) -> None:
        """Remember requests that are durable already: digest, key, and when it was received."""
        for digest, key, received in sorted(found, key=lambda each: each[2]):
            self._requests[digest] = Request(key, received)
        self._forget()

    async def begin(self, digest: str) -> tuple[Request, bool]:
        """Return the request and whether it is a repeated one, which then is durable.

        While the first is under way this waits for its end. If it was not repeated, `settle` has to follow.
        """
        while True:
            self._forget()
            found = self._requests.get(digest)
            if found is None:
                now = self._clock()
                settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                made = Request(key_of(digest, now), now, settled)
                self._requests[digest] = made
                return made, False
            if found.settled is None:
                return found, True
            await asyncio.wait({found.settled})

    def settle(self, digest: str, request: Request, *, durable: bool) -> None:
        """Say how a request ended: one that is not durable is forgotten."""
        settled, request.settled = request.settled, None
        if not durable and self._requests.get(digest) is request:
            del self._requests[digest]
        if settled is not None:
            settled.set_result(durable)

    def _forget(self) -> None:
        oldest = self._clock() - self._window
        while self._requests:
            request = next(iter(self._requests.values()))
            if len(self._requests) <= self._limit and (request.settled is not None or request.received >= oldest):
                return
            self._requests.popitem(last=False)


def digest_of(channel: str, name: str, sender: str, path: str, body: bytes) -> str:
    """Return what names a request: how, by whom and from where it came, where it went, and what it holds."""
    return hash_parts(channel, name, sender, path, xxhash.xxh3_128_digest(body))


def key_of(digest: str, received: datetime) -> str:
    """Return the key of the frame of a request."""
    return hash_parts(digest, str((received - _EPOCH) // timedelta(microseconds=1) * 1000))
