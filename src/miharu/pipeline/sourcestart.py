"""Sample lines of an unknown log → the start of its log source: container, recognition, reader, time, map, samples.

Everything is guessed from the lines and meant to be corrected by a person who knows the format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from miharu.catalog import TIME_FORMATS, LogSource, TimeSpec, load_fields, load_logsources, load_lookups
from miharu.core.columns import RECORD_RAW, RECORD_REFERENCE
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.normalise import read_time_texts
from miharu.parse import Parser
from miharu.pipeline.sourceshapes import Shape, shapes
from miharu.pipeline.sourcewriting import dump
from miharu.sources import Limits, expand

_ROWS: Final = 2_000
_SAMPLES: Final = 3
_MOSTLY: Final = 0.9
_TIMELY: Final = re.compile(r"(?i)time|date|stamp|^ts$|^t$|when|created|@timestamp")
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("src", "srcip", "src_ip", "source_ip", "client", "client_ip", "clientip", "remote_addr"), "source.ip"
    ),
    **dict.fromkeys(("ip", "remote_ip", "remote_address", "peer", "from", "rhost", "addr", "address"), "source.ip"),
    **dict.fromkeys(("src_port", "srcport", "spt", "source_port", "client_port", "port"), "source.port"),
    **dict.fromkeys(("dst", "dstip", "dst_ip", "dest_ip", "destination_ip", "server_ip"), "destination.ip"),
    **dict.fromkeys(("dst_port", "dstport", "dpt", "dest_port", "destination_port"), "destination.port"),
    **dict.fromkeys(("user", "username", "user_name", "login", "account", "usr", "suser"), "user.name"),
    **dict.fromkeys(("host", "hostname", "computer", "machine", "dvchost"), "host.name"),
    **dict.fromkeys(("msg", "message", "text"), "message"),
    **dict.fromkeys(("level", "severity", "loglevel", "lvl", "log_level"), "log.level"),
    **dict.fromkeys(("proto", "protocol"), "network.transport"),
    **dict.fromkeys(("method", "http_method"), "http.request.method"),
    **dict.fromkeys(("status", "status_code", "http_status"), "http.response.status_code"),
    **dict.fromkeys(("path", "uri", "url", "request"), "url.original"),
    **dict.fromkeys(("useragent", "user_agent", "ua"), "user_agent.original"),
    **dict.fromkeys(("pid", "process_id"), "process.pid"),
    **dict.fromkeys(("reason", "error", "err"), "event.reason"),
    **dict.fromkeys(("logger", "component", "module"), "log.logger"),
    **dict.fromkeys(("session", "session_id"), "event.sequence"),
    **dict.fromkeys(("sha256", "file_sha256"), "file.hash.sha256"),
    **dict.fromkeys(("md5", "file_md5"), "file.hash.md5"),
}
"""Fields that logs often have, and where they go."""
_NUMBERS: Final = frozenset(
    {"source.port", "destination.port", "http.response.status_code", "process.pid", "event.sequence"}
)
_ADDRESSES: Final = frozenset({"source.ip", "destination.ip"})
_IP: Final = r"^(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$"


@dataclass(slots=True)
class _Draft:
    """What is known so far of the log source that is being started."""

    id: str
    container: str
    frame: pl.DataFrame
    records: list[str]
    where: list[dict[str, Any]] = field(default_factory=list)
    read: list[dict[str, Any]] = field(default_factory=list)
    time: dict[str, Any] = field(default_factory=dict)
    maps: dict[str, str] = field(default_factory=dict)
    fields: dict[str, pl.Series] = field(default_factory=dict)


def start_source(name: str, path: Path, settings: Settings) -> str:
    """Return the text of a log source `<vendor>.<dataset>` that begins to read the records of `path`."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", name):
        msg = f"{name!r} is no id of a log source; it is <vendor>.<dataset> in small letters, such as example.app"
        raise OperatorError(msg)
    draft = _read(name, path, settings)
    {"json": _keyed, "keyvalue": _keyed, "windows": _keyed}.get(draft.container, _written)(draft)
    _map(draft)
    return _text(draft)


