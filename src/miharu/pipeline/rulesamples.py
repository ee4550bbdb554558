"""Rule files → the records that stand under `tests` at their bottom.

    tests:
      match: [a record as it is received, …]
      miss:
        - {record: another, format: json}

The key is a custom attribute of Sigma, which every tool passes over. `format` is how a file is cut (`lines`, `json`
or `evtx`); a line that is JSON is recognised as such, so that it is seldom needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from miharu.core.chunk import Format
from miharu.core.errors import ContentError, ContentIssue
from miharu.detect import RuleFile, rule_files

Kind: TypeAlias = Literal["match", "miss"]

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class RuleSample:
    """One record, and whether the rule must hit it (`match`) or not (`miss`)."""

    kind: Kind
    record: str
    line: int
    format: Format


@dataclass(frozen=True, slots=True)
class SampledRule:
    """One rule's samples; `line` is where its document begins in the file `path`."""

    path: str
    line: int
    id: str
    title: str
    samples: tuple[RuleSample, ...]


def read_sampled_rules(paths: Sequence[Path]) -> list[SampledRule]:
    """Return every rule under `paths` with its samples, which may be none.

    Files that cannot be read as YAML are left out: that they cannot run is said where rules are loaded. Raises
    ContentError with every fault of the `tests` blocks.
    """
    issues: list[ContentIssue] = []
    found = [rule for file in rule_files(paths) for rule in _rules(file, issues)]
    if issues:
        raise ContentError(issues)
    return found


def _rules(file: RuleFile, issues: list[ContentIssue]) -> Iterator[SampledRule]:
    try:
        documents = list(yaml.compose_all(file.data, Loader=_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    for node in documents:
        if not isinstance(node, MappingNode):
            continue
        values = _members(node)
        if "detection" in values:
            tests = values.get("tests")
            samples = tuple(_samples(file.path, tests, issues)) if tests is not None else ()
            line = node.start_mark.line + 1
            yield SampledRule(file.path, line, _text(values.get("id")), _text(values.get("title")), samples)


def _samples(path: str, node: Node, issues: list[ContentIssue]) -> Iterator[RuleSample]:
    if not isinstance(node, MappingNode):
        issues.append(_issue(path, node, "tests", "the keys match and miss, each with a list of records"))
        return
    for name, value in node.value:
        if name.value not in get_args(Kind):
            issues.append(ContentIssue(path, _line(name), f"tests.{name.value}", repr(name.value), "match or miss"))
        elif not isinstance(value, SequenceNode):
            issues.append(_issue(path, value, f"tests.{name.value}", "a list of records"))
        else:
            made = (_sample(path, name.value, item, issues) for item in value.value)
            yield from (sample for sample in made if sample is not None)


def _sample(path: str, kind: Kind, node: Node, issues: list[ContentIssue]) -> RuleSample | None:
    if isinstance(node, ScalarNode) and node.value:
        return RuleSample(kind, node.value, _line(node), "lines")
    values = _members(node) if isinstance(node, MappingNode) else {}
    record, chosen = _text(values.get("record")), _text(values.get("format")) or "lines"
    if not record or values.keys() - {"record", "format"}:
        issues.append(_issue(path, node, f"tests.{kind}", "a record, or the keys record and format"))
        return None
    known = next((one for one in _FORMATS if one == chosen), None)
    if known is None:
        issues.append(ContentIssue(path, _line(node), f"tests.{kind}", repr(chosen), f"one of {', '.join(_FORMATS)}"))
        return None
    return RuleSample(kind, record, _line(node), known)


def _members(node: MappingNode) -> dict[str, Node]:
    return {name.value: value for name, value in node.value if isinstance(name, ScalarNode)}


def _text(node: Node | None) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _issue(path: str, node: Node, key: str, expected: str) -> ContentIssue:
    shown = (
        repr(node.value)[:_SHOWN]
        if isinstance(node, ScalarNode)
        else "a mapping"
        if isinstance(node, MappingNode)
        else "a list"
    )
    return ContentIssue(path, _line(node), key, shown, expected)
