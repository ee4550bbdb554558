"""Rule files → what a careful author would mend, although the rules run: ids, dates, tags, names of fields, leftovers.

Everything here needs nothing but the files: no network, no list that goes out of date but ATT&CK's tactics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from miharu.catalog import SigmaMapping, load_sigma_mapping
from miharu.core.finding import LEVELS
from miharu.detect import RuleFile, rule_files

_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Leaves texts as they are written: a day that no calendar has must not hide the rest of the rule."""
_STATUSES: Final = ("stable", "test", "experimental", "deprecated", "unsupported")
_RELATIONS: Final = ("correlation", "derived", "obsolete", "merged", "renamed", "similar")
_KEYS: Final = (
    "title", "id", "name", "related", "taxonomy", "status", "description", "license", "author", "references", "date",
    "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope", "correlation", "filter",
    "tests", "miharu", "regression_tests_path", "simulation",
)  # fmt: skip
_TACTICS: Final = (
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
    "defense-evasion", "stealth", "defense-impairment", "credential-access", "discovery", "lateral-movement",
    "collection", "command-and-control", "exfiltration", "impact",
)  # fmt: skip
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG: Final = re.compile(r"[a-z0-9_-]+\.[a-z0-9._-]+")
_TAGS: Final[Mapping[str, re.Pattern[str]]] = {
    "attack": re.compile(rf"{'|'.join(_TACTICS)}|[tsg]\d{{4}}|t\d{{4}}\.\d{{3}}|ta\d{{4}}|ds\d{{4}}"),
    "car": re.compile(r"\d{4}-\d{2}-\d{3}"),
    "cve": re.compile(r"\d{4}[-.]\d{4,7}"),
    "tlp": re.compile(r"red|amber|amber-strict|green|clear|white"),
    "detection": re.compile(r"dfir|emerging-threats|threat-hunting|compliance"),
}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TITLE: Final = 256
_CLOSE: Final = 0.86


@dataclass(frozen=True, slots=True, order=True)
class RuleRemark:
    """One thing to mend in a rule that may run all the same; `check` is the name of what was looked at."""

    path: str
    line: int
    check: str
    text: str
    rule_id: str = ""
    title: str = ""

    def __str__(self) -> str:
        """Render as `path:line: check: text`."""
        return f"{self.path}:{self.line}: {self.check}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One document: its nodes by key, and their values."""

    file: RuleFile
    node: MappingNode
    nodes: Mapping[str, Node]
    values: Mapping[str, Any]

    def line(self, key: str, word: str = "") -> int:
        """Return where a word stands under a key: as a value, or as the name of a field or selection."""
        top = self.nodes.get(key) or self.node
        waiting = [top]
        while word and waiting:
            node = waiting.pop(0)
            if isinstance(node, ScalarNode) and (node.value == word or node.value.split("|", 1)[0] == word):
                return int(node.start_mark.line) + 1
            if isinstance(node, SequenceNode):
                waiting = [*node.value, *waiting]
            elif isinstance(node, MappingNode):
                waiting = [*(part for pair in node.value for part in pair), *waiting]
        return int(top.start_mark.line) + 1


_Found: TypeAlias = Iterator[tuple[str, str, str]]
"""A key of the rule, the word under it that something is wrong with (or nothing), and what that is."""


def check_rules(paths: Sequence[Path]) -> list[RuleRemark]:
    """Return what there is to mend in all rules under paths, by file and line. What cannot be read is left out."""
    mapping = load_sigma_mapping()
    remarks: list[RuleRemark] = []
    ids: dict[str, str] = {}
    for file in rule_files(paths):
        for rule in _rules(file):
            told = [(name, *each) for name, check in _CHECKS.items() for each in check(rule)]
            told += [("field", *each) for each in _fields(rule, mapping)]
            told += [("id", *each) for each in _repeated(rule, ids)]
            known = str(rule.values.get("id") or ""), str(rule.values.get("title") or "")
            remarks += [
                RuleRemark(file.path, rule.line(key, word), check, text, *known) for check, key, word, text in told
            ]
    return sorted(remarks)


