"""A body → the spans of its records: JSON documents, items of JSON arrays, or lines; all are found at once.

Only brackets and strings are looked at, as in files: whether a document is valid is for the parser to find.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from miharu.core.chunk import Format
from miharu.sources.cut import BLANK, filled, trim
from miharu.sources.intake.refusal import Refusal
from miharu.sources.json_scan import (
    CLOSE_OBJECT,
    COMMA,
    OPEN_ARRAY,
    OPEN_OBJECT,
    BracketScan,
)
from miharu.sources.lines import line_spans
from miharu.sources.textcoding import Positions

Spans: TypeAlias = tuple[Positions, Positions]
"""Where records begin and where they end."""

_Kinds: TypeAlias = npt.NDArray[np.uint8]
_NONE: Final[Positions] = np.empty(0, dtype=np.int64)
_NO_KINDS: Final[_Kinds] = np.empty(0, dtype=np.uint8)
_BLOCK: Final = 1 << 21
_BETWEEN: Final = BLANK + b",\x1e"
_SHORT_GAP: Final = 2
_BETWEEN_TABLE: Final = np.isin(np.arange(256), np.frombuffer(_BETWEEN, dtype=np.uint8))
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one request, as a frame holds them. `refused` counts items of it that were turned down.

    `answer` is what the protocol needs to answer.
    """

    format: Format
    lengths: bytes
    data: bytes
    ids: tuple[str | None, ...] | None = None
    refused: int = 0
    answer: Any = None

    @property
    def records(self) -> int:
        """Number of records."""
        return len(self.lengths) // 4


class NotJsonError(ValueError):
    """The text is not a sequence of JSON documents; the message says where it stops being one."""


def batch_of(format_: Format, body: bytes, spans: Spans, answer: Any = None) -> Batch:
    """Copy records out of a body."""
    starts, stops = spans
    data = b"".join([body[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)])
    return Batch(format_, (stops - starts).astype("<u4").tobytes(), data, answer=answer)


def batch_from(format_: Format, records: list[bytes], **more: Any) -> Batch:
    """Put records into one batch."""
    return Batch(format_, struct.pack(f"<{len(records)}I", *map(len, records)), b"".join(records), **more)


def without_mark(body: bytes) -> bytes:
    """Return the body without a byte order mark."""
    return body.removeprefix(_MARK)


def whole(body: bytes) -> Spans:
    """Return the body without the blanks around it as the one record that it is."""
    return trim(body, np.array([0], dtype=np.int64), np.array([len(body)], dtype=np.int64))


def split_lines(body: bytes, most: int) -> Spans:
    """Return the lines that are not blank. Refuses more than `most`."""
    starts, stops, _ = line_spans(body, final=True)
    keep = filled(body, starts, stops)
    _check_number(len(keep), most)
    return starts[keep], stops[keep]


def split_json_lines(body: bytes, most: int) -> Spans | None:
    """Return the lines if each of them looks like a JSON object, else None."""
    starts, stops = trim(body, *split_lines(body, most))
    array = np.frombuffer(body, dtype=np.uint8)
    if len(starts) and (array[starts] == OPEN_OBJECT).all() and (array[stops - 1] == CLOSE_OBJECT).all():
        return starts, stops
    return None


def split_documents(body: bytes, most: int) -> Spans:
    """Return the JSON documents of a body and, of an array, its items in its stead.

    Documents may be separated by white space, commas or nothing. Raises `NotJsonError`; refuses more than `most`.
    """
    places, kinds, commas = _marks(body, most)
    opening = (kinds == OPEN_OBJECT) | (kinds == OPEN_ARRAY)
    starts, ends = places[opening], places[~opening] + 1
    _check_gaps(body, starts, ends)
    if len(starts) > len(ends):
        raise NotJsonError(f"the document that begins at byte {int(starts[-1])} breaks off")
    wrong = np.flatnonzero(kinds[opening] + 2 != kinds[~opening])
    if len(wrong):
        raise NotJsonError(f"the bracket opened at byte {int(starts[wrong[0]])} is closed by one of another kind")
    arrays = kinds[opening] == OPEN_ARRAY
    if not arrays.any():
        return starts, ends
    commas = commas[arrays[np.maximum(np.searchsorted(starts, commas, side="right") - 1, 0)]]
    return _items(body, (starts, ends), arrays, commas)


def _items(body: bytes, documents: Spans, arrays: npt.NDArray[np.bool_], commas: Positions) -> Spans:
    """Put the items of arrays in the place of these."""
    starts, ends = documents
    item_starts = np.sort(np.concatenate([starts[arrays] + 1, commas + 1]))
    item_stops = np.sort(np.concatenate([commas, ends[arrays] - 1]))
    all_starts = np.concatenate([starts[~arrays], item_starts])
    order = np.argsort(all_starts, kind="stable")
    all_starts, all_stops = all_starts[order], np.concatenate([ends[~arrays], item_stops])[order]
    all_starts, all_stops = trim(body, all_starts, all_stops)
    keep = all_stops > all_starts
    return all_starts[keep], all_stops[keep]


def _marks(body: bytes, most: int) -> tuple[Positions, _Kinds, Positions]:
    """Return place and kind of the brackets that begin or end a document, and the commas between items of arrays."""
    scan = BracketScan()
    places, kinds, commas = [_NONE], [_NO_KINDS], [_NONE]
    documents = separators = 0
    arrays = False
    for base in range(0, len(body), _BLOCK):
        marks = scan.feed(body[base : base + _BLOCK])
        opening = (marks.kinds == OPEN_OBJECT) | (marks.kinds == OPEN_ARRAY)
        comma = marks.kinds == COMMA
        edge = ~comma & np.where(opening, marks.depths == 1, marks.depths <= 0)
        below = np.flatnonzero(edge & (marks.depths < 0))
        if len(below):
            raise NotJsonError(f"the bracket at byte {int(marks.positions[below[0]]) + base} closes what is not open")
        if marks.broken is not None:
            raise NotJsonError(f"a line ends within a string at byte {marks.broken + base}")
        places.append(marks.positions[edge] + base)
        kinds.append(marks.kinds[edge])
        documents += len(places[-1]) // 2
        arrays = arrays or bool((kinds[-1] == OPEN_ARRAY).any())
        if arrays:
            commas.append(marks.positions[comma & (marks.depths == 1)] + base)
            separators += len(commas[-1])
        _check_number(max(documents, separators), most)
    return np.concatenate(places), np.concatenate(kinds), np.concatenate(commas)


def _check_number(number: int, most: int) -> None:
    if number > most:
        raise Refusal("too_large", f"the body holds more than {most} records; send smaller requests")


def _check_gaps(body: bytes, starts: Positions, ends: Positions) -> None:
    """See that nothing but separators stands before, between and behind documents."""
    array = np.frombuffer(body, dtype=np.uint8)
    begins = np.concatenate([[0], ends])
    stops = np.append(starts, len(body))[: len(begins)]
    long = stops - begins > _SHORT_GAP
    for offset in range(_SHORT_GAP):
        places = begins[~long & (stops - begins > offset)] + offset
        wrong = places[~_BETWEEN_TABLE[array[places]]]
        if len(wrong):
            raise NotJsonError(f"what stands at byte {int(wrong[0])} is not JSON")
    for index in np.flatnonzero(long).tolist():
        gap = body[int(begins[index]) : int(stops[index])]
        rest = gap.lstrip(_BETWEEN)
        if rest:
            raise NotJsonError(f"what stands at byte {int(stops[index]) - len(rest)} is not JSON")
