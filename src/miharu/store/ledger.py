"""What was read of which content, and which batches are under way: import exactly once, whatever happens.

The order that makes it so: `begin_batch` (durable) → insert into the store with the batch's token → `finish_batch`,
one transaction. After a crash each pending batch is read again from its segments and inserted with the same token
and the same `created`; the store keeps of it what it did not have.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Connection, func, select, tuple_, update

from miharu.store.errors import StateError
from miharu.store.state_tables import BATCHES, CONTENTS, FILES
from miharu.store.upserts import upsert

_HEAD_BYTES: Final = 4096
_NO_HEAD: Final = -1
_KEYS_AT_ONCE: Final = 1_000


class Fingerprint(Protocol):
    """What is known of content after one pass: `heads[n]` is the digest of its first n bytes."""

    @property
    def size(self) -> int:
        """Bytes of decompressed content."""

    @property
    def digest(self) -> str:
        """Digest of all of it, 32 hexadecimal digits."""

    @property
    def heads(self) -> Mapping[int, str]:
        """Digests of the first 1, 2, 4 … 4096 bytes, as far as `size` goes."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows a file gave: `records` = `events` + `rejects`."""

    records: int = 0
    events: int = 0
    rejects: int = 0


@dataclass(frozen=True, slots=True)
class KnownContent:
    """Content that was seen before, and how far the file it belongs to is stored.

    `committed` is the position in the file (unit of its format) up to which everything is stored, `claimed` that up
    to which storing was begun; `complete` says that all of this content is stored.
    """

    file_key: str
    size: int
    digest: str
    path: str
    complete: bool
    committed: int
    claimed: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of one file within a batch; `completes` is the size of the content whose end it reaches, if it does."""

    file_key: str
    begin: int
    end: int
    completes: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch written down before it is stored; `created` is the instant its events count as created."""

    token: str
    segments: tuple[Segment, ...]
    created: datetime


def lookup(connection: Connection, heads: Mapping[int, str]) -> list[KnownContent]:
    """Return known contents whose head equals that of a new content; the caller compares digests of prefixes."""
    keys = list(heads.items()) or [(_NO_HEAD, "")]
    rows = connection.execute(
        select(CONTENTS, FILES.c.committed, FILES.c.claimed)
        .join(FILES, FILES.c.file_key == CONTENTS.c.file_key)
        .where(tuple_(CONTENTS.c.head_bytes, CONTENTS.c.head_digest).in_(keys))
        .order_by(CONTENTS.c.size, CONTENTS.c.file_key)
    ).all()
    return [
        KnownContent(row.file_key, row.size, row.digest, row.path, row.complete, row.committed, row.claimed)
        for row in rows
    ]


def register(connection: Connection, file_key: str, path: str, scan: Fingerprint, now: datetime) -> None:
    """Write down a content of a file; of one that is known already, where and when it was seen last."""
    start = {"file_key": file_key, "committed": 0, "claimed": 0, "records": 0, "events": 0, "rejects": 0}
    upsert(connection, FILES, [start], change=())
    head = max((n for n in scan.heads if n <= _HEAD_BYTES), default=_NO_HEAD)
    content = {
        "file_key": file_key,
        "size": scan.size,
        "digest": scan.digest,
        "head_bytes": head,
        "head_digest": scan.heads.get(head, ""),
        "path": path,
        "complete": False,
        "records": 0,
        "events": 0,
        "rejects": 0,
        "last_seen": now,
    }
    upsert(connection, CONTENTS, [content], change=("path", "last_seen"))


