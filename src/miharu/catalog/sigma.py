"""`content/sigma/*.yml` → which rows a Sigma logsource means, and which columns its fields are.

A file describes one family of log sources (a product, several that are told alike, or the generic categories):
tests over batch columns for the family, for each category and for each service, and the columns that hold each
Sigma field. The vocabulary of tests is closed: equals, one of, starts with; all compare without regard to case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from miharu.catalog.located import Section, describe, read_section
from miharu.catalog.place import content_root
from miharu.core.errors import ContentError, ContentIssue
from miharu.core.identity import hash_parts

_FAMILY_KEYS: Final = ("product", "title", "where", "default", "entity", "fields", "categories", "services")
_SCOPE_KEYS: Final = ("where", "fields", "entity")
_PLACE: Final = "{field}"


@dataclass(frozen=True, slots=True)
class RowTest:
    """One test of a row: the column's value is (or with `starts` begins with) one of `values`, case-folded."""

    column: str
    values: tuple[str, ...]
    starts: bool = False

    def holds(self, value: str | None) -> bool:
        """Return whether a value of the column passes (None never does)."""
        if value is None:
            return False
        folded = value.casefold()
        return folded.startswith(self.values) if self.starts else folded in self.values


RowCondition: TypeAlias = tuple[tuple[RowTest, ...], ...]
"""Alternatives, each a conjunction: `((),)` holds for every row, `()` for none."""

EVERY_ROW: Final[RowCondition] = ((),)


@dataclass(frozen=True, slots=True)
class FieldTarget:
    """Columns of one Sigma field: the first that is not null, or with `every` all of them at once."""

    columns: tuple[str, ...]
    every: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """A family, or one of its categories or services."""

    where: RowCondition = EVERY_ROW
    fields: Mapping[str, FieldTarget] = field(default_factory=dict)
    entity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """All that is known of one product, or of the generic categories (`product` is None)."""

    product: str | None
    base: Scope
    default: tuple[str, ...]
    categories: Mapping[str, Scope]
    services: Mapping[str, Scope]


@dataclass(frozen=True, slots=True)
class Route:
    """One logsource, resolved: `conditions` must all hold for a row."""

    name: str
    conditions: tuple[RowCondition, ...]
    scopes: tuple[Scope, ...]
    default: tuple[str, ...]

    @property
    def entity(self) -> tuple[str, ...]:
        """Return the columns that say who or what a finding is about."""
        return next((scope.entity for scope in self.scopes if scope.entity), ())

    def target(self, name: str) -> FieldTarget:
        """Return the columns of a Sigma field."""
        for scope in self.scopes:
            if name in scope.fields:
                return scope.fields[name]
        return FieldTarget(tuple(dict.fromkeys(part.replace(_PLACE, name) for part in self.default)))


@dataclass(frozen=True, slots=True)
class SigmaMapping:
    """Every family; `digest` is a hash of the files they were read from."""

    families: tuple[Family, ...]
    digest: str

    def resolve(self, product: str | None, category: str | None, service: str | None) -> tuple[Route, ...]:
        """Return the routes of a logsource; none where nothing is known of it.

        A logsource without a product means the generic category or service and that of every product.
        """
        named = [family for family in self.families if product is None or family.product == product]
        routes = [route for family in named if (route := _route(family, category, service)) is not None]
        if not routes and product is not None and category is not None and service is None:
            generic = [family for family in self.families if family.product is None]
            routes = [route for family in generic if (route := _route(family, category, service)) is not None]
        return tuple(routes)


def load_sigma_mapping(folder: Path | None = None) -> SigmaMapping:
    """Read all files of `folder` (default: the shipped ones). Raises ContentError with every fault found."""
    root = folder or content_root() / "sigma"
    issues: list[ContentIssue] = []
    files = sorted(root.glob("*.yml"))
    families = [family for path in files for family in _families(path, issues)]
    if not files:
        issues.append(ContentIssue(str(root), 0, "", "no .yml file", "at least one family of log sources"))
    if issues:
        raise ContentError(issues)
    return SigmaMapping(tuple(families), hash_parts(*(path.read_bytes() for path in files)))


