"""A spool's folder → the requests in it that their senders may send again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from miharu.spool.durable import DurableView
from miharu.spool.ends import end_of
from miharu.spool.folder import segment_path, sizes
from miharu.spool.layout import FILE_HEADER
from miharu.spool.position import Position
from miharu.spool.segment import SegmentFile


def recent(folder: Path, since: datetime) -> Iterator[tuple[str, str, datetime]]:
    """Yield digest, key and time of receipt of frames that have a digest and came at or after `since`, oldest first.

    Only headers are read, and not verified. Segments last written before `since` are not looked at.
    """
    view = DurableView(folder)
    try:
        durable = view.read()
    finally:
        view.close()
    for number in sizes(folder):
        try:
            if segment_path(folder, number).stat().st_mtime < since.timestamp():
                continue
            segment = SegmentFile.open(folder, number)
        except FileNotFoundError:
            continue
        try:
            yield from _of_segment(folder, segment, durable, since)
        finally:
            segment.close()


def _of_segment(
    folder: Path, segment: SegmentFile, durable: Position | None, since: datetime
) -> Iterator[tuple[str, str, datetime]]:
    limit = end_of(folder, segment, durable).limit
    offset: int | None = FILE_HEADER
    while offset is not None and offset < limit:
        found = segment.name_at(offset, limit)
        if found is None:
            offset = segment.search(offset + 1, limit)
            continue
        name, size = found
        offset += size
        if name is not None and name.digest and name.received >= since:
            yield name.digest, name.key, name.received
