"""What a running part says about itself, as the other parts read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Vitals:
    """One part at one moment: `state` is `starting`, `running`, `trouble` or `stopped`, `trouble` says what is wrong.

    `counters` only grow while the process lives, `gauges` go up and down; both are named `<noun>_<unit or plural>`.
    `details` holds lists for people: senders, addresses, rules that cannot run.
    """

    part: str
    pid: int
    at: datetime
    state: str
    trouble: str = ""
    counters: Mapping[str, int] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
