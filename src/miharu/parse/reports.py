"""Texts of diagnostic reports → the same rows with what stands in them: its header, its keys, the thread that failed.

A report is a line of JSON and behind it one JSON object or text, or the text alone. Keys of JSON keep their names;
those of text (`OS Version:`) are written `os_version`. What stands in lists and sections is told as:

* `faulting_thread` (its number), `faulting_thread_id`, `faulting_thread_name`, `faulting_thread_stack` (frames as text)
* `application_information` (what the program itself says), `termination_reasons`, `panic` (the kernel's own words)
* `killed` (processes ended for their memory), and of the first `killed_name`, `killed_pid`, `killed_reason`

https://developer.apple.com/documentation/xcode/interpreting-the-json-format-of-a-crash-report
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import polars as pl

from miharu.catalog import ReadStep
from miharu.parse.json_shapes import frames_of

_KEY: Final = re.compile(r"^([A-Z][A-Za-z0-9 /-]{1,60}?) ?:(?:[ \t]+(.*))?$")
_ALIGNED: Final = re.compile(r"^[A-Z][A-Za-z0-9 /-]{1,48} ?:[ \t]{2,}\S")
_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_END_OF_KEYS: Final = re.compile(
    r"^(?:Thread \d+\b.*|Binary Images:|Heaviest stack .*|-{20,}|Powerstats for:.*|Call graph:|"
    r"Last Exception Backtrace:)",
    re.MULTILINE,
)
_CRASHED: Final = re.compile(r"^Thread (\d+)(?: [^:\n]*)? Crashed:*[ \t]*(.*)$", re.MULTILINE)
_PANIC: Final = re.compile(r"^(panic\(cpu \d.*)$", re.MULTILINE)
_THREAD_NAME: Final = r"^Thread %s name:[ \t]*(.*)$"
_THREAD_KEYS: Final = ("crashed_thread", "triggered_by_thread", "highlighted_by_thread", "highlighted_thread")
_NUMBER: Final = re.compile(r"\d+")
_LONGEST_KEY_PART: Final = 1 << 18
_ROW: Final = "record.at"

Report = dict[str, Any]


def read_report(frame: pl.DataFrame, step: ReadStep) -> list[pl.DataFrame]:
    """Read a report in a text field; a text that is none adds nothing."""
    reports = [_read(text, step.prefix) for text in frame.get_column(step.field).to_list()]
    rows = pl.DataFrame({_ROW: pl.Series(range(frame.height), dtype=pl.UInt32)})
    return [_beside(frame[made.get_column(_ROW)], made) for made in frames_of(reports, rows)]


def _beside(frame: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    taken = {_ROW, *frame.columns}
    return frame.hstack([series for series in made.get_columns() if series.name not in taken])


def _read(text: str | None, prefix: str) -> Report:
    header, body = _parted((text or "").strip())
    told = _loaded(body)
    found = _json_report(told) if told else _text_report(body)
    return {prefix + key: value for key, value in {**header, **found}.items() if value != ""}


def _parted(text: str) -> tuple[Report, str]:
    """Return what the first line says, if it is JSON, and what stands behind it."""
    first, _, rest = text.partition("\n")
    header = _loaded(first) if rest else None
    return (header, rest.strip()) if header else ({}, text)


def _loaded(text: str) -> Report | None:
    if not text.startswith("{"):
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _json_report(body: Report) -> Report:
    number = body.get("faultingThread")
    thread = _item(body.get("threads"), number)
    killed = [one for one in _objects(body.get("processes")) if one.get("reason")]
    first: Mapping[str, Any] = killed[0] if killed else {}
    panic = body.get("panicString") or body.get("macOSPanicString")
    own = {
        "application_information": _lines(body.get("asi")),
        "termination_reasons": _lines(_only(body.get("termination"), "reasons")),
        "panic": str(panic).strip().partition("\n")[0] if panic else None,
        "faulting_thread": str(number) if isinstance(number, int) else None,
        "faulting_thread_id": thread.get("id"),
        "faulting_thread_name": thread.get("name") or thread.get("queue"),
        "faulting_thread_stack": "\n".join(_frames(thread, _objects(body.get("usedImages")))) or None,
        "killed": [f"{one.get('name')}[{one.get('pid')}]: {one['reason']}" for one in killed] or None,
        "killed_name": first.get("name"),
        "killed_pid": first.get("pid"),
        "killed_reason": first.get("reason"),
    }
    told = {key: value for key, value in body.items() if key != "asi"}
    return {**told, **_named(own)}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _item(value: Any, number: Any) -> Mapping[str, Any]:
    found = value[number] if isinstance(value, list) and isinstance(number, int) and 0 <= number < len(value) else None
    return found if isinstance(found, dict) else {}


def _only(value: Any, key: str) -> Report:
    return {key: value[key]} if isinstance(value, dict) and value.get(key) else {}


def _lines(value: Any) -> str | None:
    """Return the texts of an object of lists, a line each."""
    groups = value.values() if isinstance(value, dict) else ()
    return "\n".join(str(one) for group in groups for one in (group if isinstance(group, list) else [group])) or None


def _frames(thread: Mapping[str, Any], images: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield frames the way the text form writes them: number, image, address, symbol."""
    for place, one in enumerate(_objects(thread.get("frames"))):
        image = _item(images, one.get("imageIndex"))
        base, offset = image.get("base"), one.get("imageOffset")
        address = f" {base + offset:#x}" if isinstance(base, int) and isinstance(offset, int) else ""
        symbol = one.get("symbol")
        where = f"{symbol} + {one.get('symbolLocation', 0)}" if symbol else f"{base or 0:#x} + {offset or 0}"
        yield f"{place} {image.get('name') or '???'}{address} {where}"


