"""What senders sent → numbers per channel and sender, and their sums; memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from miharu.core.clock import Clock, system_clock

SENDERS: Final = 10_000
"""Senders that are told apart."""

OTHER: Final = "other"
"""Stands for every sender beyond those."""

NUMBERS: Final = ("frames", "records", "bytes", "refused", "too_long", "dropped", "repeated")
_MAPPED: Final = "::ffff:"


@dataclass(slots=True)
class SenderCount:
    """Numbers of one sender on one channel; they only grow.

    `frames` are requests, datagrams or reads of a stream that brought records, `bytes` what these took on the wire.
    `refused` are requests (or single items of them, or connections) that were turned down and remain with the sender,
    `too_long` records that were kept in more than one piece, `dropped` datagrams that could not be taken and are
    lost, `repeated` requests that came again and were not written again.
    """

    channel: str
    sender: str
    first_seen: datetime
    last_seen: datetime
    frames: int = 0
    records: int = 0
    bytes: int = 0
    refused: int = 0
    too_long: int = 0
    dropped: int = 0
    repeated: int = 0

    def took(self, now: datetime, *, frames: int, records: int, size: int) -> None:
        """Add what was taken."""
        self.last_seen = now
        self.frames += frames
        self.records += records
        self.bytes += size

    def shown(self) -> dict[str, Any]:
        """Return all of it with plain values, instants in ISO 8601."""
        numbers = {name: getattr(self, name) for name in NUMBERS}
        seen = {"first_seen": self.first_seen.isoformat(), "last_seen": self.last_seen.isoformat()}
        return {"channel": self.channel, "sender": self.sender, **numbers, **seen}


class SenderCounts:
    """Counts per channel and sender; beyond `limit` senders, one more per channel stands for all others."""

    def __init__(self, *, limit: int = SENDERS, clock: Clock = system_clock) -> None:
        self._limit, self._clock = limit, clock
        self._counts: dict[tuple[str, str], SenderCount] = {}

    def of(self, channel: str, sender: str) -> SenderCount:
        """Return the count of a sender; it may be kept and added to while the sender is connected."""
        found = self._counts.get((channel, sender))
        if found is None and len(self._counts) >= self._limit:
            sender = OTHER
            found = self._counts.get((channel, sender))
        if found is None:
            now = self._clock()
            found = self._counts[channel, sender] = SenderCount(channel, sender, now, now)
        return found

    def __iter__(self) -> Iterator[SenderCount]:
        return iter(self._counts.values())

    def snapshot(self) -> list[dict[str, Any]]:
        """Return every sender's numbers, those that sent last first."""
        return [count.shown() for count in sorted(self, key=lambda each: each.last_seen, reverse=True)]

    def totals(self) -> dict[str, int]:
        """Return the sums of all numbers."""
        return {name: sum(getattr(count, name) for count in self) for name in NUMBERS}

    def by_channel(self) -> dict[str, dict[str, int]]:
        """Return the sums of all numbers for each channel."""
        sums: dict[str, dict[str, int]] = {}
        for count in self:
            numbers = sums.setdefault(count.channel, dict.fromkeys(NUMBERS, 0))
            for name in NUMBERS:
                numbers[name] += getattr(count, name)
        return sums


def plain_address(host: str) -> str:
    """Return an address as people write it: IPv4 without its IPv6 dress, and no zone."""
    host = host.partition("%")[0]
    return host[len(_MAPPED) :] if host.startswith(_MAPPED) and "." in host else host
