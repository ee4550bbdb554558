"""Who, where and when: the cast that the log makers share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SEED = 20260310
DAY = datetime(2026, 3, 10, tzinfo=UTC)
BEGIN, END = DAY + timedelta(hours=7), DAY + timedelta(hours=12)

ATTACKER = "198.51.100.77"
CONTROL = "203.0.113.66"  # serves the script, takes the loot
WEB, FILES, DESK, FIREWALL = "web01", "FILE01.example.com", "WS07.example.com", "fw01"
WEB_INSIDE, WEB_OUTSIDE = "10.20.0.10", "192.0.2.10"
FILES_IP, DESK_IP = "10.20.1.5", "10.20.3.7"
STAFF = ("aiko", "ben", "chie", "daniel", "emi", "farid", "mika", "noah")
VICTIM = "mika"


@dataclass(frozen=True, order=True)
class Line:
    """One record of a log: when it is written, and its text."""

    at: datetime
    text: str


def clock(text: str) -> datetime:
    """Return the instant of the morning at `HH:MM` or `HH:MM:SS`."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def moments(rng: random.Random, count: int) -> Iterator[datetime]:
    """Yield `count` instants of the morning, busier once people are at work."""
    span = (END - BEGIN).total_seconds()
    for _ in range(count):
        yield BEGIN + timedelta(milliseconds=int(rng.triangular(0, span, span * 0.55) * 1000))