def _text_report(text: str) -> Report:
    ending = _END_OF_KEYS.search(text)
    head = text[: min(ending.start() if ending else len(text), _LONGEST_KEY_PART)]
    keys = dict(_keys(head))
    crashed = _CRASHED.search(text)
    numbers = _NUMBER.findall(" ".join(keys.get(key, "") for key in _THREAD_KEYS))
    numbers += [crashed.group(1)] if crashed else []
    panic = _PANIC.search(text)
    own = {
        "application_information": keys.pop("application_specific_information", None),
        "panic": panic.group(1) if panic else None,
        "faulting_thread": numbers[0] if numbers else None,
        "faulting_thread_name": _thread_name(text, crashed),
        "faulting_thread_stack": _paragraph(text, crashed.end()) if crashed else None,
    }
    return {**keys, **_named(own)}


def _keys(head: str) -> Iterator[tuple[str, str]]:
    """Yield keys with their values, the last first, so that of a key given twice the first counts.

    A key without a value on its own line has the lines behind it, up to a blank one.
    """
    found: list[tuple[str, str]] = []
    open_key: str | None = None
    held: list[str] = []
    for line in [*head.splitlines(), ""]:
        if open_key is not None and not held and _ALIGNED.match(line):
            open_key = None
        match = _KEY.match(line) if open_key is None else None
        if open_key is not None and not line.strip():
            found.append((open_key, "\n".join(held)))
            open_key, held = None, []
        elif open_key is not None:
            held.append(line.rstrip())
        elif match is not None and match.group(2):
            found.append((_plain(match.group(1)), match.group(2).strip()))
        elif match is not None:
            open_key = _plain(match.group(1))
    yield from ((key, value) for key, value in reversed(found) if value)


def _plain(key: str) -> str:
    return _PLAIN.sub("_", key.lower()).strip("_")


def _thread_name(text: str, crashed: re.Match[str] | None) -> str | None:
    if crashed is None:
        return None
    name = re.search(_THREAD_NAME % crashed.group(1), text, re.MULTILINE)
    return crashed.group(2).strip() or (name.group(1).strip() if name else None) or None


def _paragraph(text: str, begin: int) -> str | None:
    """Return the lines from `begin` on up to a blank one."""
    return text[begin:].lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")[0].rstrip() or None


def _named(own: Mapping[str, Any]) -> Report:
    return {key: value for key, value in own.items() if value is not None}
