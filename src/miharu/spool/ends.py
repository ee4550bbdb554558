"""Where a segment ends, for those who read it while it may still be written."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from miharu.spool.folder import numbers
from miharu.spool.position import Position
from miharu.spool.segment import SegmentFile


class End(NamedTuple):
    """Where reading one segment stops.

    `limit` is the offset to read to. `sure`: all before it was acknowledged, so what holds no frame there is damage.
    `open`: more may follow there. `missing`: bytes that were acknowledged and are gone from the file's end.
    """

    limit: int
    sure: bool
    open: bool
    missing: int = 0


def end_of(folder: Path, segment: SegmentFile, durable: Position | None) -> End:
    """Return where the segment ends now, `durable` being how far the writer says the spool is durable.

    Without that, the newest segment may be in the midst of a write. Whether it is the newest is looked up before its
    size, so that what a writer adds before it begins the next one is never passed over.
    """
    if durable is not None and segment.number >= durable.segment:
        said = durable.offset if segment.number == durable.segment else 0
        return End(min(said, segment.size), sure=True, open=True)
    if durable is None and segment.number == max(numbers(folder), default=0):
        return End(segment.size, sure=False, open=True)
    size = segment.size
    said = _said_by_next(folder, segment.number)
    if said:
        return End(min(said, size), sure=True, open=False, missing=max(0, said - size))
    return End(size, sure=False, open=False)


def _said_by_next(folder: Path, number: int) -> int:
    try:
        following = SegmentFile.open(folder, number + 1)
    except FileNotFoundError:
        return 0
    following.close()
    return following.header.previous_end if following.header else 0