def _rules(file: RuleFile) -> Iterator[_Rule]:
    try:
        nodes = list(yaml.compose_all(file.data, Loader=_LOADER))
        documents = list(yaml.load_all(file.data, Loader=_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return
    for node, document in zip(nodes, documents, strict=False):
        if isinstance(node, MappingNode) and isinstance(document, dict) and "detection" in document:
            named = {name.value: value for name, value in node.value if isinstance(name, ScalarNode)}
            yield _Rule(file, node, named, document)


def _identity(rule: _Rule) -> _Found:
    own = rule.values.get("id")
    if not own:
        yield "id", "", "the rule has no id; give it a random UUID, so that it keeps its alerts when it changes"
    elif not _UUID.fullmatch(str(own).lower()):
        yield "id", "", f"{own!r} is no UUID"
    for other in _items(rule.values.get("related")):
        told = other if isinstance(other, dict) else {}
        if not _UUID.fullmatch(str(told.get("id")).lower()) or told.get("type") not in _RELATIONS:
            text = f"each entry has an id and a type, one of {', '.join(_RELATIONS)}; found {other!r}"
            yield "related", str(told.get("id", "")), text
        elif str(told["id"]) == str(own):
            yield "related", str(own), "the rule is related to itself"


def _repeated(rule: _Rule, ids: dict[str, str]) -> _Found:
    own = str(rule.values.get("id") or "").lower()
    place = f"{rule.file.path}:{rule.line('id')}"
    if own and ids.setdefault(own, place) != place:
        yield "id", "", f"the rule at {ids[own]} has the same id"


def _title(rule: _Rule) -> _Found:
    title = rule.values.get("title")
    if not isinstance(title, str) or not title.strip():
        yield "title", "", "the rule has no title"
    elif len(title) > _TITLE:
        yield "title", "", f"the title has {len(title)} characters, the specification allows {_TITLE}"


def _words(rule: _Rule) -> _Found:
    for key, known in (("status", _STATUSES), ("level", LEVELS)):
        value = rule.values.get(key)
        if not value:
            yield key, "", f"the rule has no {key}; write one of {', '.join(known)}"
        elif value not in known:
            yield key, "", f"{value!r} is none of {', '.join(known)}"
    for key in ("references", "falsepositives", "tags", "fields"):
        value = rule.values.get(key)
        if value and not isinstance(value, list):
            yield key, "", f"a list is expected, not {str(value)[:40]!r}"


def _dates(rule: _Rule) -> _Found:
    found: dict[str, date] = {}
    for key in ("date", "modified"):
        node = rule.nodes.get(key)
        if not isinstance(node, ScalarNode):
            continue
        try:
            found[key] = datetime.strptime(node.value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not an instant
        except ValueError:
            yield key, "", f"{node.value!r} is no day; write it as 2026-11-24"
            continue
        if not _DATE.fullmatch(node.value):
            yield key, "", f"{node.value!r} lacks a zero; write it as {found[key].isoformat()}"
    if len(found) > 1 and found["modified"] < found["date"]:
        yield "modified", "", "the rule was modified before it was written"


def _tags(rule: _Rule) -> _Found:
    tags = [str(tag) for tag in _items(rule.values.get("tags"))]
    for tag in tags:
        space, _, name = tag.partition(".")
        wanted = _TAGS.get(space)
        if not _TAG.fullmatch(tag):
            yield "tags", tag, f"{tag!r} is no tag; a tag is a namespace, a dot and a name, in small letters"
        elif wanted is not None and not wanted.fullmatch(name):
            close = get_close_matches(name, _TACTICS, n=1) if space == "attack" else []
            yield "tags", tag, f"{tag!r} is not known" + (f"; did you mean attack.{close[0]}?" if close else "")
    for tag in sorted({tag for tag in tags if tags.count(tag) > 1}):
        yield "tags", tag, f"{tag!r} stands there twice"


def _keys(rule: _Rule) -> _Found:
    for key in rule.values:
        close = get_close_matches(str(key), _KEYS, n=1, cutoff=_CLOSE)
        if str(key) not in _KEYS and close:
            yield str(key), "", f"{key!r} is no key of a rule; did you mean {close[0]!r}?"


def _unused(rule: _Rule) -> _Found:
    detection = rule.values["detection"]
    if not isinstance(detection, dict):
        return
    conditions = " ".join(str(text) for text in _items(detection.get("condition")))
    words = set(re.findall(r"[\w*?.-]+", conditions))
    if "them" in words:
        return
    patterns = [re.compile(re.escape(word).replace(r"\*", ".*")) for word in words]
    for name in detection:
        if name not in {"condition", "timeframe"} and not any(pattern.fullmatch(str(name)) for pattern in patterns):
            yield "detection", str(name), f"the condition does not use the selection {name!r}"


def _doubled(rule: _Rule) -> _Found:
    """Values that stand twice in one list; that of two selections may be meant."""
    waiting: list[tuple[str, Node]] = [("", rule.nodes["detection"])]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, MappingNode):
            waiting += [(str(key.value), value) for key, value in node.value if key.value != "condition"]
        elif isinstance(node, SequenceNode):
            waiting += [(name, item) for item in node.value if not isinstance(item, ScalarNode)]
            values = [item.value for item in node.value if isinstance(item, ScalarNode)]
            for value in sorted({value for value in values if values.count(value) > 1}):
                yield "detection", value, f"{value!r} stands twice in the list of {name or 'the keywords'}"


def _fields(rule: _Rule, mapping: SigmaMapping) -> _Found:
    """Names of fields that are nearly, but not quite, those that the logsource has."""
    logsource = rule.values.get("logsource")
    if not isinstance(logsource, dict):
        return
    wanted = [logsource.get(key) for key in ("product", "category", "service")]
    routes = mapping.resolve(*(None if each is None else str(each).casefold() for each in wanted))
    known = {name for route in routes for scope in route.scopes for name in scope.fields}
    for name in sorted(_field_names(rule.values["detection"]) - known):
        same = [other for other in known if other.casefold() == name.casefold()]
        alike = [other for other in known if abs(len(other) - len(name)) <= 1]
        close = same or get_close_matches(name, alike, n=1, cutoff=0.9)
        if close:
            yield "detection", name, f"the logsource has no field {name!r}; did you mean {close[0]!r}?"


def _field_names(detection: Any) -> set[str]:
    if not isinstance(detection, dict):
        return set()
    parts = [part for name, selection in detection.items() if name != "condition" for part in _items(selection)]
    return {str(key).split("|", 1)[0] for part in parts if isinstance(part, dict) for key in part} - {""}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


_CHECKS: Final[Mapping[str, Callable[[_Rule], _Found]]] = {
    "id": _identity,
    "title": _title,
    "word": _words,
    "date": _dates,
    "tag": _tags,
    "key": _keys,
    "selection": _unused,
    "value": _doubled,
}
