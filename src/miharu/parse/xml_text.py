"""Text fields that hold an XML element → one column for each attribute and text below it, under dotted names.

No entity is expanded and nothing fetched: a text that declares a document type is left as it is, and so is one that is
not well-formed. Repeated names are joined by a line end.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

import polars as pl

from miharu.parse.pairs import spread

_MOST_DEPTH: Final = 32
_LONGEST_NAME: Final = 256


def read_xml(text: pl.Series, prefix: str) -> list[pl.Series]:
    """Return the columns `prefix` + path of the elements of each distinct text."""
    distinct = text.unique(maintain_order=True).drop_nulls()
    texts: list[str] = []
    keys: list[str] = []
    values: list[str] = []
    for one in distinct.filter(distinct.str.contains(r"^\s*<[?A-Za-z_]")):
        for key, value in _leaves(one).items():
            texts.append(one)
            keys.append(prefix + key)
            values.append(value)
    found = pl.DataFrame({"text": texts, "key": keys, "value": values}, schema=dict.fromkeys(_COLUMNS, pl.String))
    rows = pl.DataFrame({"row": pl.Series(range(len(text)), dtype=pl.UInt32), "text": text})
    pairs = rows.join(found, on="text", how="inner", maintain_order="left_right")
    return spread(pairs.select("row", "key", "value"), len(text))


_COLUMNS: Final = ("text", "key", "value")


def _leaves(text: str) -> dict[str, str]:
    """Return the values by dotted path, without the outermost element's name."""
    if "<!DOCTYPE" in text:
        return {}
    parser: ET.XMLPullParser[ET.Element] = ET.XMLPullParser(events=("start",))
    try:
        parser.feed(text.strip())
        parser.close()
    except ET.ParseError:
        return {}
    root = next(event[-1] for event in parser.read_events())
    if not isinstance(root, ET.Element):
        return {}
    found: dict[str, list[str]] = {}
    waiting: list[tuple[str, ET.Element, int]] = [("", root, 0)]
    while waiting:
        path, element, depth = waiting.pop()
        for name, value in element.attrib.items():
            found.setdefault(_below(path, name), []).append(value)
        own = (element.text or "").strip()
        if own:
            found.setdefault(path or _local(element.tag), []).append(own)
        if depth < _MOST_DEPTH and len(path) < _LONGEST_NAME:
            waiting += [(_below(path, child.tag), child, depth + 1) for child in reversed(element)]
    return {path: "\n".join(values) for path, values in found.items()}


def _below(path: str, name: str) -> str:
    return f"{path}.{_local(name)}" if path else _local(name)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
