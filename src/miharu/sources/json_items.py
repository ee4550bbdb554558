"""JSON text → its records as spans: items of arrays, items of one array within an envelope, or whole documents.

Only structure is looked at (strings and brackets): what stands between two commas is an item, its own faults are for
the parser to find. Linear time; memory is bounded by the longest item, and that by the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from miharu.sources.content import Fault
from miharu.sources.cut import BLANK, Cut, Kept, filled, piece_ends, pieces, trim
from miharu.sources.json_scan import (
    CLOSE_ARRAY,
    CLOSE_OBJECT,
    COMMA,
    OPEN_ARRAY,
    OPEN_OBJECT,
    BracketScan,
    Marks,
)
from miharu.sources.textcoding import Positions, TextWindow

_State: TypeAlias = Literal["between", "document", "items", "envelope", "envelope end", "broken"]
_BETWEEN: Final = BLANK + b",\x1e"
"""What may stand between documents: white space, commas, the record separator of RFC 7464."""

_CLOSER: Final = {OPEN_OBJECT: CLOSE_OBJECT, OPEN_ARRAY: CLOSE_ARRAY}
_KEY_BYTES: Final = 4096
_TEXT: Final = "what follows the last JSON document is not JSON"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is a record: each document, each item of a top-level array, or each item of the array in an envelope.

    `key` is the member of a top-level object that holds the array, as it is written, with quotation marks.
    """

    kind: Literal["documents", "array", "envelope"]
    key: bytes = b""

    @property
    def level(self) -> int:
        """Depth of brackets within which records lie side by side."""
        return 2 if self.kind == "envelope" else 1


