"""One rule file → its rules as drafts: conditions over Sigma field names, not yet bound to columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson
import yaml
from sigma.conditions import ConditionAND, ConditionIdentifier, ConditionNOT, ConditionOR, ConditionSelector
from sigma.exceptions import SigmaConditionError, SigmaError, SigmaRegularExpressionError
from sigma.rule.detection import SigmaDetection, SigmaDetectionItem, SigmaDetections

from miharu.core.finding import LEVELS
from miharu.core.identity import hash_parts
from miharu.detect.documents import RuleFile
from miharu.detect.model import PROBLEM_REASONS, RuleProblem, ValueTest
from miharu.detect.values import RuleFaultError, read_value

_BASE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TESTS: Final = "tests"
"""Records that test the rule; what it finds does not depend on them, and so does not its hash."""
_REMEDIES: Final[dict[str, str]] = {
    "yaml_invalid": "correct the YAML at this line",
    "unreadable": "check the file and its permissions, or fetch the archive again",
    "not_a_rule": "a Sigma rule has the keys title, logsource and detection",
    "correlation": "keep the rule; its base rules run on their own meanwhile",
    "filter": "write the filter into the rule it belongs to",
    "aggregation": "rewrite the condition without `|`",
    "detection_invalid": "compare with the Sigma rule specification, section Detection",
    "condition_invalid": "name selections that exist and join them with and, or, not, 1 of, all of",
    "regex_invalid": "correct the pattern",
    "regex_costly": "write the pattern without nested repetition, look-around or back-references",
    "placeholder": "replace the placeholder by values, or drop the `expand` modifier",
    "logsource_unmapped": "map the logsource in content/sigma, or correct its spelling",
    "duplicate": "give one of the two rules another id",
}


@dataclass(frozen=True, slots=True)
class DraftLeaf:
    """A test of a Sigma field (None: a keyword)."""

    name: str | None
    test: ValueTest


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """Parts joined by `all`, `any` or `not`; or a selection `named`."""

    kind: str
    parts: tuple[DraftNode, ...]
    name: str = ""


DraftNode: TypeAlias = DraftLeaf | DraftGroup


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule that was understood."""

    meta: Mapping[str, Any]
    path: str
    line: int
    id: str
    title: str
    hash: str
    logsource: tuple[str | None, str | None, str | None]
    condition: DraftNode


@dataclass(slots=True)
class Drafts:
    """What was read from rule files so far."""

    rules: list[Draft] = field(default_factory=list)
    problems: list[RuleProblem] = field(default_factory=list)


class _Loader(_BASE):  # type: ignore[misc]
    """YAML that refuses a key given twice."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (list, dict)) or key in found:
            text = "found a key that is no text" if isinstance(key, (list, dict)) else f"found the key {key!r} twice"
            raise yaml.constructor.ConstructorError(None, None, text, key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def problem(place: Draft | RuleFile, reason: str, text: str, *, line: int = 0, meta: Any = None) -> RuleProblem:
    """Return the problem of a rule or file, with the remedy of its reason."""
    known = meta if isinstance(meta, dict) else {}
    rule_id, title = (
        (place.id, place.title)
        if isinstance(place, Draft)
        else (str(known.get("id") or ""), str(known.get("title") or ""))
    )
    return RuleProblem(place.path, line, rule_id, title, reason, text, _REMEDIES[reason])


def read_drafts(file: RuleFile, into: Drafts) -> None:
    """Add the rules of one file, and what is wrong with those that were not understood."""
    if file.fault:
        into.problems.append(problem(file, "unreadable", file.fault))
        return
    for line, document in _documents(file, into):
        try:
            into.rules.append(_draft(file, line, document))
        except RuleFaultError as fault:
            at = _line_of(file, line, fault.reason)
            into.problems.append(problem(file, fault.reason, str(fault), line=at, meta=document))
        except (SigmaError, RecursionError, re.error, TypeError, ValueError, AttributeError) as error:
            # pySigma raises the plain ones on shapes it does not expect; the document is at fault, not we.
            reason = _reason(error)
            text = str(error).split(" in ")[0].strip() or PROBLEM_REASONS[reason]
            at = _line_of(file, line, reason)
            into.problems.append(problem(file, reason, text, line=at, meta=document))


def _documents(file: RuleFile, into: Drafts) -> Iterator[tuple[int, Any]]:
    loader = None
    try:
        loader = _Loader(file.data)
        while loader.check_node():
            node = loader.get_node()
            yield node.start_mark.line + 1, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        into.problems.append(problem(file, "yaml_invalid", error.problem or "not valid YAML", line=line))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        into.problems.append(problem(file, "yaml_invalid", str(error).split("\n", 1)[0]))
    finally:
        if loader is not None:
            loader.dispose()


def _draft(file: RuleFile, line: int, document: Any) -> Draft:
    if not isinstance(document, dict):
        raise RuleFaultError("not_a_rule", "the document has no keys")
    for kind in ("correlation", "filter"):
        if kind in document:
            raise RuleFaultError(kind, PROBLEM_REASONS[kind])
    detection, logsource = document.get("detection"), document.get("logsource")
    if not isinstance(detection, dict) or not isinstance(logsource, dict):
        missing = "detection" if not isinstance(detection, dict) else "logsource"
        raise RuleFaultError("not_a_rule", f"the key {missing} is missing or has no keys")
    told = {key: value for key, value in document.items() if key != _TESTS}
    content = hash_parts(orjson.dumps(told, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))
    product, category, service = (_word(logsource.get(key)) for key in ("product", "category", "service"))
    return Draft(
        document, file.path, line, str(document.get("id") or content), str(document.get("title") or file.path),
        content, (product, category, service), _condition(detection),
    )  # fmt: skip


def _word(value: Any) -> str | None:
    return None if value is None else str(value).strip().casefold()


def level_of(draft: Draft) -> str:
    """Return the rule's level; `medium` where it names none that Sigma knows."""
    level = str(draft.meta.get("level") or "").casefold()
    return level if level in LEVELS else "medium"


