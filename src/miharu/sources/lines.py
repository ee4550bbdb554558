"""Text → its lines (and records of several lines, Windows events in XML among them) as spans, a window at once.

A line ends at LF, CR LF or a lone CR. Lines of white space only are no records. A line beyond the limit is kept in
pieces of fixed size, so that memory stays bounded and reading may resume at any piece.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from miharu.sources.content import Fault
from miharu.sources.cut import BLANK, LONGEST_TAIL, NO_SPANS, Cut, Kept, filled, piece_ends, pieces
from miharu.sources.event_xml import EVENT_TAG, Event, find_events, hold_markup, replace_lines
from miharu.sources.headers import LONGEST_BLOCK, Headers, directives, is_directive
from miharu.sources.joining import Joiner, Lines
from miharu.sources.textcoding import Positions, TextWindow

_LF, _CR = 10, 13
_BEFORE_EVENTS: Final = np.isin(np.arange(256), np.frombuffer(BLANK + b"<", dtype=np.uint8))


class LineCutter:
    """Cuts lines; `inside` says that the text begins within a line already known to be too long."""

    def __init__(
        self,
        limit: int,
        piece: int,
        *,
        inside: bool = False,
        joiner: Joiner | None = None,
        headers: Headers | None = None,
    ) -> None:
        self._limit, self._piece, self._inside = limit, piece, inside
        self._joiner, self._headers = joiner or Joiner(()), headers or Headers()

    def cut(self, window: TextWindow, added: bytes) -> Cut:
        """Cut the lines that are complete (at the end of content: all)."""
        del added
        data = window.data
        starts, stops, afters = line_spans(data, final=window.final)
        used = int(afters[-1]) if len(afters) else 0
        kept: list[Kept] = []
        if self._inside and len(afters):
            kept += self._too_long(data, 0, int(stops[0]), int(afters[0]))
            starts, stops, afters = starts[1:], stops[1:], afters[1:]
            self._inside = False
        begin, complete = kept[-1].after if kept else 0, used
        (starts, stops, afters), used = self._with_events(window, (starts, stops, afters), begin, used)
        held = used < complete
        long = np.flatnonzero(stops - starts > self._limit)
        if window.limited and len(afters) and self._goes_on(window, int(starts[-1]), int(stops[-1])):
            long = np.union1d(long, [len(stops) - 1])
        for index in long.tolist():
            kept += self._too_long(data, int(starts[index]), int(stops[index]), int(afters[index]))
        keep = np.setdiff1d(filled(data, starts, stops), long) if len(long) else filled(data, starts, stops)
        lines = Lines(data, starts[keep], stops[keep], _apart(starts[keep], kept))
        undecided, first = self._join(lines, kept[-1].start if kept else -1, final=window.final)
        if undecided is not None:
            used = int(lines.starts[undecided])
        elif not window.final and not held:
            used = self._cut_open_line(data, used, kept)
        count = len(lines.starts) if undecided is None else undecided
        headers = self._headers.follow(data, lines.starts[:count], lines.stops[:count], self._directives(window, lines))
        last = np.append(first, count)[1:] - 1
        cut = Cut(lines.starts[first], lines.stops[last], afters[keep][last], used, kept)
        cut.headers = None if headers is None else headers.gather(first)
        return cut

    def _directives(self, window: TextWindow, lines: Lines) -> bytes:
        """Return the lines beyond the end that is read to which belong to the last block of directives."""
        if not window.limited or not len(lines.starts) or not is_directive(lines.data, int(lines.starts[-1])):
            return b""
        return directives(window.beyond(LONGEST_BLOCK))

    def _join(self, lines: Lines, floor: int, *, final: bool) -> tuple[int | None, Positions]:
        """Return the line (behind `floor`) from which on nothing is decided yet, and which before begin a record."""
        final = final or not len(lines.starts) or int(lines.starts[-1]) < floor
        joined = self._joiner.join(lines, final=final)
        waiting = None if final else self._headers.held(lines.data, lines.starts)
        held = [place for place in (joined.held, waiting) if place is not None and lines.starts[place] > floor]
        if not held:
            return None, joined.first
        begin = self._whole(lines, joined.first, min(held), floor)
        return begin, joined.first[joined.first < begin]

    def _whole(self, lines: Lines, first: Positions, place: int, floor: int) -> int:
        """Return the line at or before `place` that begins both a record and, if it is a directive, its block."""
        begin = -1
        while begin != place:
            begin = place = int(first[np.searchsorted(first, place, side="right") - 1])
            block = self._headers.held(lines.data, lines.starts[: place + 1])
            if block is not None and lines.starts[block] > floor:
                place = block
        return begin

    def ending(self, window: TextWindow) -> Fault | None:
        """Return None: a last line without an end is a record."""
        del window
        return None

    def _with_events(
        self, window: TextWindow, spans: tuple[Positions, Positions, Positions], begin: int, used: int
    ) -> tuple[tuple[Positions, Positions, Positions], int]:
        """Put Windows events in place of the lines they cover; hold back what cannot be decided yet."""
        data = window.data
        events: list[Event] = []
        if _may_hold_events(data, spans[0], used):
            events, hold = find_events(data, begin, self._limit, final=window.final)
            used = max([used, *(event.after for event in events[-1:])])
            used = used if hold is None else min(used, hold)
        starts, stops, afters = spans
        count = int(np.searchsorted(afters, used, side="right"))
        if not window.final:
            floor = events[-1].after if events else 0
            decided = hold_markup(data, starts[:count], stops[:count], floor)
            if decided < count:
                used = max(int(starts[decided]), floor)
                count = int(np.searchsorted(afters, used, side="right"))
        spans = starts[:count], stops[:count], afters[:count]
        return (replace_lines(spans, events) if events else spans), used

    def _goes_on(self, window: TextWindow, start: int, stop: int) -> bool:
        """Say whether the last line is the first pieces of one that is too long and was cut off where they end."""
        if stop < len(window.data) or stop - start < self._piece - LONGEST_TAIL:
            return False
        following = window.beyond(self._limit + 1 - (stop - start))
        return stop - start + len(following.replace(b"\r", b"\n").partition(b"\n")[0]) > self._limit

    def _cut_open_line(self, data: bytes, used: int, kept: list[Kept]) -> int:
        """Keep whole pieces of a line that is too long already though its end is not in sight."""
        if not self._inside and len(data) - used <= self._limit + 1:
            return used
        # Two bytes stay: one of the line, so that its last piece is not empty, and a CR that may belong to the end.
        ends = list(piece_ends(data, used, len(data) - 1, self._piece))
        if not ends:
            return used
        self._inside = True
        kept += self._too_long(data, used, ends[-1], ends[-1])
        return ends[-1]

    def _too_long(self, data: bytes, start: int, stop: int, after: int) -> list[Kept]:
        detail = f"the line is longer than {self._limit} bytes; raise max_record_bytes to read it as one record"
        return pieces(data, start, stop, after, self._piece, ("too_long", detail))


def _apart(starts: Positions, kept: list[Kept]) -> npt.NDArray[np.bool_]:
    """Return which lines a kept piece parts from the line before."""
    apart = np.zeros(len(starts), dtype=np.bool_)
    places = np.searchsorted(starts, [one.start for one in kept])
    apart[places[places < len(starts)]] = True
    return apart


def _may_hold_events(data: bytes, starts: Positions, used: int) -> bool:
    """Say whether an event can begin a line: looking at first characters is quicker than at all."""
    array = np.frombuffer(data, dtype=np.uint8)
    possible = _BEFORE_EVENTS[array[starts]].any() or (used < len(data) and _BEFORE_EVENTS[array[used]])
    return bool(possible) and EVENT_TAG in data


def line_spans(data: bytes, *, final: bool) -> tuple[Positions, Positions, Positions]:
    """Return starts, stops (without line end) and the positions after the end, of every complete line.

    At the end of content (`final`) the last line is complete without an end. Blank lines are included.
    """
    if not data:
        return NO_SPANS, NO_SPANS, NO_SPANS
    array = np.frombuffer(data, dtype=np.uint8)
    afters = np.flatnonzero(array == _LF) + 1
    stops = afters - 1
    if b"\r" in data:
        returns = np.flatnonzero(array == _CR)
        undecided = len(data) - 1
        paired = array[np.minimum(returns + 1, undecided)] == _LF
        alone = returns[~paired & ((returns < undecided) | final)]
        stops = stops - (array[np.maximum(stops - 1, 0)] == _CR) * (stops > 0)
        stops = np.sort(np.concatenate([stops, alone]))
        afters = np.sort(np.concatenate([afters, alone + 1]))
    if final and (not len(afters) or afters[-1] < len(data)):
        stops, afters = np.append(stops, len(data)), np.append(afters, len(data))
    starts = np.empty_like(afters)
    if len(afters):
        starts[0] = 0
        starts[1:] = afters[:-1]
    return starts, stops, afters
