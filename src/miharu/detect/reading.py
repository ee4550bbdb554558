"""One rule file → its rules and filters as they were written, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from miharu.core.finding import LEVELS
from miharu.core.identity import hash_parts
from miharu.detect.detections import Detections, Fault, FaultsError, read_detections
from miharu.detect.documents import RuleFile
from miharu.detect.model import PROBLEM_REASONS, RuleProblem
from miharu.detect.problems import problem, problem_of
from miharu.detect.yamldocs import Document, YamlFaultError, read_documents

_TESTS: Final = "tests"
"""Records that test the rule; what it finds does not depend on them, and so does not its hash."""
_LOGSOURCE_KEYS: Final = ("product", "category", "service")

Logsource: TypeAlias = tuple[str | None, str | None, str | None]
"""Product, category and service, in lower case."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as its document says it."""

    meta: Mapping[str, Any]
    path: str
    line: int
    id: str
    title: str
    hash: str
    logsource: Logsource
    logsource_line: int
    detections: Detections

    @property
    def level(self) -> str:
        """Return the level; `medium` where it names none that Sigma knows."""
        level = str(self.meta.get("level") or "").casefold()
        return level if level in LEVELS else "medium"


@dataclass(frozen=True, slots=True)
class FilterText:
    """A filter as its document says it; `rules` are ids and names, case-folded (none: all of its logsource)."""

    meta: Mapping[str, Any]
    path: str
    line: int
    title: str
    logsource: Logsource
    rules: frozenset[str]
    detections: Detections

    def applies_to(self, rule: RuleText) -> bool:
        """Return whether the filter is meant for a rule."""
        if any(mine not in {None, theirs} for mine, theirs in zip(self.logsource, rule.logsource, strict=True)):
            return False
        names = {rule.id.casefold(), str(rule.meta.get("name") or rule.id).casefold()}
        return not self.rules or not self.rules.isdisjoint(names)


@dataclass(slots=True)
class Readings:
    """What was read from rule files so far."""

    rules: list[RuleText] = field(default_factory=list)
    filters: list[FilterText] = field(default_factory=list)
    problems: list[RuleProblem] = field(default_factory=list)
    notes: list[RuleProblem] = field(default_factory=list)


def read_rule_file(file: RuleFile, into: Readings) -> None:
    """Add the rules and filters of one file, and what is wrong with those that were not understood."""
    if file.fault:
        into.problems.append(problem(file, "unreadable", file.fault))
        return
    try:
        for document in read_documents(file.data):
            _read(file, document, into)
    except YamlFaultError as fault:
        into.problems.append(problem(file, "yaml_invalid", str(fault), line=fault.line))


def _read(file: RuleFile, document: Document, into: Readings) -> None:
    keys = document.content if isinstance(document.content, dict) else ()
    try:
        if "filter" in keys and "correlation" not in keys:
            into.filters.append(_filter(file, document))
        else:
            rule = _rule(file, document)
            into.rules.append(rule)
            _note_level(rule, document, into)
    except FaultsError as error:
        into.problems.append(problem_of(file, document, error.faults))


def _note_level(rule: RuleText, document: Document, into: Readings) -> None:
    told = rule.meta.get("level")
    if told is not None and str(told).casefold() not in LEVELS:
        text = f"the level {told!r} is not known"
        into.notes.append(problem(rule, "level_unknown", text, line=document.line_of(("level",)), meta=rule.meta))


def _rule(file: RuleFile, document: Document) -> RuleText:
    content = document.content
    if not isinstance(content, dict):
        raise FaultsError(Fault((), "the document has no keys", reason="not_a_rule"))
    if "correlation" in content:
        raise FaultsError(Fault(("correlation",), PROBLEM_REASONS["correlation"], reason="correlation"))
    faults = [
        Fault((key,), f"the key {key} is missing or has no keys", _kind(content.get(key)), "keys with values",
              reason="not_a_rule")
        for key in ("detection", "logsource")
        if not isinstance(content.get(key), dict) or not content[key]
    ]  # fmt: skip
    logsource = _logsource(content.get("logsource"), faults)
    detections = Detections()
    if isinstance(content.get("detection"), dict) and content["detection"]:
        detections = _detections(content["detection"], "detection", (), faults)
    if faults:
        raise FaultsError(*faults)
    told = {key: value for key, value in content.items() if key != _TESTS}
    digest = hash_parts(orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))
    return RuleText(
        content, file.path, document.line, str(content.get("id") or digest), str(content.get("title") or file.path),
        digest, logsource, document.line_of(("logsource",)), detections,
    )  # fmt: skip


def _filter(file: RuleFile, document: Document) -> FilterText:
    content, inner = document.content, document.content["filter"]
    faults: list[Fault] = []
    if not isinstance(content.get("logsource"), dict) or not content["logsource"]:
        faults.append(
            Fault(("logsource",), "the filter has no logsource", _kind(content.get("logsource")),
                  "a logsource that is the rules' or wider", reason="filter")
        )  # fmt: skip
    logsource = _logsource(content.get("logsource"), faults)
    detections, rules = Detections(), frozenset[str]()
    if not isinstance(inner, dict):
        faults.append(
            Fault(("filter",), "the filter has no keys", _kind(inner), "rules and selections", reason="filter")
        )
    else:
        rules = _rules_of(inner, faults)
        detections = _detections(inner, "filter", ("rules",), faults)
    if faults:
        raise FaultsError(*faults)
    title = str(content.get("title") or file.path)
    return FilterText(content, file.path, document.line, title, logsource, rules, detections)


def _rules_of(inner: Mapping[str, Any], faults: list[Fault]) -> frozenset[str]:
    told = inner.get("rules")
    listed = told if isinstance(told, list) else [told]
    if "rules" not in inner or not all(isinstance(name, (str, int)) for name in listed):
        text = "the filter does not say which rules it is for"
        faults.append(
            Fault(("filter", "rules"), text, _kind(told), "ids or names of rules, or `any`",
                  "write `rules: any` for all", "filter")
        )  # fmt: skip
        return frozenset()
    return frozenset(str(name).casefold() for name in listed) - {"any"}


def _detections(inner: Mapping[str, Any], key: str, others: tuple[str, ...], faults: list[Fault]) -> Detections:
    try:
        return read_detections(inner, (key,), other_keys=others)
    except FaultsError as error:
        faults += error.faults
    except RecursionError:
        faults.append(Fault((key,), "it is nested too deeply", hint="write it flatter"))
    return Detections()


def _logsource(value: Any, faults: list[Fault]) -> Logsource:
    if not isinstance(value, dict):
        return None, None, None
    faults += [
        Fault(("logsource", key), f"{key} is no text", _kind(value[key]), "one name", reason="not_a_rule")
        for key in _LOGSOURCE_KEYS
        if not isinstance(value.get(key), (str, int, type(None)))
    ]
    product, category, service = (_word(value.get(key)) for key in _LOGSOURCE_KEYS)
    return product, category, service


def _word(value: Any) -> str | None:
    return None if value is None else str(value).strip().casefold()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case list():
            return "a list"
        case dict():
            return "keys" if value else "nothing"
        case _:
            return repr(value)