def _condition(detection: dict[str, Any]) -> DraftNode:
    wanted = detection.get("condition")
    conditions = wanted if isinstance(wanted, list) else [wanted]
    if not conditions or not all(isinstance(text, str) for text in conditions):
        raise RuleFaultError("condition_invalid", "the condition is missing or no text")
    if any("|" in str(text) for text in conditions):
        raise RuleFaultError("aggregation", PROBLEM_REASONS["aggregation"])
    parts = {str(key): value for key, value in detection.items() if key != "timeframe"}
    detections = SigmaDetections.from_dict(parts)
    selections: dict[str, DraftNode] = {}
    trees = [
        _tree(condition.parse(postprocess=False), detections, selections) for condition in detections.parsed_condition
    ]
    return _group("any", trees)


def _tree(item: Any, detections: SigmaDetections, known: dict[str, DraftNode]) -> DraftNode:
    match item:
        case ConditionIdentifier():
            return _selection(item.identifier, detections, known)
        case ConditionSelector():
            names = [found.identifier for found in item.resolve_referenced_detections(detections)]
            if not names:
                raise RuleFaultError("condition_invalid", f"no selection is named like {item.pattern!r}")
            kind = "all" if item.cond_class is ConditionAND else "any"
            return _group(kind, [_selection(name, detections, known) for name in names])
        case ConditionNOT():
            return DraftGroup("not", (_tree(item.args[0], detections, known),))
        case ConditionAND() | ConditionOR():
            kind = "all" if isinstance(item, ConditionAND) else "any"
            return _group(kind, [_tree(part, detections, known) for part in item.args])
        case _:
            raise RuleFaultError("condition_invalid", "the condition cannot be read")


def _selection(name: str, detections: SigmaDetections, known: dict[str, DraftNode]) -> DraftNode:
    if name not in detections.detections:
        raise RuleFaultError("condition_invalid", f"no selection is named {name!r}")
    if name not in known:
        known[name] = DraftGroup("named", (_detection(detections.detections[name]),), name)
    return known[name]


def _detection(detection: SigmaDetection) -> DraftNode:
    kind = "all" if detection.item_linking is ConditionAND else "any"
    return _group(
        kind,
        [_detection(part) if isinstance(part, SigmaDetection) else _item(part) for part in detection.detection_items],
    )


def _item(item: SigmaDetectionItem) -> DraftNode:
    keyword = item.field is None
    values = [_group("any", [DraftLeaf(item.field, test) for test in read_value(value, keyword=keyword)])
              for value in item.value]  # fmt: skip
    if not values:
        if keyword:
            raise RuleFaultError("detection_invalid", "a list of keywords is empty")
        values = [DraftLeaf(item.field, ValueTest("missing"))]
    node = _group("all" if item.value_linking is ConditionAND else "any", values)
    return DraftGroup("not", (node,)) if item.negated else node


def _group(kind: str, parts: list[DraftNode]) -> DraftNode:
    return parts[0] if len(parts) == 1 else DraftGroup(kind, tuple(parts))


def _reason(error: Exception) -> str:
    match error:
        case SigmaRegularExpressionError() | re.error():
            return "regex_invalid"
        case SigmaConditionError():
            return "condition_invalid"
        case _:
            return "detection_invalid"


def _line_of(file: RuleFile, start: int, reason: str) -> int:
    """Return the line of the key a reason is about, at or after the line its document begins on."""
    keys = {"condition_invalid": "condition", "aggregation": "condition", "regex_invalid": "detection",
            "detection_invalid": "detection", "placeholder": "detection", "correlation": "correlation",
            "filter": "filter"}  # fmt: skip
    wanted = re.compile(rf"\s*{keys.get(reason, '~')}\s*:".encode())
    for number, line in enumerate(file.data.split(b"\n")[start - 1 :], start):
        if wanted.match(line):
            return number
    return start
