"""A rule and an event → the rule's condition as a tree, with what each part looked at and found.

Verdicts here come from the plain definition of every test (`judging`), not from the ways the detector takes;
only regular expressions are asked of the detector's own matchers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import orjson
import polars as pl

from miharu.detect.columns import BatchColumns
from miharu.detect.eventvalues import EventValues
from miharu.detect.judging import TIME_OPS, Judge, text_holds
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import (
    KEYWORDS,
    AllOf,
    AnyOf,
    FieldColumns,
    Leaf,
    Named,
    Node,
    Not,
    Op,
    Predicate,
    RuleSet,
    ValueTest,
    Variant,
    keyword_text,
)

Kind: TypeAlias = Literal["rule", "selection", "all", "any", "not", "test"]

_SHOWN: Final = 200
_WORDS: Final[dict[Op, str]] = {
    "equals": "is", "starts": "starts with", "ends": "ends with", "contains": "contains", "glob": "is like",
    "regex": "matches", "number": "is", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥", "neq": "≠",
    "cidr": "is in", "exists": "exists", "missing": "has no value", "empty": "is empty or has no value",
    "minute": "has the minute", "hour": "has the hour", "day": "has the day", "week": "has the week",
    "month": "has the month", "year": "has the year",
}  # fmt: skip
_ORDERS: Final = {"lt": "before", "lte": "no later than", "gt": "after", "gte": "no earlier than"}
_REFERENCES: Final = {"equals": "is the same as", "starts": "starts with", "ends": "ends with", "contains": "contains"}
_GROUPS: Final[dict[str, str]] = {"all": "all of", "any": "any of", "not": "not"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A part of a condition and whether it holds.

    Of a `test` also: `field` (the rule's name; empty for a keyword), `column` it was read from, `operator`,
    `wanted` and the event's `value` (None: there is none). `label` says all of it in one line.
    """

    kind: Kind
    label: str
    verdict: bool
    children: tuple[Explanation, ...] = ()
    field: str = ""
    column: str = ""
    operator: str = ""
    wanted: str = ""
    value: str | None = None

    def pruned(self) -> Explanation:
        """Return the tree with only what decided: of a true `any` the true parts, of a false `all` the false."""
        deciding = {("any", True): True, ("all", False): False}.get((self.kind, self.verdict))
        kept = [child for child in self.children if deciding is None or child.verdict is deciding]
        return replace(self, children=tuple(child.pruned() for child in kept))


class Explainer:
    """Explains rules of one rule set on one event."""

    def __init__(self, ruleset: RuleSet, matchers: Sequence[FieldMatcher], event: pl.DataFrame) -> None:
        self._ruleset = ruleset
        self._matchers = matchers
        self._columns = BatchColumns(event)
        self._columns.read_leftovers({name for spec in ruleset.fields for name in spec.columns})
        self._values = EventValues(event, self._columns)
        self._judge = Judge()

    def explain(self, title: str, variant: Variant) -> Explanation:
        """Return why a rule holds for the event, or why it does not."""
        inner = self._node(variant.condition)
        return Explanation("rule", title, inner.verdict, (inner,))

    def _node(self, node: Node) -> Explanation:
        match node:
            case Leaf():
                return self._leaf(node)
            case Named():
                inner = self._node(node.part)
                # A placeholder without values is a name with nothing in it.
                inside = () if inner.kind in {"all", "any"} and not inner.children else (inner,)
                return Explanation("selection", node.name, inner.verdict, inside)
            case Not():
                inner = self._node(node.part)
                return Explanation("not", _GROUPS["not"], not inner.verdict, (inner,))
            case AllOf():
                parts = tuple(self._node(part) for part in node.parts)
                return Explanation("all", _GROUPS["all"], all(part.verdict for part in parts), parts)
            case AnyOf():
                parts = tuple(self._node(part) for part in node.parts)
                return Explanation("any", _GROUPS["any"], any(part.verdict for part in parts), parts)

    def _leaf(self, leaf: Leaf) -> Explanation:
        predicate = self._ruleset.predicates[leaf.predicate]
        if predicate.field == KEYWORDS:
            return self._keyword(predicate.test)
        column, values = self._read(self._ruleset.fields[predicate.field])
        operator, wanted = _told(predicate.test)
        if predicate.test.op == "ref":
            other, theirs = self._read(self._ruleset.fields[predicate.other])
            wanted = f"{predicate.test.value} ({other}: {_shown(theirs)})"
            verdict = _refers(predicate, values, theirs)
        else:
            verdict = self._holds(leaf.predicate, predicate, values)
        label = " ".join(filter(None, (leaf.name, operator, wanted))) + f" ⟵ {column}: {_shown(values)}"
        value = None if not values else values[0] if len(values) == 1 else orjson.dumps(values).decode()
        return Explanation("test", label, verdict, (), leaf.name, column, operator, wanted, value)

    def _holds(self, number: int, predicate: Predicate, values: Sequence[str]) -> bool:
        if predicate.test.op != "regex":
            return self._judge.holds(predicate.test, values)
        # Two engines must agree on a pattern; only the matcher asks both.
        return any(self._matchers[predicate.field].holds(number, value) for value in values)

    def _keyword(self, test: ValueTest) -> Explanation:
        texts = [*self._values.raw(0), *self._values.columns(0)]
        found = [text for text in texts if self._judge.holds_for(test, text)]
        wanted = keyword_text(test)
        label = f"any value contains {wanted!r} ⟵ {_shown(found[:1])}"
        return Explanation("test", label, bool(found), (), "", "", "contains", wanted, found[0] if found else None)

    def _read(self, spec: FieldColumns) -> tuple[str, list[str]]:
        """Return the column (or columns) that gave the field's values, and the values."""
        held: dict[str, list[str]] = {}
        for name, column in self._columns.at(spec.columns, np.zeros(1, dtype=np.uint32)).items():
            text = column.texts[0]
            if text is not None:
                held[name] = orjson.loads(text) if column.lists else [text]
                if not spec.every:
                    break
        if not held:
            return spec.columns[0], []
        return ", ".join(held), [value for values in held.values() for value in values]


def _refers(predicate: Predicate, ours: Sequence[str], theirs: Sequence[str]) -> bool:
    test = predicate.test
    return any(text_holds(test.flags, our, their, cased=test.cased) for our in ours for their in theirs)


def _told(test: ValueTest) -> tuple[str, str]:
    if test.op == "ref":
        return _REFERENCES[test.flags] + (" (case matters)" if test.cased else ""), test.value
    if test.op in TIME_OPS and test.flags:
        return f"has the {test.op} {_ORDERS[test.flags]}", test.value
    word = _WORDS[test.op] + (" (case matters)" if test.cased and test.op != "regex" else "")
    if test.op in {"exists", "missing", "empty"}:
        return word, ""
    if test.op == "glob":
        return word, repr(keyword_text(test))
    if test.op == "regex":
        return word, f"/{test.value}/{test.flags}"
    return word, test.value if test.op in {"number", "cidr"} or not test.value else repr(test.value)


def _shown(values: Sequence[str]) -> str:
    if not values:
        return "no value"
    text = ", ".join(repr(value) for value in values)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
