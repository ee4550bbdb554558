"""Rule files → the records that stand under `tests` at their bottom.

    tests:
      match: [a record as it is received, …]
      miss:
        - {record: another, format: json}

The key is a custom attribute of Sigma, which every tool passes over. The same keys may stand in a file beside the
rule, `NAME.tests.yml` for `NAME.yml` (with `id` where `NAME.yml` holds several rules). `format` is how a file is cut
(`lines`, `json` or `evtx`); a line that is JSON is recognised as such, so that it is seldom needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
_BESIDE: Final = (".tests.yml", ".tests.yaml")


@dataclass(frozen=True, slots=True)
class RuleSample:
    """One record, and whether the rule must hit it (`match`) or not (`miss`).

    `path` is the file it stands in, where that is not the rule's.
    """

    kind: Kind
    record: str
    line: int
    format: Format
    path: str = ""


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
    beside = _beside(file, issues)
    for node in _documents(file.data):
        values = _members(node)
        if "detection" in values:
            tests = values.get("tests")
            own = _text(values.get("id"))
            samples = list(_samples(file.path, tests, issues)) if tests is not None else []
            samples += [sample for wanted, sample in beside if wanted in {own, ""}]
            yield SampledRule(file.path, node.start_mark.line + 1, own, _text(values.get("title")), tuple(samples))


def _documents(data: bytes) -> list[MappingNode]:
    try:
        return [node for node in yaml.compose_all(data, Loader=_LOADER) if isinstance(node, MappingNode)]
    except (yaml.YAMLError, ValueError, RecursionError):
        return []


def _beside(file: RuleFile, issues: list[ContentIssue]) -> list[tuple[str, RuleSample]]:
    """Return the samples of the file of tests that stands beside a rule file, with the id of the rule they name."""
    place = Path(file.path)
    found: list[tuple[str, RuleSample]] = []
    for suffix in _BESIDE:
        tests = place.with_name(f"{place.stem}{suffix}")
        if not tests.is_file():
            continue
        documents = _documents(tests.read_bytes())
        if not documents:
            issues.append(ContentIssue(str(tests), 0, "tests", "no YAML mapping", "the keys match and miss"))
        for node in documents:
            values = _members(node)
            named = [(name, value) for name, value in node.value if name.value != "id"]
            bare = values.get("tests") or MappingNode(node.tag, named, node.start_mark, node.end_mark)
            made = _samples(str(tests), bare, issues)
            found += [(_text(values.get("id")), replace(sample, path=str(tests))) for sample in made]
    return found


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
