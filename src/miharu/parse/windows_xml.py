"""Records that are Windows events in XML → canonical frames (as `flatten_windows` gives them), and rejects.

Rendered events (Windows Event Forwarding: `RenderingInfo` with message and words) and bare ones, with or
without a namespace. Elements become the paths that the same event has as JSON, so that both go one way.
Schema: https://learn.microsoft.com/windows/win32/wes/eventschema-schema

The reader expands no entity and fetches nothing: a record that declares a document type is refused. What
XML 1.0 forbids (control characters, bytes that are not UTF-8) is replaced. An event that is cut off is
kept as far as it goes if its number could be read; `System.Damage` then tells where it broke.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree as ET

import polars as pl

from miharu.core.columns import RECORD_RAW, empty_rejects
from miharu.parse.json_columns import agree, bound_width
from miharu.parse.json_shapes import collector_paused, frames_of, rejected
from miharu.parse.windows_shapes import flatten_windows

SLICE_ROWS: Final = 4096
MAX_DEPTH: Final = 16

# Char of XML 1.0, 2.2
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE: Final = re.compile(r"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_DIGITS: Final = 10
_REPLACEMENT: Final = "\ufffd"
_DATA_SECTIONS: Final = frozenset({"EventData", "ProcessingErrorData", "DebugData", "BinaryEventData"})

_Event: TypeAlias = dict[str, Any]


class _RefusedError(Exception):
    """The text is not an event; says why."""


def read_windows_xml(records: pl.DataFrame, timezone: str = "UTC") -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return `(windows frames, rejects)`; what is no readable event is rejected as `xml_invalid`."""
    frames: list[pl.DataFrame] = []
    rejects = [empty_rejects()]
    with collector_paused():
        for part in records.iter_slices(SLICE_ROWS):
            broken: list[tuple[int, str]] = []
            events = [_read(at, raw, broken) for at, raw in enumerate(part[RECORD_RAW].to_list())]
            if broken:
                rejects.append(rejected(part, broken, "xml_invalid"))
            frames += frames_of(events, part)
    windows, _ = flatten_windows(bound_width(agree(frames)), timezone)
    return windows, pl.concat(rejects)


def _read(at: int, raw: bytes, broken: list[tuple[int, str]]) -> _Event | None:
    try:
        return _event(raw.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))
    except _RefusedError as error:
        broken.append((at, str(error)))
        return None


def _event(text: str) -> _Event:
    if "<!DOCTYPE" in text[: text.find("<Event")]:
        raise _RefusedError("it declares a document type, which no event does")
    root, damage = _tree(text)
    if damage:
        plain = _REFERENCE.sub(_permitted, _FORBIDDEN.sub(_REPLACEMENT, text))
        if plain != text:
            root, damage = _tree(plain)
    if root is None or _local(root.tag) != "Event":
        raise _RefusedError(damage or "its outermost element is not Event")
    event = dict(_fields(root))
    if not event.get("Event.System.EventID"):
        raise _RefusedError(damage or "it has no EventID")
    if damage:
        event["Event.System.Damage"] = damage
    return event


def _tree(text: str) -> tuple[ET.Element | None, str]:
    """Return the tree as far as it could be read, and what broke."""
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(events=("start",))
    damage = ""
    root: ET.Element | None = None
    try:
        parser.feed(text)
        parser.close()
    except ET.ParseError as error:
        damage = str(error)
    try:
        for event in parser.read_events():
            if isinstance(event[-1], ET.Element):
                root = event[-1]
                break
    except ET.ParseError as error:
        damage = damage or str(error)
    return root, damage


def _permitted(reference: re.Match[str]) -> str:
    """Return a character reference as it is if XML permits the character."""
    hexadecimal, decimal = reference.groups()
    code = int(hexadecimal, 16) if hexadecimal else int(decimal[:_DIGITS])
    return reference[0] if code <= sys.maxunicode and not _FORBIDDEN.match(chr(code)) else _REPLACEMENT


def _fields(root: ET.Element) -> Iterator[tuple[str, Any]]:
    for section in root:
        name = _local(section.tag)
        if name in _DATA_SECTIONS:
            yield from _data(section)
        elif name == "RenderingInfo":
            yield from _rendering(section)
        else:
            yield from _paths(section, f"Event.{name}", 0)


def _data(section: ET.Element) -> Iterator[tuple[str, Any]]:
    unnamed: list[str] = []
    seen: dict[str, int] = {}
    for key, value in section.attrib.items():
        yield f"Event.EventData.#attributes.{_local(key)}", value
    for item in section:
        local = _local(item.tag)
        name = item.get("Name") if local in ("Data", "ComplexData") else local
        if name == "Binary" and not item.text:
            continue
        if name:
            yield f"Event.EventData.{_numbered(name, seen)}", "".join(item.itertext())
        else:
            unnamed.append("".join(item.itertext()))
    if unnamed:
        yield "Event.EventData.Data", unnamed


def _rendering(section: ET.Element) -> Iterator[tuple[str, Any]]:
    for key, value in section.attrib.items():
        yield f"Event.RenderingInfo.{_local(key)}", value
    for item in section:
        words = [word.text for word in item if word.text]
        if words:
            yield f"Event.RenderingInfo.{_local(item.tag)}", words
        elif item.text:
            yield f"Event.RenderingInfo.{_local(item.tag)}", item.text


def _paths(element: ET.Element, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield attributes and texts below an element under their paths; repeated names get `_1`, `_2` and so on."""
    for key, value in element.attrib.items():
        yield f"{path}.{_local(key)}", value
    if not len(element):
        if element.text:
            yield path, element.text
        return
    if depth >= MAX_DEPTH:
        # Writing it as XML would recurse as deep as a hostile sender likes.
        yield path, "".join(element.itertext())
        return
    seen: dict[str, int] = {}
    for child in element:
        yield from _paths(child, f"{path}.{_numbered(_local(child.tag), seen)}", depth + 1)


def _numbered(name: str, seen: dict[str, int]) -> str:
    count = seen.get(name, 0)
    seen[name] = count + 1
    return f"{name}_{count}" if count else name


def _local(name: str) -> str:
    return name.rpartition("}")[2] if "}" in name else name
