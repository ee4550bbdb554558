"""A rule as it is written, its filters and the tuning → the rule as a draft over Sigma field names.

A draft is not yet bound to columns. A placeholder that nothing is known about neither holds nor fails: the rule
then holds only where it would whatever the values are. So its part is false where it stands plain, and true
under an odd number of `not`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sigma.conditions import ConditionAND
from sigma.rule import SigmaDetection, SigmaDetectionItem
from sigma.types import Placeholder, SigmaExpansion, SigmaRegularExpression, SigmaString, SigmaType

from miharu.detect.conditions import Part, read_condition
from miharu.detect.detections import Detections
from miharu.detect.model import ValueTest
from miharu.detect.modifiers import with_parts
from miharu.detect.pipelines import Prepared
from miharu.detect.reading import Logsource, RuleText
from miharu.detect.tuning import Tuning
from miharu.detect.values import RuleFaultError, read_value

_MOST_VALUES: Final = 100_000


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
    """A rule that was understood; `open_placeholders` are those that nothing is known about."""

    meta: Mapping[str, Any]
    path: str
    line: int
    id: str
    title: str
    level: str
    hash: str
    logsource: Logsource
    logsource_line: int
    condition: DraftNode
    open_placeholders: tuple[str, ...] = ()


def draft_of(rule: RuleText, prepared: Prepared, tuning: Tuning) -> Draft:
    """Return the draft of a rule. Raises RuleFaultError where values, filters or pipelines leave nothing to run."""
    opened: set[str] = set()
    own = _conditions(prepared.detections, tuning, opened)
    if own is None:
        raise RuleFaultError("pipeline", "a pipeline took away everything that the rule looks for")
    parts = [own]
    for title, detections in prepared.filters:
        kept = _conditions(detections, tuning, opened)
        if kept is not None:
            parts.append(DraftGroup("named", (kept,), f"filter {title}"))
    return Draft(
        {**prepared.attributes, **rule.meta}, rule.path, rule.line, rule.id, rule.title, rule.level, rule.hash,
        prepared.logsource, rule.logsource_line, _group("all", parts), tuple(sorted(opened)),
    )  # fmt: skip


def _conditions(detections: Detections, tuning: Tuning, opened: set[str]) -> DraftNode | None:
    drafter = _Drafter(detections.selections, tuning, opened)
    trees: list[DraftNode] = []
    for text in detections.conditions:
        part, faults = read_condition(text, list(detections.selections))
        if part is None:
            raise RuleFaultError("pipeline", f"after the pipelines, {faults[0].text} in {text!r}")
        if (tree := drafter.tree(part, negated=False)) is not None:
            trees.append(tree)
    return _group("any", trees) if trees else None


@dataclass(slots=True)
class _Drafter:
    """Makes draft nodes of one rule's or filter's selections."""

    selections: Mapping[str, SigmaDetection]
    tuning: Tuning
    opened: set[str]
    known: dict[tuple[str, bool], DraftNode | None] = field(default_factory=dict)

    def tree(self, part: Part, *, negated: bool) -> DraftNode | None:
        """Return the node of a part; None where pipelines left nothing of it."""
        match part.kind:
            case "name":
                key = (part.name, negated)
                if key not in self.known:
                    inner = self._detection(self.selections[part.name], negated=negated)
                    self.known[key] = None if inner is None else DraftGroup("named", (inner,), part.name)
                return self.known[key]
            case "not":
                inner = self.tree(part.parts[0], negated=not negated)
                return None if inner is None else DraftGroup("not", (inner,))
            case _:
                return _grouped(part.kind, [self.tree(inner, negated=negated) for inner in part.parts])

    def _detection(self, detection: SigmaDetection, *, negated: bool) -> DraftNode | None:
        parts = [
            self._detection(part, negated=negated) if isinstance(part, SigmaDetection)
            else self._item(part, negated=negated)
            for part in detection.detection_items
        ]  # fmt: skip
        return _grouped("all" if detection.item_linking is ConditionAND else "any", parts)

    def _item(self, item: SigmaDetectionItem, *, negated: bool) -> DraftNode:
        inside = negated is not bool(item.negated)
        values = [self._value(item.field, value, negated=inside) for value in item.value]
        if not values:
            values = [DraftLeaf(item.field, ValueTest("missing"))]
        node = _group("all" if item.value_linking is ConditionAND else "any", values)
        return DraftGroup("not", (node,)) if item.negated else node

    def _value(self, name: str | None, value: SigmaType, *, negated: bool) -> DraftNode:
        wanted = sorted(set(_placeholders(value)))
        unknown = [found for found in wanted if self.tuning.values_of(found) is None]
        if unknown:
            self.opened.update(unknown)
            text = f"{name or 'keyword'}: no value is known for {', '.join(f'%{found}%' for found in unknown)}"
            return DraftGroup("named", (DraftGroup("all" if negated else "any", ()),), text)
        tests = [
            test
            for filled in (_filled(value, self.tuning) if wanted else [value])
            for test in read_value(filled, keyword=name is None)
        ]
        if not tests:
            text = f"{name or 'keyword'}: {', '.join(f'%{found}%' for found in wanted)} has no values"
            return DraftGroup("named", (DraftGroup("any", ()),), text)
        return _group("any", [DraftLeaf(name, test) for test in dict.fromkeys(tests)])


def _placeholders(value: SigmaType) -> Iterator[str]:
    match value:
        case SigmaExpansion():
            for inner in value.values:
                yield from _placeholders(inner)
        case SigmaRegularExpression():
            yield from _placeholders(value.regexp)
        case SigmaString():
            yield from (part.name for part in value.s if isinstance(part, Placeholder))


def _filled(value: SigmaType, tuning: Tuning) -> list[SigmaType]:
    """Return a value with each value of its placeholders in their place."""
    match value:
        case SigmaExpansion():
            return [filled for inner in value.values for filled in _filled(inner, tuning)]
        case SigmaRegularExpression():
            texts = [str(text) for text in _texts(value.regexp, tuning, escaped=False)]
            return [SigmaRegularExpression(text, value.flags) for text in texts]
        case SigmaString():
            return [*_texts(value, tuning, escaped=True)]
        case _:
            return [value]


def _texts(value: SigmaString, tuning: Tuning, *, escaped: bool) -> list[SigmaString]:
    made: list[list[Any]] = [[]]
    for part in value.s:
        if isinstance(part, Placeholder):
            known = [SigmaString(text, escape=escaped).s for text in tuning.values_of(part.name) or ()]
            if len(made) * len(known) > _MOST_VALUES:
                raise RuleFaultError("placeholder", f"%{part.name}% makes more than {_MOST_VALUES:,} values")
            made = [[*head, *tail] for head in made for tail in known]
        else:
            made = [[*head, part] for head in made]
    return [with_parts(value, parts) for parts in made]


def _grouped(kind: str, parts: Sequence[DraftNode | None]) -> DraftNode | None:
    kept = [part for part in parts if part is not None]
    return _group(kind, kept) if kept else None


def _group(kind: str, parts: Sequence[DraftNode]) -> DraftNode:
    return parts[0] if len(parts) == 1 else DraftGroup(kind, tuple(parts))
