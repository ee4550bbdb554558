"""Compiled rules: what loading makes and what the detector runs.

A rule's condition is a tree of nodes whose leaves name predicates by number. A predicate is one test of one
field; equal predicates of all rules share a number, so that each is judged once per distinct value.
All of it is plain data, without cycles, so that the garbage collector need not look at it (`gc=False`); it is
kept on disk as MessagePack.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

KEYWORDS: Final = -1
"""Number of the field that stands for every value of the event."""

Op: TypeAlias = Literal[
    "equals", "starts", "ends", "contains", "glob", "regex", "number", "lt", "lte", "gt", "gte", "neq", "cidr",
    "exists", "missing", "empty", "ref", "minute", "hour", "day", "week", "month", "year",
]  # fmt: skip

ABSENT_OPS: Final = frozenset({"missing", "empty"})
"""Tests that hold for a field that has no value."""

Segments: TypeAlias = tuple[tuple[str | None, ...], ...]
"""A wildcard pattern cut at its `*`; within a segment None is `?`, one character."""


class ValueTest(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One test of a value.

    `value` is the text, pattern, number or network wanted; of a regex `flags` are some of `ims`, of a field
    reference one of `equals`, `starts`, `ends`, `contains`, of a part of a time one of `lt`, `lte`, `gt`, `gte`
    or nothing for equality.
    """

    op: Op
    value: str = ""
    cased: bool = False
    segments: Segments = ()
    flags: str = ""


class Predicate(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A test of a field (a number in `RuleSet.fields`); `other` is the field a reference is compared with."""

    field: int
    test: ValueTest
    other: int = KEYWORDS


class FieldColumns(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Columns that hold a field: the first that is not null, or all of them where `every`."""

    columns: tuple[str, ...]
    every: bool = False


class Leaf(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="leaf"):
    """A predicate by number, and the name the rule gives its field (empty for a keyword)."""

    predicate: int
    name: str


class AllOf(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="all"):
    """Holds when every part does."""

    parts: tuple[Node, ...]


class AnyOf(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="any"):
    """Holds when a part does."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="not"):
    """Holds when its part does not."""

    part: Node


class Named(msgspec.Struct, frozen=True, gc=False, array_like=True, tag="named"):
    """A selection under the name the rule gives it."""

    name: str
    part: Node


Node: TypeAlias = Leaf | AllOf | AnyOf | Not | Named


class Variant(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A rule's condition over the columns of one route; `fields` are the numbers it looks at.

    `keys` are predicates of which one must hold for the condition to (None: it may always hold); `keywords` those of
    its predicates that look at every value of the event.
    """

    route: int
    condition: Node
    fields: tuple[int, ...]
    entity: tuple[str, ...]
    keys: tuple[int, ...] | None = None
    keywords: tuple[int, ...] = ()


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A rule that can run. `hash` is that of its content; `line` where its document begins."""

    id: str
    title: str
    level: str
    tags: tuple[str, ...]
    hash: str
    path: str
    line: int
    logsource: str
    status: str
    description: str
    variants: tuple[Variant, ...]
    about: str = "{}"

    def attributes(self) -> dict[str, Any]:
        """Return all further keys of the document, custom ones too, as they stand there."""
        found: dict[str, Any] = msgspec.json.decode(self.about)
        return found


class RouteSpec(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A logsource: `conditions` must all hold; each is alternatives of conjunctions of (column, values, starts)."""

    name: str
    conditions: tuple[tuple[tuple[tuple[str, tuple[str, ...], bool], ...], ...], ...]


class RuleFault(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong with a rule: where, what stands there, what should, and what may help."""

    line: int
    key: str
    reason: str
    text: str
    found: str = ""
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Render as `line N: key: text: found x, expected y (hint)`."""
        wanted = f"expected {self.expected}" if self.expected else ""
        contrast = ", ".join(filter(None, (f"found {self.found}" if self.found else "", wanted)))
        told = ": ".join(filter(None, (f"line {self.line}" if self.line else "", self.key, self.text, contrast)))
        return f"{told} ({self.hint})" if self.hint else told


class RuleProblem(msgspec.Struct, frozen=True, order=True):
    """A rule that cannot run (or a note about one), why, and what would help. Line 0 is unknown.

    `faults` are all that are wrong with it; line, reason and text are those of the first.
    """

    path: str
    line: int
    rule_id: str
    title: str
    reason: str
    text: str
    remedy: str
    faults: tuple[RuleFault, ...] = ()

    def __str__(self) -> str:
        """Render as `path:line: reason: text (remedy)`."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.reason}: {self.text} ({self.remedy})"


PROBLEM_REASONS: Final[dict[str, str]] = {
    "yaml_invalid": "the file is not valid YAML",
    "unreadable": "the file or archive cannot be read",
    "not_a_rule": "the document is not a Sigma rule",
    "correlation": "Sigma correlations do not run yet",
    "filter": "the filter lacks what the specification wants",
    "pipeline": "a processing pipeline cannot be used, or refuses the rule",
    "aggregation": "aggregations in a condition (after `|`) were replaced by correlations and do not run",
    "detection_invalid": "the detection has a construct that Sigma does not define",
    "condition_invalid": "the condition cannot be read or names what is not there",
    "regex_invalid": "a regular expression cannot be compiled",
    "regex_costly": "a regular expression could take exponential time and no linear engine takes it",
    "placeholder": "the values of a placeholder cannot stand where the rule has it",
    "logsource_unmapped": "no log source is mapped for the rule's logsource",
    "duplicate": "another rule has the same id",
}
"""Reason codes of `RuleProblem`."""

NOTE_REASONS: Final[dict[str, str]] = {
    "placeholder_open": "no value is known for a placeholder; the rule holds only where the values do not matter",
    "retired": "the rule is deprecated or unsupported, and not loaded unless asked for",
    "superseded": "a newer rule says that it replaces this one, which is not loaded unless asked for",
    "filter_unused": "the filter applies to no rule",
    "filter_keeps": "the filter does not exclude what it describes but keeps nothing else",
    "pipeline_part": "a part of a processing pipeline is for other engines and does nothing here",
    "level_unknown": "the level is none that Sigma knows; the rule runs as medium",
}
"""Reason codes of what is worth knowing about rules though nothing is wrong (`RuleSet.notes`)."""


class Engine(msgspec.Struct, array_like=True):
    """Pattern databases of one field. `literals` are case-folded and numbered by place.

    `regexes` pairs predicate number with how far the pattern engine can be trusted: `exact`, `prefilter`
    (it finds too much) or `none` (it does not take the pattern).
    """

    field: int
    literals: tuple[str, ...]
    literal_database: bytes
    regexes: tuple[tuple[int, str], ...]
    regex_database: bytes


class RuleSet(msgspec.Struct):
    """All rules that run, all that cannot, and the tables their numbers point into.

    `notes` are what is worth knowing though nothing is wrong, by `NOTE_REASONS`.
    """

    rules: list[Rule]
    problems: list[RuleProblem]
    predicates: list[Predicate]
    fields: list[FieldColumns]
    routes: list[RouteSpec]
    engines: list[Engine]
    notes: list[RuleProblem] = []

    def find(self, rule_id: str) -> Rule | None:
        """Return the rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


def keyword_text(test: ValueTest) -> str:
    """Return a keyword as a person reads it."""
    if test.op != "glob":
        return test.value
    return "*".join("".join("?" if part is None else part for part in segment) for segment in test.segments)
