"""Drafts and the mapping → rules over numbered predicates, columns and routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from miharu.catalog import FieldTarget, Route, SigmaMapping
from miharu.detect.drafts import Draft, DraftLeaf, DraftNode
from miharu.detect.model import (
    KEYWORDS,
    AllOf,
    AnyOf,
    FieldColumns,
    Leaf,
    Named,
    Node,
    Not,
    Predicate,
    RouteSpec,
    Rule,
    RuleProblem,
    RuleSet,
    Variant,
)
from miharu.detect.problems import problem

_TOLD: Final = frozenset({"id", "title", "level", "tags", "status", "description", "logsource", "detection", "tests"})
"""Keys of a document that a rule has fields for, or that are long and stay in its file."""


class Linker:
    """Gives equal columns, tests and routes one number each, over all rules."""

    def __init__(self, mapping: SigmaMapping) -> None:
        self._mapping = mapping
        self._fields: dict[FieldColumns, int] = {}
        self._predicates: dict[Predicate, int] = {}
        self._routes: dict[RouteSpec, int] = {}
        self._rules: dict[str, Rule] = {}
        self.problems: list[RuleProblem] = []

    def add(self, draft: Draft) -> None:
        """Bind one rule to columns, or note why it cannot be."""
        routes = self._mapping.resolve(*draft.logsource)
        if not routes:
            text = f"no log source is mapped for {_logsource(draft)}"
            self.problems.append(problem(draft, "logsource_unmapped", text, line=draft.logsource_line, meta=draft.meta))
            return
        if (other := self._rules.get(draft.id)) is not None:
            same = "with the same content" if other.hash == draft.hash else "with other content"
            text = f"the rule at {other.path} has the same id, {same}"
            self.problems.append(problem(draft, "duplicate", text, line=draft.line, meta=draft.meta))
            return
        self._rules[draft.id] = Rule(
            id=draft.id,
            title=draft.title,
            level=draft.level,
            tags=tuple(str(tag) for tag in draft.meta.get("tags") or ()),
            hash=draft.hash,
            path=draft.path,
            line=draft.line,
            logsource=_logsource(draft),
            status=str(draft.meta.get("status") or ""),
            description=str(draft.meta.get("description") or ""),
            variants=tuple(self._variant(draft, route) for route in routes),
            about=_about(draft.meta),
        )

    def finish(self, problems: Sequence[RuleProblem], notes: Sequence[RuleProblem]) -> RuleSet:
        """Return the rule set, without engines, with earlier problems and those found here."""
        return RuleSet(
            rules=list(self._rules.values()),
            problems=sorted([*problems, *self.problems]),
            predicates=list(self._predicates),
            fields=list(self._fields),
            routes=list(self._routes),
            engines=[],
            notes=sorted(notes),
        )

    def _variant(self, draft: Draft, route: Route) -> Variant:
        binding = _Binding(self, route)
        node = binding.node(draft.condition)
        return Variant(self._route(route), node, tuple(sorted(binding.used)), _entity(draft, route))

    def field(self, target: FieldTarget) -> int:
        """Return the number of a field's columns."""
        columns = FieldColumns(target.columns, target.every)
        return self._fields.setdefault(columns, len(self._fields))

    def predicate(self, predicate: Predicate) -> int:
        """Return the number of a predicate."""
        return self._predicates.setdefault(predicate, len(self._predicates))

    def _route(self, route: Route) -> int:
        conditions = tuple(
            tuple(tuple((test.column, test.values, test.starts) for test in part) for part in condition)
            for condition in route.conditions
        )
        return self._routes.setdefault(RouteSpec(route.name, conditions), len(self._routes))


class _Binding:
    """One rule's condition over one route's columns."""

    def __init__(self, linker: Linker, route: Route) -> None:
        self._linker = linker
        self._route = route
        self.used: set[int] = set()

    def node(self, draft: DraftNode) -> Node:
        if isinstance(draft, DraftLeaf):
            return self._leaf(draft)
        parts = tuple(self.node(part) for part in draft.parts)
        match draft.kind:
            case "all":
                return AllOf(parts)
            case "any":
                return AnyOf(parts)
            case "not":
                return Not(parts[0])
            case _:
                return Named(draft.name, parts[0])

    def _leaf(self, leaf: DraftLeaf) -> Node:
        number = KEYWORDS if leaf.name is None else self._field(leaf.name)
        other = self._field(leaf.test.value) if leaf.test.op == "ref" else KEYWORDS
        predicate = self._linker.predicate(Predicate(number, leaf.test, other))
        return Leaf(predicate, leaf.name or "")

    def _field(self, name: str) -> int:
        number = self._linker.field(self._route.target(name))
        self.used.add(number)
        return number


def _entity(draft: Draft, route: Route) -> tuple[str, ...]:
    own = draft.meta.get("miharu")
    wanted = own.get("entity") if isinstance(own, dict) else None
    if isinstance(wanted, str):
        return (wanted,)
    if isinstance(wanted, list) and wanted and all(isinstance(name, str) for name in wanted):
        return tuple(wanted)
    return route.entity


def _about(meta: Mapping[str, Any]) -> str:
    further = {str(key): value for key, value in meta.items() if key not in _TOLD}
    return orjson.dumps(further, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _logsource(draft: Draft) -> str:
    product, category, service = draft.logsource
    named = [("product", product), ("category", category), ("service", service)]
    return ", ".join(f"{key} {value}" for key, value in named if value is not None) or "an empty logsource"
