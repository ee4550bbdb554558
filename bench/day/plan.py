"""How many records are wanted → how often each thing happens; some happen once whatever the size."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from bench.day import attack, desks, domain, firewall, linux, mail, vpn, web
from bench.day.lines import Archive
from bench.day.rhythm import Day


@dataclass(frozen=True)
class Activity:
    """Something that happens many times a day: its share of all records, and how many records it leaves each time."""

    make: Callable[[Day, np.random.Generator, int], None]
    share: float
    records: float


ACTIVITIES: Final = tuple(
    Activity(*row)
    for row in (
        (desks.browsing, 0.285, 4.6),
        (desks.programs, 0.150, 4),
        (desks.upkeep, 0.070, 4),
        (desks.traces, 0.065, 1),
        (desks.scripts, 0.003, 1),
        (desks.services, 0.004, 1),
        (domain.shares, 0.065, 4),
        (domain.machines, 0.040, 3),
        (domain.printers, 0.004, 1),
        (domain.mistakes, 0.0003, 2),
        (firewall.lookups, 0.070, 2),
        (web.visits, 0.090, 6),
        (web.watched, 0.004, 1),
        (web.probes, 0.004, 1),
        (web.intranet, 0.015, 1),
        (mail.received, 0.022, 9),
        (mail.sent, 0.012, 7),
        (mail.refused, 0.008, 5),
        (mail.watched, 0.003, 2),
        (mail.read, 0.012, 2),
        (mail.forgotten, 0.0002, 1),
        (linux.cron, 0.012, 3),
        (linux.administration, 0.003, 11),
        (linux.knocks, 0.008, 5),
        (vpn.strangers, 0.001, 3),
    )
)
"""What is left over goes to what the firewall denies."""
ONCE: Final = (domain.presence, domain.lockout, domain.administration, linux.backup, vpn.homes)


def fill(archive: Archive, day: date, events: int, seed: int, *, attacked: bool) -> None:
    """Add `events` records of that day, fewer only where a handful of things alone are more."""

    def dice(name: str) -> np.random.Generator:
        return np.random.default_rng((seed, events, day.toordinal(), zlib.crc32(name.encode())))

    here = Day.begin(archive, dice("people"))
    if attacked:
        attack.happen(here, dice("attack"))
    for make in ONCE:
        make(here, dice(f"{make.__module__}.{make.__name__}"))
    free = events - archive.records
    for activity in ACTIVITIES:
        name = f"{activity.make.__module__}.{activity.make.__name__}"
        activity.make(here, dice(name), max(1, round(free * activity.share / activity.records)))
    firewall.denied(here, dice("denied"), max(2, events - archive.records))