def _route(family: Family, category: str | None, service: str | None) -> Route | None:
    if family.product is None and category is None and service is None:
        return None
    scopes: list[Scope] = []
    for name, known in ((service, family.services), (category, family.categories)):
        if name is None:
            continue
        if name not in known:
            return None
        scopes.append(known[name])
    scopes.append(family.base)
    name = "/".join(part or "*" for part in (family.product, category, service))
    return Route(name, tuple(scope.where for scope in scopes), tuple(scopes), family.default)


def _families(path: Path, issues: list[ContentIssue]) -> list[Family]:
    """Return the family of a file once for each product it names."""
    section = read_section(path, f"content/sigma/{path.name}", issues)
    if section is None:
        return []
    section.only(*_FAMILY_KEYS)
    default = section.texts("default")
    for text in default:
        if _PLACE not in text:
            section.fault("default", repr(text), f"a column name with {_PLACE} in it")
    base, categories, services = _scope(section), _scopes(section, "categories"), _scopes(section, "services")
    products = section.texts("product") or (None,)
    return [Family(product, base, default, categories, services) for product in products]


def _scopes(section: Section, name: str) -> dict[str, Scope]:
    inner = section.section(name)
    if inner is None:
        return {}
    found: dict[str, Scope] = {}
    for key in inner.names():
        node = inner.node(key)
        if isinstance(node, MappingNode) and {str(item.value) for item, _ in node.value} <= set(_SCOPE_KEYS):
            scope = inner.section(key)
            found[key] = _scope(scope) if scope else Scope()
        else:
            found[key] = Scope(where=_condition(inner, key, node))
    return found


def _scope(section: Section) -> Scope:
    where = _condition(section, "where", section.node("where")) if "where" in section else EVERY_ROW
    return Scope(where, _fields(section), section.texts("entity"))


def _condition(section: Section, key: str, node: Node | None) -> RowCondition:
    parts = node.value if isinstance(node, SequenceNode) else [node]
    return tuple(_conjunction(section, key, part) for part in parts)


def _conjunction(section: Section, key: str, node: Node | None) -> tuple[RowTest, ...]:
    if not isinstance(node, MappingNode) or not node.value:
        found = describe(node) if node is not None else "nothing"
        section.fault(key, found, "columns with the values they must have", line=_line(node))
        return ()
    return tuple(_test(section, key, name, wanted) for name, wanted in node.value)


def _test(section: Section, key: str, name: Node, wanted: Node) -> RowTest:
    starts = isinstance(wanted, MappingNode)
    if isinstance(wanted, MappingNode):
        if [str(test.value) for test, _ in wanted.value] != ["starts"]:
            section.fault(f"{key}.{name.value}", describe(wanted), "a value, a list, or `starts`", line=_line(wanted))
            return RowTest(str(name.value), ())
        wanted = wanted.value[0][1]
    items = wanted.value if isinstance(wanted, SequenceNode) else [wanted]
    if not items or not all(isinstance(item, ScalarNode) and item.value for item in items):
        section.fault(f"{key}.{name.value}", describe(wanted), "a value or a list of values", line=_line(wanted))
        return RowTest(str(name.value), ())
    return RowTest(str(name.value), tuple(str(item.value).casefold() for item in items), starts)


def _fields(section: Section) -> dict[str, FieldTarget]:
    inner = section.section("fields")
    if inner is None:
        return {}
    found: dict[str, FieldTarget] = {}
    for name in inner.names():
        node = inner.node(name)
        if isinstance(node, MappingNode):
            every = inner.section(name)
            columns = every.texts("every") if every else ()
            if every:
                every.only("every")
            found[name] = FieldTarget(columns, every=True)
        else:
            found[name] = FieldTarget(inner.texts(name))
        if not found[name].columns:
            inner.fault(name, "no column", "a column, a list of columns, or `every` with a list")
    return found


def _line(node: Node | None) -> int:
    mark: yaml.Mark | None = node.start_mark if node is not None else None
    return mark.line + 1 if mark else 0
