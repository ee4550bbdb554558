"""Names of fields → the columns they mean here, with the SQL that reads them, or a QueryError that suggests a name."""

from __future__ import annotations

import difflib
import fnmatch
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from miharu.core.columns import EVENT_ORIGINAL, LEFTOVERS
from miharu.core.errors import QueryError
from miharu.search.literals import name_literal, text_literal
from miharu.search.plan import Name

Kind: TypeAlias = Literal["text", "number", "time", "bool"]

RAW: Final = (EVENT_ORIGINAL, "message")
"""Columns with a text index: bare words are searched here, and `message : word` looks for words."""

_WRAPPERS: Final = re.compile(r"(?P<wrapper>Nullable|LowCardinality|Array)\((?P<inner>.*)\)", re.DOTALL)
_SIMILAR: Final = 0.84
_PLAIN_KEY: Final = re.compile(r"[\w@.\-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """How a field is read: `sql` gives its value (a list of values if `listed`), null only if `nullable`.

    `elements` is the SQL of a list to look in where that differs from the value (fields kept as JSON), `needed` a
    cheap condition without which the field is not there at all.
    """

    sql: str
    kind: Kind
    listed: bool = False
    nullable: bool = True
    words: bool = False
    elements: str = ""
    needed: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean at one point of the pipe."""

    columns: Mapping[str, Column]
    raw: tuple[Column, ...] = ()
    leftovers: Column | None = None
    hidden: Mapping[str, Column] = field(default_factory=dict)

    def find(self, name: Name) -> Column:
        """Return the column of a field. Raises QueryError, with a suggestion where a name comes close."""
        found = self.columns.get(name.text)
        if found is not None:
            return found
        close = None if name.exact and self.leftovers is not None else self._similar(name.text)
        if close is not None:
            text = f"There is no field {name.text!r}"
            escape = f" (`{name.text}` in backticks looks among the unmapped fields)" if self.leftovers else ""
            raise QueryError(text, name.position, f"did you mean {close}?{escape}")
        if self.leftovers is None:
            names = ", ".join(list(self.columns)[:8])
            raise QueryError(f"There is no column {name.text!r} here", name.position, f"there are {names}")
        return _leftover(name.text, self.leftovers)

    def match(self, name: Name) -> dict[str, Column]:
        """Return the columns whose names fit a name with `*`. Raises QueryError if there is none."""
        found = {known: self.columns[known] for known in fnmatch.filter(self.columns, name.text.replace("[", "[[]"))}
        if not found:
            raise QueryError(f"No column is named like {name.text!r}", name.position, "check the name")
        return found

    def _similar(self, text: str) -> str | None:
        lowered = {name.lower(): name for name in self.columns}
        for close in difflib.get_close_matches(text.lower(), list(lowered), n=3, cutoff=_SIMILAR):
            # Names that differ by a number only are different fields, not slips.
            if re.sub(r"\d+", "", close) != re.sub(r"\d+", "", text.lower()) or close == text.lower():
                return lowered[close]
        return None


def base_scope(types: Mapping[str, str]) -> Scope:
    """Return the scope of stored events; `types` are column names with their ClickHouse types."""
    columns = {name: _stored(name, kind) for name, kind in types.items()}
    raw = tuple(columns[name] for name in RAW if name in columns)
    return Scope(columns, raw, columns.get(LEFTOVERS))


def _stored(name: str, declared: str) -> Column:
    wrappers, inner = [], declared.strip()
    while match := _WRAPPERS.fullmatch(inner):
        wrappers.append(match["wrapper"])
        inner = match["inner"].strip()
    column = Column(name_literal(name), _kind(inner), "Array" in wrappers, "Nullable" in wrappers)
    return replace(column, words=True) if name in RAW and not column.listed else column


def _kind(declared: str) -> Kind:
    if declared == "Bool":
        return "bool"
    if declared.startswith("Date"):
        return "time"
    return "number" if declared.startswith(("Int", "UInt", "Float", "Decimal")) else "text"


def _leftover(name: str, fields: Column) -> Column:
    text, key = f"ifNull({fields.sql}, '')", text_literal(name)
    value = f"JSONExtract({text}, {key}, 'Nullable(String)')"
    several = f"JSONExtract({text}, {key}, 'Array(Nullable(String))')"
    elements = f"if(JSONType({text}, {key}) = 'Array', {several}, [{value}])"
    # The key stands in the text as it is written here, unless it holds signs that JSON may write in two ways.
    needed = f"position({text}, {text_literal(json.dumps(name))}) > 0" if _PLAIN_KEY.fullmatch(name) else ""
    return Column(value, "text", nullable=True, elements=elements, needed=needed)
