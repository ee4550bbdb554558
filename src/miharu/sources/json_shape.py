"""First bytes of text → whether it is JSON documents, and what in them is a record.

Lines that are JSON values each are no documents but lines. The decision looks at the first bytes only, so it is the
same on every reading.
"""

from __future__ import annotations

import io
import re
from typing import Any, Final

import numpy as np
import orjson

from miharu.sources.content import StreamOver
from miharu.sources.cut import BLANK
from miharu.sources.json_items import JsonCutter, Shape
from miharu.sources.json_scan import CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_ARRAY, OPEN_OBJECT, BracketScan, Marks
from miharu.sources.textcoding import TextWindow

_REMARKS: Final = re.compile(rb"(?:(?:Filtering the log data using|Skipping [a-z ]+ messages, pass) [^\r\n]*\r?\n)+")
_DOCUMENTS: Final = Shape("documents")
_ENVELOPE_KEYS: Final = frozenset(
    [
        "records",
        "value",
        "items",
        "events",
        "logevents",
        "results",
        "entries",
        "logs",
        "data",
        "rows",
        "hits",
        "objects",
        "alerts",
        "findings",
        "incidents",
        "detections",
        "messages",
        "activities",
    ]
)
_EVENT_WORDS: Final = ("time", "date", "stamp", "severity", "level", "message")
"""A scalar member whose name holds such a word belongs to an event, not to an envelope."""


def remarks_before(text: bytes) -> int:
    """Return the length of the lines that Apple's `log` writes before its JSON: its filter, and what it skips."""
    found = _REMARKS.match(text)
    return found.end() if found else 0


def shape_of(head: bytes) -> Shape | None:
    """Return the shape of the JSON documents that begin with `head`, or None for lines."""
    text = head.lstrip(BLANK)
    if text[:1] not in (b"{", b"["):
        return None
    marks = BracketScan().feed(text)
    ends = np.flatnonzero(marks.depths <= 0)
    first = text[: int(marks.positions[ends[0]]) + 1] if len(ends) else text
    shape = _shape(first, marks, ended=bool(len(ends)))
    if shape is None or not len(ends):
        return shape
    documents, text_behind = _read(text, shape)
    if text_behind:
        return None
    return shape if shape != _DOCUMENTS or _are_documents(first, text, documents) else None


def _shape(first: bytes, marks: Marks, *, ended: bool) -> Shape | None:
    value = _load(first) if ended else _load_until(first, marks, _last_comma(marks))
    if isinstance(value, list) and (ended or any(isinstance(item, (dict, list)) for item in value)):
        return Shape("array")
    if isinstance(value, dict):
        key = _envelope_key(value)
        if key is not None:
            return Shape("envelope", orjson.dumps(key))
        return _DOCUMENTS if ended or b"\n" in first else None
    return _shape_of_damaged(first, marks)


def _shape_of_damaged(first: bytes, marks: Marks) -> Shape | None:
    """Look at the first item only: complete items before the damage are worth having."""
    for depth in (1, 2):
        commas = np.flatnonzero((marks.kinds == COMMA) & (marks.depths == depth))
        value = _load_until(first, marks, int(commas[0])) if len(commas) else None
        if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
            return Shape("array")
        key = _envelope_key(value) if isinstance(value, dict) else None
        if key is not None:
            return Shape("envelope", orjson.dumps(key))
    return None


def _envelope_key(value: dict[str, Any]) -> str | None:
    """Return the member that holds the records, if the object is an envelope around them.

    It is one if its only array of objects is its only member, or is called as such arrays are and has only scalars
    beside it, none of which looks like a part of an event.
    """
    arrays = [key for key, item in value.items() if isinstance(item, list) and item and isinstance(item[0], dict)]
    if len(arrays) != 1:
        return None
    others = {key: item for key, item in value.items() if key != arrays[0]}
    if not others:
        return arrays[0]
    plain = not any(isinstance(item, dict) for item in others.values())
    like_event = any(word in key.lower() for key in others for word in _EVENT_WORDS)
    return arrays[0] if plain and not like_event and arrays[0].lower() in _ENVELOPE_KEYS else None


def _are_documents(first: bytes, text: bytes, documents: list[bytes]) -> bool:
    """Say whether objects are documents rather than lines: one is spread over lines, or two share a line."""
    spread = [document for document in documents if b"\n" in document or b"\r" in document]
    if spread:
        return all(_load(document) is not None for document in spread)
    return text[len(first) :].lstrip(b" \t")[:1] in (b"{", b"[", b",")


def _read(text: bytes, shape: Shape) -> tuple[list[bytes], bool]:
    """Return the records of the first bytes, and whether text that is not JSON follows a document."""
    window = TextWindow(StreamOver(io.BytesIO(text)), "utf-8", 0, len(text) + 1)
    cutter = JsonCutter(shape, len(text), len(text))
    cut = cutter.cut(window, window.fill())
    spans = zip(cut.starts.tolist(), cut.stops.tolist(), strict=True)
    records = [text[start:stop] for start, stop in spans]
    window.drop(cut.used)
    return records, cutter.text_behind(window)


def _last_comma(marks: Marks) -> int:
    commas = np.flatnonzero(marks.kinds == COMMA)
    return int(commas[-1]) if len(commas) else -1


def _load_until(text: bytes, marks: Marks, index: int) -> Any:
    """Load the text up to the comma that is mark `index`, with the brackets closed that are open there."""
    if index < 0:
        return None
    closers: list[int] = []
    for kind in marks.kinds[:index].tolist():
        if kind in (OPEN_OBJECT, OPEN_ARRAY):
            closers.append(CLOSE_OBJECT if kind == OPEN_OBJECT else CLOSE_ARRAY)
        elif kind != COMMA and (not closers or closers.pop() != kind):
            return None
    return _load(text[: int(marks.positions[index])] + bytes(reversed(closers)))


def _load(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
