"""`content/logsources/<vendor>/*.yml` → log sources, checked word by word against the closed vocabulary.

Every fault of every file is collected into one ContentError.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from yaml.nodes import SequenceNode

from miharu.catalog.checking import Checker
from miharu.catalog.fields import FieldCatalog, load_fields
from miharu.catalog.located import Section, read_section
from miharu.catalog.logsource import (
    Condition,
    Form,
    Join,
    Leftovers,
    LogSource,
    LookupStep,
    ReadStep,
    Recognition,
    Sample,
    TimeSpec,
    When,
)
from miharu.catalog.lookups import load_lookups
from miharu.catalog.place import content_root
from miharu.catalog.vocabulary import CONTAINERS, READER_OPTIONS, READERS
from miharu.core.errors import ContentError, ContentIssue

KEYS: Final = (
    "id",
    "title",
    "vendor",
    "product",
    "page",
    "priority",
    "recognise",
    "joins",
    "read",
    "time",
    "map",
    "set",
    "when",
    "lookup",
    "leftovers",
    "tests",
)
OPTION_KEYS: Final = tuple(dict.fromkeys(option for options in READER_OPTIONS.values() for option in options))
JOIN_KEYS: Final = ("start", "continues", "quotes", "leads", "next", "first")
_FORMATS: Final = ("lines", "json", "evtx", "utmp", "lastlog", "faillog", "journal", "report", "asl")
_PRIORITY: Final = 50


def load_logsources(root: Path | None = None, catalog: FieldCatalog | None = None) -> list[LogSource]:
    """Return all log sources under `root` (default: the shipped content), in the order they are asked.

    Raises ContentError with every fault of every file.
    """
    folder = root or content_root()
    fields = catalog or load_fields(folder)
    tables = load_lookups(folder)
    paths = sorted((folder / "logsources").rglob("*.yml"))
    return read_logsources([(path, path.relative_to(folder).as_posix()) for path in paths], fields, frozenset(tables))


def read_logsources(
    paths: Sequence[tuple[Path, str]], catalog: FieldCatalog, tables: frozenset[str]
) -> list[LogSource]:
    """Return the log sources of `paths` (file, name to show); raises ContentError with all faults."""
    issues: list[ContentIssue] = []
    check = Checker(catalog, tables)
    sources: dict[str, LogSource] = {}
    for path, shown in paths:
        section = read_section(path, shown, issues)
        if section is None:
            continue
        source = _logsource(section, check)
        if source.id in sources:
            section.fault("id", f"{source.id!r}, also in {sources[source.id].path}", "an id of its own")
        sources[source.id] = source
    if issues:
        raise ContentError(issues)
    return sorted(sources.values(), key=lambda source: (source.priority, source.id))


def _logsource(section: Section, check: Checker) -> LogSource:
    section.only(*KEYS)
    section.require("id", "title", "vendor", "product", "recognise", "leftovers", "tests")
    return LogSource(
        id=section.text("id") or "",
        path=section.path,
        title=section.text("title") or "",
        vendor=section.text("vendor") or "",
        product=section.text("product") or "",
        page=section.text("page") or "",
        priority=section.integer("priority", _PRIORITY),
        recognise=_recognition(section, check),
        leftovers=_leftovers(section),
        read=tuple(_read_step(step, check) for step in section.sections("read")),
        time=_time(section, check),
        maps=check.maps(section),
        set=check.values(section),
        when=tuple(_when(item, check) for item in section.sections("when")),
        lookup=tuple(_lookup(item, check) for item in section.sections("lookup")),
        tests=tuple(_sample(item, check) for item in section.sections("tests")),
        joins=tuple(_join(item, check) for item in section.sections("joins")),
    )


def _recognition(section: Section, check: Checker) -> Recognition:
    inner = section.section("recognise")
    if inner is None:
        return Recognition(())
    inner.only("container", "where", "or")
    inner.require("container")
    containers = inner.texts("container")
    for name in containers:
        if name not in CONTAINERS:
            inner.fault_choice("container", name, CONTAINERS, f"one of {', '.join(CONTAINERS)}")
    others = list(inner.sections("or"))
    for other in others:
        other.only("where")
        other.require("where")
    return Recognition(containers, _where(inner, check), tuple(_where(other, check) for other in others))


def _where(section: Section, check: Checker) -> tuple[Condition, ...]:
    return tuple(condition for item in section.sections("where") for condition in check.condition(item))


def _join(section: Section, check: Checker) -> Join:
    section.only(*JOIN_KEYS)
    section.require("start")
    parts = {name: section.text(name) or "" for name in section.names()}
    for name, pattern in parts.items():
        if name != "quotes":
            check.byte_pattern(section, name, pattern)
        elif len(pattern) != 1 or not pattern.isascii():
            section.fault(name, repr(pattern), "one character")
    return Join(*(parts.get(name, "") for name in JOIN_KEYS))


def _leftovers(section: Section) -> Leftovers:
    inner = section.section("leftovers")
    if inner is None:
        return Leftovers("")
    inner.only("prefix", "drop", "adopt", "keep")
    inner.require("prefix")
    return Leftovers(inner.text("prefix") or "", inner.texts("drop"), inner.flag("adopt"), inner.texts("keep"))


def _read_step(section: Section, check: Checker) -> ReadStep:
    section.only("reader", "field", "by", "patterns", "default", "prefix", "columns", *OPTION_KEYS)
    section.require("reader", "field")
    reader = section.text("reader") or ""
    if reader not in READERS:
        section.fault_choice("reader", reader, READERS, f"one of {', '.join(READERS)}")
    patterns: dict[str, tuple[Form, ...]] = {}
    inner = section.section("patterns")
    for key in inner.names() if inner else ():
        assert inner is not None
        forms = check.forms(inner, key)
        patterns.update(dict.fromkeys(key.split("|"), forms))
    if reader == "regex" and not patterns and "default" not in section:
        section.fault("patterns", "nothing", "patterns or a default")
    if patterns and "by" not in section:
        section.fault("by", "nothing", "the field whose value chooses among the patterns")
    return ReadStep(
        reader=reader,
        field=section.text("field") or "",
        by=section.text("by") or "",
        patterns=patterns,
        default=check.forms(section, "default"),
        prefix=section.text("prefix") or "",
        columns=_columns(section, reader),
        options=check.options(section, reader),
    )


def _columns(section: Section, reader: str) -> tuple[tuple[str, ...], ...]:
    if reader == "delimited":
        section.require("columns")
    elif "columns" in section:
        section.fault("columns", f"columns of the reader {reader}", "columns, for the reader `delimited` only")
    node = section.node("columns")
    if not isinstance(node, SequenceNode) or not any(isinstance(item, SequenceNode) for item in node.value):
        return (section.texts("columns"),) if "columns" in section else ()
    return tuple(tuple(str(name.value) for name in item.value) for item in node.value)


def _time(section: Section, check: Checker) -> TimeSpec | None:
    inner = section.section("time")
    if inner is None:
        return None
    inner.only("fields", "formats", "zone")
    inner.require("fields", "formats")
    return TimeSpec(inner.texts("fields"), check.time_formats(inner), inner.text("zone") or "")


def _when(section: Section, check: Checker) -> When:
    section.only("if", "set", "map")
    section.require("if")
    return When(check.conditions(section, "if"), check.values(section), check.maps(section))


def _lookup(section: Section, check: Checker) -> LookupStep:
    section.only("field", "table", "to")
    section.require("field", "table", "to")
    table, to = section.text("table") or "", section.text("to") or ""
    if table not in check.tables:
        section.fault_choice("table", table, check.tables, "a file of content/lookups")
    check.target(section, "to", to)
    return LookupStep(section.text("field") or "", table, to)


def _sample(section: Section, check: Checker) -> Sample:
    section.only("record", "expect", "refuse", "format", "reference", "header")
    section.require("record")
    kind = section.text("format", "lines") or "lines"
    if kind not in _FORMATS:
        section.fault_choice("format", kind, _FORMATS, f"one of {', '.join(_FORMATS)}")
    expect = section.value("expect")
    if "refuse" not in section and not isinstance(expect, dict):
        section.fault("expect", "nothing", "the complete event, or `refuse: true`")
    inner = section.section("expect")
    for name in inner.names() if inner else ():
        assert inner is not None
        if name != "fields":
            check.target(inner, name, name)
    return Sample(
        record=section.text("record") or "",
        line=section.line,
        format=kind,
        expect=expect if isinstance(expect, dict) else None,
        refuse=section.flag("refuse"),
        reference=_instant(section),
        header=(section.text("header") or "").rstrip("\n"),
    )


def _instant(section: Section) -> datetime | None:
    written = section.text("reference")
    if written is None:
        return None
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        section.fault("reference", repr(written), "a time such as 2025-06-15T12:00:00Z")
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
