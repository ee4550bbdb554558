"""The text of a log source's file and its samples' events → the text with those events as expected.

What is already right stays as its author wrote it, comments and order included; only keys that differ are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from miharu.catalog import plain
from miharu.core.columns import LEFTOVERS

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Final[Any] = yaml.SafeDumper
_WIDE: Final = 1_000_000
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")
_STEP: Final = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key of a mapping with the lines it stands on (`begin` to before `end`)."""

    name: str
    begin: int
    end: int
    value: Node


def with_events(text: str, events: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the file `text` where the samples on the lines of `events` expect exactly those events."""
    lines = text.splitlines()
    samples = [item for item in _samples(yaml.compose(text, Loader=_LOADER)) if item.start_mark.line + 1 in events]
    for item in reversed(samples):
        lines = _accepted(lines, item, events[item.start_mark.line + 1])
    return "\n".join(lines) + "\n"


def dump(name: str, value: Any, indent: int) -> list[str]:
    """Return the lines of one key: lists in brackets, texts on one line where they can be."""
    if isinstance(value, dict) and value and indent >= 0:
        inner = [line for key, item in value.items() for line in dump(key, item, indent + _STEP)]
        return [" " * indent + _key(name) + ":", *inner]
    if isinstance(value, list) and any(":" in str(item) for item in value):
        written = f"{_key(name)}: {orjson.dumps(value).decode()}"  # a plain `::1` in brackets is no YAML
    elif isinstance(value, list | dict):
        written = f"{_key(name)}: {_dumped(value, flow=True)}"
    elif isinstance(value, str) and "\n" in value:
        written = f"{_key(name)}: {orjson.dumps(value).decode()}"  # JSON's strings are YAML's in double quotes
    else:
        written = _unquoted(name, value) or _dumped({name: value}, flow=False)
    return [" " * indent + line for line in written.split("\n")]


def _dumped(value: Any, *, flow: bool) -> str:
    text = yaml.dump(value, Dumper=_DUMPER, default_flow_style=flow, width=_WIDE, allow_unicode=True, sort_keys=False)
    return str(text).rstrip("\n")


def _samples(root: Node | None) -> Iterator[MappingNode]:
    for key, value in root.value if isinstance(root, MappingNode) else ():
        if key.value == "tests" and isinstance(value, SequenceNode):
            yield from (item for item in value.value if isinstance(item, MappingNode))


def _accepted(lines: list[str], sample: MappingNode, event: Mapping[str, Any]) -> list[str]:
    entries = _entries(sample, lines)
    indent = sample.start_mark.column
    expect = next((entry for entry in entries if entry.name == "expect"), None)
    anew = dump("expect", dict(sorted(event.items(), key=lambda item: _rank(item[0]))), indent)
    if expect is None:
        end = entries[-1].end
        return [*lines[:end], *anew, *lines[end:]]
    if not isinstance(expect.value, MappingNode) or expect.value.flow_style:
        return [*lines[: expect.begin], *anew, *lines[expect.end :]]
    head = lines[expect.begin]
    return [*lines[: expect.begin], head, *_merged(lines, expect.value, event), *lines[expect.end :]]


def _merged(lines: Sequence[str], node: MappingNode, event: Mapping[str, Any]) -> list[str]:
    """Return the lines of a mapping that shall say `event`."""
    indent = node.value[0][0].start_mark.column
    kept: dict[str, list[str]] = {}
    for entry in _entries(node, lines):
        if entry.name not in event:
            continue
        wanted = event[entry.name]
        if plain(entry.value) == wanted:
            kept[entry.name] = list(lines[entry.begin : entry.end])
        elif entry.name == LEFTOVERS and isinstance(entry.value, MappingNode) and not entry.value.flow_style:
            kept[entry.name] = [lines[entry.begin], *_merged(lines, entry.value, wanted)]
        else:
            kept[entry.name] = dump(entry.name, wanted, indent)
    order = list(kept)
    for name in event:
        if name not in kept:
            kept[name] = dump(name, event[name], indent)
            place = next((at for at, other in enumerate(order) if _rank(other) > _rank(name)), len(order))
            order.insert(place, name)
    return [line for name in order for line in kept[name]]


def _rank(name: str) -> str:
    return name.lower()


def _entries(node: MappingNode, lines: Sequence[str]) -> list[_Entry]:
    """Return the keys of a mapping; comments and blank lines after a value belong to nobody."""
    return [
        _Entry(str(key.value), key.start_mark.line, _last_line(key, value, lines) + 1, value)
        for key, value in node.value
    ]


def _last_line(key: Node, value: Node, lines: Sequence[str]) -> int:
    last = max(key.end_mark.line, _end(value))
    while last > key.start_mark.line and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
        last -= 1
    return last


def _end(node: Node) -> int:
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        mark = node.end_mark
        return int(mark.line if mark.column else mark.line - 1)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _key(name: str) -> str:
    return str(yaml.dump({name: 0}, Dumper=_DUMPER).rsplit(":", 1)[0])


def _unquoted(name: str, value: Any) -> str | None:
    """Return a date without quotes, as the files write it; None for anything else."""
    return f"{_key(name)}: {value}" if isinstance(value, str) and _INSTANT.fullmatch(value) else None
