"""When things happen: people come, eat and go; machines never sleep.

Every function returns instants in ascending order, in milliseconds since midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.day.company import PEOPLE, PERSON
from bench.day.lines import HOUR, LAST, MINUTE, Archive, Ints, Texts, column

HOURLY: Final = (3, 2, 2, 2, 2, 3, 5, 8, 11, 13, 14, 14, 13, 13, 14, 14, 14, 14, 15, 17, 18, 16, 11, 6)
"""How busy the shop's customers are, hour by hour."""
EAGER: Final = np.interp(
    np.arange(0, 24, 0.25), (0, 8, 9.5, 11.5, 12.2, 12.8, 13.6, 16, 19, 24), (1, 8, 14, 12, 4, 4, 13, 11, 5, 1)
)
"""How busy people at their desks are, quarter by quarter, with a dip at lunch."""


@dataclass(frozen=True)
class Day:
    """What all makers share: where records go, and who is here when."""

    archive: Archive
    come: Ints
    go: Ints
    logon: Texts  # the number of each person's logon at the desk
    explorer: Ints  # process ids at each person's desk
    browser: Ints

    @classmethod
    def begin(cls, archive: Archive, rng: np.random.Generator) -> Day:
        people = len(PEOPLE)
        come = np.clip(rng.normal(8.6, 0.4, people), 7.8, 9.5) * HOUR
        come[PERSON["mika"]] = 8.4 * HOUR  # is at the desk when the story begins
        go = np.clip(rng.normal(17.9, 0.5, people), 17, 19) * HOUR
        return cls(
            archive,
            come.astype(np.int64),
            go.astype(np.int64),
            hexes(rng, people, 1 << 20, 1 << 26),
            rng.integers(1000, 2000, people) * 4,
            rng.integers(2000, 4000, people) * 4,
        )

    def working(self, rng: np.random.Generator, count: int, who: Sequence[int] = ()) -> tuple[Ints, Ints]:
        """Return `count` moments at work and whose they are."""
        people = rng.choice(np.array(who), count) if len(who) else rng.integers(0, len(PEOPLE), count)
        total = np.concatenate(([0.0], np.cumsum(EAGER)))
        edges = np.arange(len(total)) * (HOUR // 4)
        low, high = np.interp(self.come[people], edges, total), np.interp(self.go[people], edges, total)
        at = np.interp(low + rng.random(count) * (high - low), total, edges).astype(np.int64)
        order = np.argsort(at, kind="stable")
        return people[order], at[order]


def flat(rng: np.random.Generator, count: int) -> Ints:
    """Return moments at any hour."""
    return np.sort(rng.integers(0, LAST, count))


def shopping(rng: np.random.Generator, count: int) -> Ints:
    """Return moments when customers come."""
    share = np.array(HOURLY) / sum(HOURLY)
    return np.sort(rng.choice(24, count, p=share) * HOUR + rng.integers(0, HOUR, count))


def bursts(rng: np.random.Generator, count: int, size: int) -> tuple[Ints, Ints]:
    """Return moments in bursts of about `size`, a few seconds apart, and to which burst each belongs."""
    number = max(1, count // size)
    burst = np.sort(rng.integers(0, number, count))
    begin = rng.integers(0, LAST - 30 * MINUTE, number)
    at = begin[burst] + rng.integers(0, size * 4000, count)
    order = np.argsort(at, kind="stable")
    return burst[order], at[order]


def ticks(count: int, late: int = 0) -> Ints:
    """Return `count` moments evenly over the day, on the minute and `late` milliseconds."""
    return np.linspace(0, LAST - MINUTE, count).astype(np.int64) // MINUTE * MINUTE + late


def pick(rng: np.random.Generator, pool: Sequence[Any], count: int, weights: Sequence[float] = ()) -> Texts:
    """Return `count` members of a pool."""
    share = np.array(weights) / sum(weights) if len(weights) else None
    return column(pool)[rng.choice(len(pool), count, p=share)]


def hexes(rng: np.random.Generator, count: int, low: int, high: int) -> Texts:
    return column(f"0x{number:x}" for number in rng.integers(low, high, count).tolist())


def guids(rng: np.random.Generator, count: int) -> Texts:
    text = rng.bytes(16 * count).hex().upper()
    parts = (text[at : at + 32] for at in range(0, 32 * count, 32))
    return column(f"{{{p[:8]}-{p[8:12]}-{p[12:16]}-{p[16:20]}-{p[20:]}}}" for p in parts)


def codes(rng: np.random.Generator, count: int, size: int) -> Texts:
    """Return capital hexadecimal words of `size` letters (an even number)."""
    text = rng.bytes(size // 2 * count).hex().upper()
    return column(text[at : at + size] for at in range(0, size * count, size))


def ports(rng: np.random.Generator, count: int) -> Ints:
    return rng.integers(49152, 65535, count)
