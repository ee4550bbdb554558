"""A spool's folder and a place in it → the frames from there on, repeatable, whatever the bytes on disk are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from miharu.spool.durable import DurableView
from miharu.spool.ends import End, end_of
from miharu.spool.folder import numbers, segment_path, sizes
from miharu.spool.layout import FILE_HEADER
from miharu.spool.position import Damage, Position, Taken
from miharu.spool.quarantine import keep
from miharu.spool.segment import SegmentFile


@dataclass(slots=True)
class _Taking:
    """One call of `read`: what it has got, and what it still wants."""

    taken: Taken
    rows: int
    size: int
    end: Position | None

    def wants(self) -> bool:
        """Whether to go on: until the end, or until there is enough of something."""
        if self.end is not None and self.taken.end >= self.end:
            return False
        enough = self.rows <= 0 or self.size <= 0
        return not (enough and (self.taken.frames or self.taken.damages))

    def move(self, position: Position) -> None:
        """Go on to a place, not beyond the end."""
        self.taken.end = position if self.end is None else min(position, self.end)


class SpoolReader:
    """Reads a spool, also while another process writes it. For one thread at a time.

    Reading changes nothing but the quarantine: the same begin and end give the same frames again, until somebody
    forgets them. `quarantined` lists the damage found since the reader was opened, each once.
    """

    def __init__(self, folder: Path) -> None:
        self.quarantined: list[Damage] = []
        self._folder = folder
        self._durable = DurableView(folder)
        self._segment: SegmentFile | None = None
        self._end: tuple[int, End] | None = None
        self._seen: set[tuple[int, int]] = set()
        self._waiting: tuple[Position, int] | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the spool in `folder`; it may be made later."""
        return cls(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._durable.close()
        self._leave()

    def read(self, begin: Position, *, rows: int, size: int, end: Position | None = None) -> Taken:
        """Take whole frames from `begin` on, at least one if there is one, until about `rows` records or `size` bytes.

        Nothing beyond `end` is taken. Write `Taken.end` down also when there are no frames. Raises OperatorError where
        damage cannot be kept or a later miharu wrote a segment; never for what the bytes are.
        """
        taking = _Taking(Taken([], begin, begin), max(rows, 1), max(size, 1), end)
        durable = self._durable.read()
        while taking.wants() and self._step(taking, durable):
            pass
        return taking.taken

    def forget(self, before: Position) -> None:
        """Delete segments all of which lies before the place; never the newest, which may be in writing."""
        for number in numbers(self._folder)[:-1]:
            if number >= before.segment:
                break
            if self._segment is not None and self._segment.number == number:
                self._leave()
            segment_path(self._folder, number).unlink(missing_ok=True)

    def backlog(self, begin: Position) -> int:
        """Return the bytes of frames from `begin` on that can be read."""
        durable = self._durable.read()
        total = 0
        for number, size in sizes(self._folder).items():
            if durable is not None and number >= durable.segment:
                size = min(size, durable.offset) if number == durable.segment else 0  # noqa: PLW2901
            if number >= begin.segment:
                total += max(0, size - max(FILE_HEADER, begin.offset if number == begin.segment else 0))
        return total

    def _step(self, taking: _Taking, durable: Position | None) -> bool:
        """Take what can be taken of one segment, or go to the next; False when there is nothing to do now."""
        segment = self._enter(taking.taken.end.segment)
        if segment is None:
            return self._go_on(taking, taking.taken.end)
        end = self._bounds(segment, durable, taking.end)
        if taking.taken.end.offset < FILE_HEADER and segment.header is not None:
            taking.move(Position(segment.number, FILE_HEADER))
        self._frames(taking, segment, end.limit)
        position = taking.taken.end
        if not taking.wants():
            return False
        if position.offset < end.limit:
            return self._mend(taking, segment, end)
        return self._finish(taking, segment, end)

    def _frames(self, taking: _Taking, segment: SegmentFile, limit: int) -> None:
        """Take frames up to the limit, enough, or the first bytes that are none."""
        offset = taking.taken.end.offset
        if offset < FILE_HEADER:
            return
        frames = taking.taken.frames
        while taking.rows > 0 and taking.size > 0:
            found = segment.frame_at(offset, limit)
            if found is None:
                break
            frame, size = found
            frames.append(frame)
            offset += size
            taking.rows -= frame.records
            taking.size -= size
        taking.move(Position(segment.number, offset))

    def _mend(self, taking: _Taking, segment: SegmentFile, end: End) -> bool:
        """Pass over bytes that are no frame: to the next valid one, or to the end if they are no torn write."""
        position, limit = taking.taken.end, end.limit
        if end.open and not end.sure and self._waiting == (position, limit):
            return False
        following = segment.search(position.offset + 1, limit)
        if following is None and not end.sure:
            if end.open:
                self._waiting = (position, limit)
                return False
            if segment.torn(position.offset, limit):
                taking.move(Position(segment.number, limit))
                return True
        stop = limit if following is None else following
        detail = segment.fault(position.offset, limit)
        self._damage(taking, segment.file, (segment.number, position.offset, stop - position.offset), detail)
        taking.move(Position(segment.number, stop))
        return True

    def _finish(self, taking: _Taking, segment: SegmentFile, end: End) -> bool:
        """Go from the end of a segment to the next; False where the end may yet move."""
        if end.open:
            return False
        offset = taking.taken.end.offset
        if offset < end.limit + end.missing:
            lost = end.limit + end.missing - offset
            self._damage(taking, None, (segment.number, offset, lost), "the end of the segment is gone")
            taking.move(Position(segment.number, offset + lost))
            return True
        return self._go_on(taking, Position(segment.number + 1, 0))

    def _enter(self, number: int) -> SegmentFile | None:
        """Return the segment of this number, or None where there is none (any more)."""
        if self._segment is not None and self._segment.number == number and not self._segment.begun:
            return self._segment
        self._leave()
        try:
            self._segment = SegmentFile.open(self._folder, number)
        except FileNotFoundError:
            return None
        return self._segment

    def _go_on(self, taking: _Taking, wanted: Position) -> bool:
        """Move to the first segment that is there from the wanted one on; those that are gone are damage."""
        number = next((there for there in numbers(self._folder) if there >= wanted.segment), None)
        if number is None:
            return False
        if 0 < wanted.segment < number:
            gone = f"{wanted.segment}" if number == wanted.segment + 1 else f"{wanted.segment} to {number - 1}"
            self._damage(taking, None, (wanted.segment, wanted.offset, 0), f"segments are gone: {gone}")
        taking.move(Position(number, 0))
        return True

    def _bounds(self, segment: SegmentFile, durable: Position | None, stop: Position | None) -> End:
        """Return where to stop in the segment; the end of one that is no longer written is looked up once."""
        if self._end is not None and self._end[0] == segment.number:
            end = self._end[1]
        else:
            end = end_of(self._folder, segment, durable)
            if end.sure and not end.open:
                self._end = (segment.number, end)
        if stop is not None and stop.segment == segment.number and stop.offset <= end.limit:
            return End(stop.offset, sure=True, open=False)
        return end

    def _damage(self, taking: _Taking, file: int | None, place: tuple[int, int, int], detail: str) -> None:
        found = keep(self._folder, file, place, detail)
        taking.taken.damages.append(found)
        taking.size -= found.size if file is not None else 0
        if place[:2] not in self._seen:
            self._seen.add(place[:2])
            self.quarantined.append(found)

    def _leave(self) -> None:
        if self._segment is not None:
            self._segment.close()
        self._segment = None
        self._end = None
        self._waiting = None
