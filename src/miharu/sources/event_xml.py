"""Text that holds Windows events in XML → the place of each event, however many lines it covers.

An event starts with an `<Event>` element of Microsoft's event schema at the beginning of a line (or right after
another event or an opening tag) and ends with `</Event>`, or before the next event, or at the end of content. An
`<Event` behind other text on its line belongs to that line. The declaration and the `<Events>` root around events are
no records.
https://learn.microsoft.com/windows/win32/wes/eventschema-schema
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from miharu.sources.cut import BLANK
from miharu.sources.textcoding import Positions

EVENT_TAG: Final = b"<Event"

_START: Final = re.compile(
    rb"""<Event (?: \s[^<>]{0,2000}? http://schemas\.microsoft\.com/win/2004/08/events/event
                 | \s*> \s* <System[\s>/] )""",
    re.VERBOSE,
)
_START_CUT_OFF: Final = re.compile(rb"<Event(?:\s[^<>]{0,2100}|\s*>\s*(?:<[A-Za-z]{0,6})?)?\Z")
_END: Final = b"</Event>"
_ROOT_END: Final = b"</Events>"
_MARKUP: Final = re.compile(rb"\s*(?:(?:<\?xml[^<>]*\?>|<Events(?:\s[^<>]*)?>)\s*)*")
_MARKUP_BEGINS: Final = (b"<?xml", b"<Events")
_NEAR: Final = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """One event at `[start, stop)`; its surroundings `[lead, after)` hold nothing else."""

    lead: int
    start: int
    stop: int
    after: int


def find_events(data: bytes, begin: int, limit: int, *, final: bool) -> tuple[list[Event], int | None]:
    """Return the events in `data[begin:]` and where to hold because what follows cannot be decided yet.

    `begin` is the beginning of a line or the end of an event. An event longer than `limit` is none: its lines count.
    """
    events: list[Event] = []
    position = search = begin
    while (match := _START.search(data, search)) is not None:
        search = match.end()
        lead = _lead(data, position, match.start())
        if lead is None:
            continue
        stop = _stop(data, match.end(), position)
        if stop is None and not final and len(data) - match.start() <= limit + len(_END):
            return events, lead
        stop = len(data.rstrip(BLANK)) if stop is None else stop
        if stop - match.start() > limit:
            continue
        after = _after(data, stop, final=final)
        if after is None:
            return events, lead
        events.append(Event(lead, match.start(), stop, after))
        position = search = after
    return events, None if final else _cut_off(data, position)


def replace_lines(
    spans: tuple[Positions, Positions, Positions], events: list[Event]
) -> tuple[Positions, Positions, Positions]:
    """Replace the lines that events cover by the events; what follows one on its last line stays as a line."""
    starts, stops, afters = spans
    leads = np.array([event.lead for event in events], dtype=np.int64)
    ends = np.array([event.after for event in events], dtype=np.int64)
    before = np.searchsorted(leads, starts, side="right") - 1
    covered = (before >= 0) & (starts < ends[np.maximum(before, 0)])
    # A line may begin before an event's lead only where the lead lies behind an earlier event on the same line.
    last = np.searchsorted(ends, afters, side="right") - 1
    behind = np.where(last >= 0, ends[np.maximum(last, 0)], 0)
    inner = np.searchsorted(leads, behind, side="left")
    taken = (inner < len(leads)) & (leads[np.minimum(inner, len(leads) - 1)] < stops)
    leftover = covered & (behind > starts) & (behind < stops) & ~taken
    new_starts = np.concatenate([starts[~covered], behind[leftover], [event.start for event in events]])
    new_stops = np.concatenate([stops[~covered], stops[leftover], [event.stop for event in events]])
    new_afters = np.concatenate([afters[~covered], afters[leftover], ends])
    order = np.argsort(new_starts, kind="stable")
    return new_starts[order], new_stops[order], new_afters[order]


def hold_markup(data: bytes, starts: Positions, stops: Positions, floor: int) -> int:
    """Return how many of the lines can be decided on: not the declaration or root at the end of a window.

    Before `floor`, the end of the last event, everything is decided.
    """
    count = len(starts)
    for index in range(len(starts) - 1, -1, -1):
        if stops[index] <= floor:
            return count
        start = max(int(starts[index]), floor)
        line = data[start : min(int(stops[index]), start + _NEAR)].strip(BLANK)
        if line and not line.startswith(_MARKUP_BEGINS):
            return count
        if line:
            count = index
    return count


def _lead(data: bytes, floor: int, start: int) -> int | None:
    """Return where the markup before an event begins, or None if other text stands before it on its line."""
    lead = _line_start(data, floor, start)
    if _MARKUP.fullmatch(data, lead, start) is None:
        return None
    while lead > floor:
        previous = _line_start(data, floor, lead - (2 if data[lead - 2 : lead] == b"\r\n" else 1))
        line = data[previous:lead].strip(BLANK)
        if line and (not line.startswith(_MARKUP_BEGINS) or _MARKUP.fullmatch(line) is None):
            break
        lead = previous
    return lead


def _line_start(data: bytes, floor: int, position: int) -> int:
    return max(data.rfind(b"\n", floor, position), data.rfind(b"\r", floor, position), floor - 1) + 1


def _stop(data: bytes, begin: int, floor: int) -> int | None:
    """Return where the event ends whose start tag reaches to `begin`."""
    end = data.find(_END, begin)
    following = _START.search(data, begin, end if end >= 0 else len(data))
    while following is not None:
        lead = _lead(data, max(begin, floor), following.start())
        if lead is not None and lead > begin:
            return _rstrip(data, lead)
        following = _START.search(data, following.end(), end if end >= 0 else len(data))
    return None if end < 0 else end + len(_END)


def _rstrip(data: bytes, stop: int) -> int:
    while stop and data[stop - 1] in BLANK:
        stop -= 1
    return stop


def _after(data: bytes, stop: int, *, final: bool) -> int | None:
    """Return where reading goes on after an event (behind the root's end tag), None if that is undecided."""
    near = data[stop : stop + _NEAR]
    tail = near.lstrip(BLANK)
    if tail.startswith(_ROOT_END):
        return stop + len(near) - len(tail) + len(_ROOT_END)
    undecided = not final and stop + _NEAR > len(data) and _ROOT_END.startswith(tail)
    return None if undecided else stop


def _cut_off(data: bytes, floor: int) -> int | None:
    """Return the beginning of the line whose last `<Event` may turn out to be an event's start."""
    index = data.rfind(EVENT_TAG, floor)
    if index < 0 or _START_CUT_OFF.match(data, index) is None:
        return None
    return _lead(data, floor, index)