def _read(name: str, path: Path, settings: Settings) -> _Draft:
    chunks = (
        chunk
        for file in expand([path], Limits(record=settings.max_record_bytes))
        for chunk in file.chunks("0" * 64, 0, rows=_ROWS)
    )
    chunk = next((chunk for chunk in chunks if chunk.records.height), None)
    if chunk is None:
        msg = f"{path} holds no records"
        raise OperatorError(msg)
    unknown = [source for source in load_logsources() if not source.recognise.where]
    parsed = Parser(unknown, settings.timezone).read(chunk.format, chunk.records.head(_ROWS))
    if not parsed.fields:
        msg = f"no record of {path} can be read: {parsed.rejects['reject.reason'][0]}"
        raise OperatorError(msg)
    commonest = max(parsed.fields, key=lambda one: one.frame.height)
    frame = commonest.frame
    records = [raw.decode("utf-8", "replace") for raw in frame.get_column(RECORD_RAW)]
    return _Draft(name, _container(commonest.source, unknown), frame, records)


def _container(source_id: str, sources: Sequence[LogSource]) -> str:
    return next(source.recognise.containers[0] for source in sources if source.id == source_id)


def _keyed(draft: _Draft) -> None:
    """Recognise by keys that every record has, and by one that always says the same."""
    for series in draft.frame.get_columns():
        if not series.name.startswith("record.") and series.name != "message" and not series.dtype.is_nested():
            draft.fields[series.name] = series.cast(pl.String, strict=False)
    always = [name for name, series in draft.fields.items() if not series.null_count()]
    draft.where = [{"field": name, "exists": True} for name in always[:4]]
    fixed = [name for name in always if draft.fields[name].n_unique() == 1 and not _TIMELY.search(name)]
    if fixed and len(draft.records) > _SAMPLES:
        draft.where.append({"field": fixed[0], "equals": draft.fields[fixed[0]][0]})
    timely = sorted(draft.fields, key=lambda name: not _TIMELY.search(name))
    draft.time = next((spec for spec in (_time(draft, name) for name in timely) if spec), {})


def _written(draft: _Draft) -> None:
    """Recognise syslog by its program and other lines by their beginning; read messages by their forms."""
    messages = draft.frame.get_column("message").drop_nulls().to_list()
    found = shapes(messages)
    if "program" in draft.frame.columns and draft.frame["program"].null_count() < draft.frame.height:
        programs = draft.frame["program"].drop_nulls().value_counts(sort=True)["program"].head(3).to_list()
        draft.where = [{"field": "program", "in": sorted(programs)}]
    else:
        draft.where = [{"field": "message", "matches": _beginning(found)}]
    draft.read = [_reader(found)]
    for shape in found:
        groups = pl.Series([shape.message]).str.extract_groups(shape.pattern).struct.unnest()
        for group, kind in shape.groups:
            draft.fields.setdefault(group, groups.get_column(group))
            if kind == "time" and not draft.time:
                draft.time = _time(draft, group)


def _reader(found: Sequence[Shape]) -> dict[str, Any]:
    named = {f"form_{number}": shape.pattern for number, shape in enumerate(found, start=1)}
    return {"reader": "regex", "field": "message", "default": named}


def _beginning(found: Sequence[Shape]) -> str:
    """Return what the commonest form begins with, up to its second group."""
    pattern = re.sub(r"\(\?P<\w+>", "(?:", found[0].pattern)
    closes = [match.end() for match in re.finditer(r"\)(?![+*?])", pattern)]
    return pattern[: closes[1]] if len(closes) > 1 else pattern.removesuffix("$")


