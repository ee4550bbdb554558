"""What the parts say about themselves, the store and the disk → how the system is."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import datetime, timedelta
from typing import Final

import anyio
from anyio import to_thread
from pydantic import BaseModel, Field

from miharu.core.clock import system_clock
from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import read_vitals
from miharu.store import store_answers

SILENT_AFTER: Final = timedelta(seconds=15)
"""A part that said nothing for so long does not run, whatever it said last."""
_FRESH_SECONDS: Final = 1.0
_STORE_SECONDS: Final = 3.0


class PartHealth(BaseModel):
    """One part of the live system."""

    state: str = Field(description="starting, running, trouble, stopped, or silent: it does not say anything.")
    trouble: str = Field(description="What is wrong; empty: nothing.")
    pid: int = Field(description="Its process.")
    at: datetime = Field(description="When it said so.")
    counters: dict[str, int] = Field(description="What it has done since it started.")
    gauges: dict[str, float] = Field(description="How it is at this moment.")


class Health(BaseModel):
    """How the system is; without a token only `status`."""

    status: str = Field(description="ok, starting or trouble.")
    parts: dict[str, PartHealth] | None = Field(None, description="The parts by name.")
    store_reachable: bool | None = Field(None, description="Whether the store answers.")
    backlog_bytes: int | None = Field(None, description="Bytes that were received and not yet worked off.")
    disk_free_bytes: int | None = Field(None, description="Bytes free on the disk of the data folder.")


class Doctor:
    """Looks at the system at most once a second, whoever asks; belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._looked = float("-inf")
        self._known = Health(status="starting")

    async def look(self) -> Health:
        """Return how the system is."""
        async with self._lock:
            if time.monotonic() - self._looked >= _FRESH_SECONDS:
                self._known = await self._examine()
                self._looked = time.monotonic()
            return self._known

    async def _examine(self) -> Health:
        data = self._settings.data
        vitals = await to_thread.run_sync(read_vitals, data)
        disk = await to_thread.run_sync(shutil.disk_usage, data)
        reachable = False
        with anyio.move_on_after(_STORE_SECONDS):
            reachable = await to_thread.run_sync(store_answers, data, abandon_on_cancel=True)
        now = system_clock()
        parts = {name: part_of(each, now) for name, each in vitals.items()}
        return Health(
            status=_status(parts, reachable=reachable),
            parts=parts,
            store_reachable=reachable,
            backlog_bytes=int(sum(part.gauges.get("spool_backlog_bytes", 0) for part in parts.values())),
            disk_free_bytes=disk.free,
        )


def part_of(vitals: Vitals, now: datetime) -> PartHealth:
    """Return how a part is."""
    state, trouble = vitals.state, vitals.trouble
    if now - vitals.at > SILENT_AFTER and state != "stopped":
        state, trouble = "silent", trouble or f"nothing was heard of it since {vitals.at.isoformat()}"
    return PartHealth(
        state=state,
        trouble=trouble,
        pid=vitals.pid,
        at=vitals.at,
        counters=dict(vitals.counters),
        gauges=dict(vitals.gauges),
    )


def _status(parts: dict[str, PartHealth], *, reachable: bool) -> str:
    states = {part.state for part in parts.values()}
    if not states <= {"running", "starting"}:
        return "trouble"
    if "starting" in states:
        return "starting"
    return "ok" if reachable else "trouble"
