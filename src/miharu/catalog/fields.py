"""`content/ecs/fields.tsv` and `content/fields/*.yml` → which fields have a column, and of what type.

Names, types, array marks and allowed values are facts of the Elastic Common Schema
(https://www.elastic.co/docs/reference/ecs), pinned at the version in `content/ecs/version`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from miharu.catalog.located import Section, read_section
from miharu.catalog.place import content_root
from miharu.core.columns import UTC_MICROS
from miharu.core.errors import ContentError, ContentIssue

DataType: TypeAlias = pl.DataType | type[pl.DataType]

DTYPES: Final[Mapping[str, DataType]] = {
    "boolean": pl.Boolean,
    "constant_keyword": pl.String,
    "date": UTC_MICROS,
    "double": pl.Float64,
    "flattened": pl.String,
    "float": pl.Float64,
    "geo_point": pl.String,
    "integer": pl.Int64,
    "ip": pl.String,
    "keyword": pl.String,
    "long": pl.Int64,
    "match_only_text": pl.String,
    "nested": pl.String,
    "object": pl.String,
    "scaled_float": pl.Float64,
    "text": pl.String,
    "version": pl.String,
    "wildcard": pl.String,
}
"""The schema's types and the type of the column that holds them; an array field is a list of it."""

CONTAINER_TYPES: Final = frozenset({"flattened", "geo_point", "nested", "object"})
"""Types that hold further fields; nothing is mapped onto them."""

_ARRAY_MARK: Final = "[]"


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One field that may have a column; `allowed` is empty where any value is."""

    name: str
    type: str
    array: bool = False
    allowed: frozenset[str] = frozenset()

    @property
    def dtype(self) -> DataType:
        """Return the Polars type of the field's column."""
        inner = DTYPES[self.type]
        return pl.List(inner) if self.array else inner


class FieldCatalog:
    """Every field that may have a column of its own."""

    def __init__(self, fields: Mapping[str, FieldDefinition], version: str) -> None:
        self._fields = dict(fields)
        self.version = version

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __len__(self) -> int:
        return len(self._fields)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._fields)

    def get(self, name: str) -> FieldDefinition | None:
        """Return the definition of `name`, None where it is unknown."""
        return self._fields.get(name)

    def type_of(self, name: str) -> str | None:
        """Return the schema's type of `name` (`keyword`, `ip` …), None where it is unknown."""
        field = self._fields.get(name)
        return field.type if field else None

    def dtype(self, name: str) -> DataType:
        """Return the Polars type of the column `name`; KeyError where it is unknown."""
        return self._fields[name].dtype

    def is_array(self, name: str) -> bool:
        """Return whether the column `name` holds lists."""
        field = self._fields.get(name)
        return field is not None and field.array

    def allowed(self, name: str) -> frozenset[str]:
        """Return the values the schema allows for `name`; empty where any is."""
        field = self._fields.get(name)
        return field.allowed if field else frozenset()

    def suggest(self, name: str) -> str:
        """Return the known name closest to `name`, or an empty text."""
        close = get_close_matches(name, self._fields, n=1, cutoff=0.6)
        return close[0] if close else ""


def load_fields(root: Path | None = None) -> FieldCatalog:
    """Read the schema and the vendors' fields under `root` (default: the shipped content).

    Raises ContentError with every fault of every file.
    """
    folder = root or content_root()
    issues: list[ContentIssue] = []
    fields = _read_schema(folder / "ecs" / "fields.tsv", issues)
    for path in sorted((folder / "fields").glob("*.yml")):
        section = read_section(path, path.relative_to(folder).as_posix(), issues)
        if section is not None:
            _read_vendor(section, fields)
    if issues:
        raise ContentError(issues)
    version = (folder / "ecs" / "version").read_text(encoding="utf-8").strip()
    return FieldCatalog(fields, version)


def _read_schema(path: Path, issues: list[ContentIssue]) -> dict[str, FieldDefinition]:
    fields: dict[str, FieldDefinition] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines[1:], start=2):
        cells = [*line.split("\t"), "", "", ""]
        name, kind, array, allowed = cells[:4]
        if kind not in DTYPES:
            issues.append(ContentIssue(path.name, number, name, repr(kind), "a type of the schema"))
            continue
        fields[name] = FieldDefinition(name, kind, array == "array", frozenset(filter(None, allowed.split(","))))
    return fields


def _read_vendor(section: Section, fields: dict[str, FieldDefinition]) -> None:
    for name in section.names():
        written = section.text(name)
        if written is None:
            continue
        kind = written.removesuffix(_ARRAY_MARK)
        if name in fields:
            section.fault(name, "a field that is already declared", "a new name")
        elif kind not in DTYPES:
            section.fault_choice(name, kind, DTYPES, "a type of the schema")
        else:
            fields[name] = FieldDefinition(name, kind, written.endswith(_ARRAY_MARK))
