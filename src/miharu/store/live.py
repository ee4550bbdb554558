"""How far live workers have come in the spool, and which batches of it are under way.

The same order as for files (`miharu.store.ledger`): `begin` (durable) → insert with the batch's token → `finish`, one
transaction with the alerts.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, delete, func, select

from miharu.store.errors import StateError
from miharu.store.state_tables import LIVE_BATCHES, LIVE_POSITIONS
from miharu.store.upserts import upsert

Place: TypeAlias = tuple[int, int]
"""A place in the spool: number of the segment, offset in it."""


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """A span of the spool, written down before it is stored; `created` is when its events count as created."""

    token: str
    begin: Place
    end: Place
    created: datetime


def position(connection: Connection, worker: str) -> Place:
    """Return where the worker reads on: behind everything that is stored or under way."""
    row = connection.execute(select(LIVE_POSITIONS).where(LIVE_POSITIONS.c.worker == worker)).one_or_none()
    stored = (row.segment, row.offset) if row is not None else (0, 0)
    return max([stored, *(batch.end for batch in pending(connection, worker))])


def stored(connection: Connection, worker: str) -> Place:
    """Return the place before which everything is stored."""
    row = connection.execute(select(LIVE_POSITIONS).where(LIVE_POSITIONS.c.worker == worker)).one_or_none()
    return (row.segment, row.offset) if row is not None else (0, 0)


def begin(connection: Connection, worker: str, span: tuple[Place, Place], created: datetime) -> LiveBatch:
    """Write a batch down. Raises StateError where another worker of this name has taken a part of the span."""
    begin_place, end_place = span
    if begin_place < position(connection, worker):
        message = f"another process works as {worker!r} on this data folder; end one of them"
        raise StateError(message)
    batch = LiveBatch(uuid.uuid4().hex, begin_place, end_place, created)
    last = connection.execute(select(func.max(LIVE_BATCHES.c.number))).scalar()
    connection.execute(
        LIVE_BATCHES.insert().values(
            token=batch.token,
            number=(last or 0) + 1,
            worker=worker,
            begin_segment=begin_place[0],
            begin_offset=begin_place[1],
            end_segment=end_place[0],
            end_offset=end_place[1],
            created=created,
        )
    )
    return batch


def pending(connection: Connection, worker: str) -> list[LiveBatch]:
    """Return batches begun and not finished, oldest first: to be read and inserted again, token and all."""
    rows = connection.execute(
        select(LIVE_BATCHES).where(LIVE_BATCHES.c.worker == worker).order_by(LIVE_BATCHES.c.number)
    ).all()
    return [
        LiveBatch(row.token, (row.begin_segment, row.begin_offset), (row.end_segment, row.end_offset), row.created)
        for row in rows
    ]


def finish(connection: Connection, worker: str, token: str) -> None:
    """Mark a batch stored and move the worker's place. Raises StateError where it is not pending."""
    row = connection.execute(select(LIVE_BATCHES).where(LIVE_BATCHES.c.token == token)).one_or_none()
    if row is None:
        message = f"the batch {token} is not pending; nothing was changed"
        raise StateError(message)
    connection.execute(delete(LIVE_BATCHES).where(LIVE_BATCHES.c.token == token))
    place = {"worker": worker, "segment": row.end_segment, "offset": row.end_offset}
    upsert(connection, LIVE_POSITIONS, [place], ("segment", "offset"))