class JsonCutter:
    """Cuts JSON text; positions are kept from the beginning of the text."""

    def __init__(self, shape: Shape, limit: int, piece: int) -> None:
        self._shape, self._limit, self._piece = shape, limit, piece
        self._scan = BracketScan()
        self._state: _State = "between"
        self._pending = 0
        self._base = 0
        self._document = OPEN_ARRAY
        self._too_long = False
        self._window: TextWindow | None = None
        self._why = self._detail = ""
        self._spans: list[tuple[Positions, Positions, Positions]] = []
        self._single: list[tuple[int, int]] = []
        self._kept: list[Kept] = []

    def cut(self, window: TextWindow, added: bytes) -> Cut:
        """Cut what is complete. Positions inside count from the window's beginning."""
        data, self._window = window.data, window
        self._base = len(data) - len(added)
        self._spans, self._kept = [], []
        if self._state != "broken":
            self._follow(data, self._scan.feed(added))
        self._keep_long(data, final=window.final)
        cut = self._collect(data)
        self._pending -= cut.used
        return cut

    def ending(self, window: TextWindow) -> Fault | None:
        """Say what is missing where the text ends within a document."""
        if self._state == "broken" or (self._state == "between" and not window.data.strip(_BETWEEN)):
            return None
        if self._state == "between":
            return Fault("json_invalid", f"{_TEXT} (byte {window.base})")
        place = window.place_of(len(window.data))
        return Fault("json_invalid", f"the JSON breaks off at byte {place}: {self._scan.depth} brackets are still open")

    def text_behind(self, window: TextWindow) -> bool:
        """Say whether something that is not JSON was found behind a complete document."""
        return self._why == _TEXT or (self._state == "between" and bool(window.data.strip(_BETWEEN)))

    def _follow(self, data: bytes, marks: Marks) -> None:
        """Follow the brackets that begin or end a document, a record or the array of records."""
        level = self._shape.level
        places = marks.positions + self._base
        commas = places[(marks.kinds == COMMA) & (marks.depths == level)]
        opening = (marks.kinds == OPEN_ARRAY) | (marks.kinds == OPEN_OBJECT)
        bracket = marks.kinds != COMMA
        key = bracket & ((opening & (marks.depths <= level)) | (~opening & (marks.depths < level)))
        for index in np.flatnonzero(key).tolist():
            place, kind, depth = int(places[index]), int(marks.kinds[index]), int(marks.depths[index])
            if opening[index]:
                self._opened(data, place, kind, depth)
            else:
                self._closed(data, place, kind, depth, commas)
            if self._state == "broken":
                return
        self._take_items(data, commas, None)
        if marks.broken is not None:
            self._break("a line ends within a string", marks.broken + self._base)

    def _opened(self, data: bytes, place: int, kind: int, depth: int) -> None:
        if self._state == "between":
            gap = data[self._pending : place].lstrip(_BETWEEN)
            if gap:
                self._pending = place - len(gap)
                self._break(_TEXT, self._pending)
                return
            self._pending, self._document = place, kind
            self._state = "document"
            if self._shape.kind == "array" and kind == OPEN_ARRAY:
                self._state, self._pending = "items", place + 1
            elif self._shape.kind == "envelope" and kind == OPEN_OBJECT:
                self._state = "envelope"
        elif self._state in ("envelope", "envelope end") and kind == OPEN_ARRAY and depth == self._shape.level:
            before = data[max(self._pending, place - _KEY_BYTES) : place].rstrip(BLANK)
            if before.endswith(b":") and before[:-1].rstrip(BLANK).endswith(self._shape.key):
                self._state, self._pending = "items", place + 1

    def _closed(self, data: bytes, place: int, kind: int, depth: int, commas: Positions) -> None:
        if self._state == "items" and depth == self._shape.level - 1:
            self._take_items(data, commas, place)
            if kind != CLOSE_ARRAY:
                self._break("a bracket is closed by one of another kind", place)
                return
            self._state = "between" if depth == 0 else "envelope end"
            self._pending = place + 1
        elif depth <= 0:
            if self._state == "between" or kind != _CLOSER[self._document]:
                self._break("a bracket is closed that is not open", place)
                return
            if self._state != "envelope end":
                self._add_one(data, self._pending, place + 1)
            self._state, self._pending = "between", place + 1

    def _take_items(self, data: bytes, commas: Positions, close: int | None) -> None:
        """Take the items between commas, up to the closing bracket if it is known."""
        if self._state != "items":
            return
        first = int(np.searchsorted(commas, self._pending))
        last = len(commas) if close is None else int(np.searchsorted(commas, close))
        stops = commas[first:last] if close is None else np.append(commas[first:last], close)
        if not len(stops):
            return
        starts = np.concatenate([[self._pending], stops[:-1] + 1])
        starts, trimmed = trim(data, starts, stops)
        keep = filled(data, starts, trimmed)
        self._add(data, starts[keep], trimmed[keep], stops[keep] + 1)
        self._pending = int(stops[-1]) + 1
        if close is not None:
            self._pending = close

    def _add(self, data: bytes, starts: Positions, stops: Positions, afters: Positions) -> None:
        long = stops - starts > self._limit
        if self._too_long and len(starts):
            long[0], self._too_long = True, False
        for index in np.flatnonzero(long).tolist():
            self._keep_pieces(data, int(starts[index]), int(stops[index]), int(afters[index]))
        self._take_single()
        self._spans.append((starts[~long], stops[~long], afters[~long]))

    def _take_single(self) -> None:
        """Turn documents found one by one into spans."""
        if self._single:
            found = np.array(self._single, dtype=np.int64)
            self._spans.append((found[:, 0], found[:, 1], found[:, 1]))
            self._single = []

    def _add_one(self, data: bytes, start: int, stop: int) -> None:
        if self._too_long or stop - start > self._limit:
            self._keep_pieces(data, start, stop, stop)
            self._too_long = False
        else:
            self._single.append((start, stop))

    def _keep_long(self, data: bytes, *, final: bool) -> None:
        """Keep whole pieces of an item that is too long already, or of what cannot be read any more."""
        if self._state == "broken":
            ends = [*piece_ends(data, self._pending, len(data), self._piece), *([len(data)] if final else [])]
            if ends:
                why = ("json_invalid", self._detail)
                self._kept += pieces(data, self._pending, ends[-1], ends[-1], self._piece, why)
                self._pending = ends[-1]
            return
        if self._state == "envelope end":
            self._pending = max(self._pending, len(data) - _KEY_BYTES)
            return
        if self._state == "between":
            gap = data[self._pending :].lstrip(_BETWEEN)
            self._pending = len(data) - len(gap)
            if len(gap) > self._limit:
                self._break(_TEXT, self._pending)
                self._keep_long(data, final=final)
            return
        if not self._too_long:
            self._pending += len(data) - self._pending - len(data[self._pending :].lstrip(BLANK))
        if not final and (self._too_long or len(data) - self._pending > self._limit):
            ends = list(piece_ends(data, self._pending, len(data), self._piece))
            if ends:
                self._keep_pieces(data, self._pending, ends[-1], ends[-1])
                self._pending, self._too_long = ends[-1], True

    def _keep_pieces(self, data: bytes, start: int, stop: int, after: int) -> None:
        detail = f"the JSON value is longer than {self._limit} bytes; raise max_record_bytes to read it as one record"
        self._kept += pieces(data, start, stop, after, self._piece, ("too_long", detail))

    def _break(self, why: str, place: int) -> None:
        found = place if self._window is None else self._window.place_of(place)
        self._state, self._why = "broken", why
        self._detail = f"{why} (byte {found}); the records before are read, the rest is kept as it is"

    def _collect(self, data: bytes) -> Cut:
        self._take_single()
        used = min(self._pending, len(data))
        if not self._spans:
            return Cut(used=used, kept=self._kept)
        starts, stops, afters = (np.concatenate(part).astype(np.int64) for part in zip(*self._spans, strict=True))
        return Cut(starts, stops, afters, used, self._kept)