def counts(connection: Connection, contents: Collection[tuple[str, int]]) -> dict[tuple[str, int], Counts]:
    """Return how many rows each content, named by file key and size, gave (or has given yet)."""
    found: dict[tuple[str, int], Counts] = {}
    wanted = list(contents)
    for begin in range(0, len(wanted), _KEYS_AT_ONCE):
        some = wanted[begin : begin + _KEYS_AT_ONCE]
        rows = connection.execute(
            select(
                CONTENTS.c.file_key,
                CONTENTS.c.size,
                CONTENTS.c.records,
                CONTENTS.c.events,
                CONTENTS.c.rejects,
                FILES.c.records,
                FILES.c.events,
                FILES.c.rejects,
                CONTENTS.c.complete,
            )
            .join(FILES, FILES.c.file_key == CONTENTS.c.file_key)
            .where(tuple_(CONTENTS.c.file_key, CONTENTS.c.size).in_(some))
        ).all()
        for row in rows:
            whole, so_far = Counts(*row[2:5]), Counts(*row[5:8])
            found[row.file_key, row.size] = whole if row.complete else so_far
    return found


def paths(connection: Connection, file_keys: Collection[str]) -> dict[str, str]:
    """Return where the longest content of each file was seen last."""
    rows = connection.execute(
        select(CONTENTS.c.file_key, CONTENTS.c.path)
        .where(CONTENTS.c.file_key.in_(list(file_keys)))
        .order_by(CONTENTS.c.file_key, CONTENTS.c.size)
    ).all()
    return {row.file_key: row.path for row in rows}


def begin_batch(connection: Connection, segments: Sequence[Segment], created: datetime) -> Batch:
    """Write a batch down. Raises StateError where a segment is stored or under way already."""
    for segment in segments:
        claimed = connection.execute(
            update(FILES)
            .where(FILES.c.file_key == segment.file_key, FILES.c.claimed <= segment.begin)
            .values(claimed=segment.end)
        )
        if claimed.rowcount != 1:
            raise StateError(_why_not(connection, segment))
    batch = Batch(uuid.uuid4().hex, tuple(segments), created)
    last = connection.execute(select(func.max(BATCHES.c.number))).scalar()
    connection.execute(
        BATCHES.insert().values(
            token=batch.token,
            number=(last or 0) + 1,
            segments=[asdict(segment) for segment in segments],
            state="pending",
            created=created,
        )
    )
    return batch


def pending_batches(connection: Connection) -> list[Batch]:
    """Return batches that were begun and not finished, oldest first."""
    rows = connection.execute(select(BATCHES).where(BATCHES.c.state == "pending").order_by(BATCHES.c.number)).all()
    return [Batch(row.token, tuple(Segment(**each) for each in row.segments), row.created) for row in rows]


def finish_batch(connection: Connection, token: str, rows: Sequence[Counts]) -> None:
    """Mark a batch stored and move its files on; `rows` counts what each segment of it gave, in order.

    Raises StateError where the batch is not pending.
    """
    row = connection.execute(select(BATCHES.c.segments, BATCHES.c.state).where(BATCHES.c.token == token)).one_or_none()
    if row is None or row.state != "pending":
        message = f"the batch {token} is not pending; nothing was changed"
        raise StateError(message)
    connection.execute(update(BATCHES).where(BATCHES.c.token == token).values(state="done"))
    for each, counted in zip(row.segments, rows, strict=True):
        _advance(connection, Segment(**each), counted)


def _advance(connection: Connection, segment: Segment, counted: Counts) -> None:
    file = connection.execute(select(FILES).where(FILES.c.file_key == segment.file_key)).one()
    total = {
        "records": file.records + counted.records,
        "events": file.events + counted.events,
        "rejects": file.rejects + counted.rejects,
    }
    connection.execute(
        update(FILES)
        .where(FILES.c.file_key == segment.file_key)
        .values(committed=max(file.committed, segment.end), **total)
    )
    if segment.completes is not None:
        connection.execute(
            update(CONTENTS)
            .where(CONTENTS.c.file_key == segment.file_key, CONTENTS.c.size <= segment.completes, ~CONTENTS.c.complete)
            .values(complete=True, **total)
        )


def _why_not(connection: Connection, segment: Segment) -> str:
    row = connection.execute(
        select(CONTENTS.c.path).where(CONTENTS.c.file_key == segment.file_key).order_by(CONTENTS.c.size.desc())
    ).first()
    if row is None:
        return f"the file {segment.file_key} is not registered"
    return f"{row.path} is being imported by another command, or was just now; run the import again when it has ended"