def _time(draft: _Draft, name: str) -> dict[str, Any]:
    """Return the time that the field `name` tells, empty if it tells none."""
    texts = draft.fields[name].drop_nulls()
    if texts.is_empty() or not texts.str.contains(r"[0-9]{4}|:[0-9]{2}").all():
        return {}
    reference = draft.frame.get_column(RECORD_REFERENCE)[0]
    for form in (form for form in TIME_FORMATS if not form.startswith("epoch_")):
        if form in {"filetime", "webkit", "cocoa"} and not _TIMELY.search(name):
            continue
        read = read_time_texts(texts, TimeSpec((name,), (form,)), reference, load_lookups())
        if read.drop_nulls().len() >= _MOSTLY * texts.len() and read.dt.year().is_between(1990, 2100).all():
            return {"fields": [name], "formats": [form]}
    return {}


def _map(draft: _Draft) -> None:
    catalog = load_fields()
    taken: set[str] = set()
    for name, values in draft.fields.items():
        plain = re.sub(r"_[0-9]+$", "", name.lower())
        target = _NAMES.get(plain, plain if plain in catalog else "")
        if not target and values.drop_nulls().len() and values.drop_nulls().str.contains(_IP).all():
            target = "source.ip"
        if target == "source.ip" and target in taken:
            target = "destination.ip"
        if target and target not in taken and name not in draft.time.get("fields", ()) and _fits(target, values):
            draft.maps[name] = target
            taken.add(target)


def _fits(target: str, values: pl.Series) -> bool:
    known = values.drop_nulls()
    if target in _ADDRESSES:
        return bool(known.str.contains(_IP).all())
    return target not in _NUMBERS or bool(known.str.contains(r"^[0-9]+$").all())


def _text(draft: _Draft) -> str:
    vendor = draft.id.partition(".")[0]
    lines = [
        "# yaml-language-server: $schema=../../../docs/reference/log-source.schema.json",
        f"id: {draft.id}",
        f"title: {draft.id}, in a sentence",
        f"vendor: {vendor}",
        f"product: {draft.id.partition('.')[2]}",
        "page: https://example.com/where-the-format-is-documented",
        "recognise:",
        f"  container: [{draft.container}]",
        "  where:",
        *(f"    - {_flow(condition)}" for condition in draft.where),
    ]
    for step in draft.read:
        lines += ["read:", f"  - reader: {step['reader']}", f"    field: {step['field']}"]
        lines += dump("default", step["default"], 4)
    if draft.time:
        lines.append(f"time: {_flow(draft.time)}")
    if draft.maps:
        lines += dump("map", draft.maps, 0)
    lines += ["set:", "  # What a record of this log is about: see the allowed values in the Elastic Common Schema."]
    lines += ["  event.category: [process]", "  event.type: [info]", f"leftovers: {{prefix: {draft.id}}}", "tests:"]
    for record in _different(draft):
        lines += [f"  - {line.strip()}" for line in dump("record", record, 0)] + ["    expect: {}"]
    return "\n".join([*lines, *_refused(draft)]) + "\n"


def _different(draft: _Draft) -> list[str]:
    """Return records to be samples: of different forms, where there are several."""
    if draft.read:
        chosen = [shape.message for shape in shapes(draft.frame.get_column("message").drop_nulls().to_list())]
        messages = draft.frame.get_column("message").to_list()
        firsts = [draft.records[messages.index(message)] for message in chosen]
    else:
        firsts = []
    return list(dict.fromkeys([*firsts, *draft.records]))[:_SAMPLES]


def _refused(draft: _Draft) -> list[str]:
    other = {"json": '{"other": "program"}', "keyvalue": "other=program key=value"}.get(
        draft.container, "Jun 14 08:15:02 host1 otherprogram[1]: something else"
    )
    return [f"  - {dump('record', other, 0)[0]}", "    refuse: true"]


def _flow(value: Mapping[str, Any]) -> str:
    items = ", ".join(line for key, item in value.items() for line in _flow_item(key, item))
    return f"{{{items}}}"


def _flow_item(key: str, item: Any) -> list[str]:
    if isinstance(item, str):
        return [f"{key}: {orjson.dumps(item).decode() if _plain_word(item) is None else item}"]
    return dump(key, item, 0)


def _plain_word(text: str) -> str | None:
    return text if re.fullmatch(r"[A-Za-z@_][\w.@-]*", text) else None
