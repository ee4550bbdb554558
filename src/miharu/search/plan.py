"""The typed plan of a search: what was written, with positions, before anything is known of columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    """A field's name; `exact` when it stood in backticks and so is meant as written."""

    text: str
    exact: bool
    position: int


class Wild(Enum):
    """A wildcard in a value."""

    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Value:
    """A value to compare with: texts and wildcards in turn, escapes resolved. Quotes make wildcards plain text."""

    pieces: tuple[str | Wild, ...]
    quoted: bool
    position: int

    @property
    def wild(self) -> bool:
        """Whether the value holds a wildcard."""
        return any(isinstance(piece, Wild) for piece in self.pieces)

    @property
    def anything(self) -> bool:
        """Whether the value is `*`: anything at all."""
        return self.pieces == (Wild.MANY,)

    @property
    def text(self) -> str:
        """The value as text, wildcards as they were written."""
        return "".join(piece.value if isinstance(piece, Wild) else piece for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Inverse:
    """The part does not hold."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Test:
    """A field compared with one value; `operator` is one of `:`, `!=`, `<`, `<=`, `>`, `>=`."""

    field: Name
    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Words:
    """Words looked for in the raw text."""

    value: Value


Condition: TypeAlias = Both | Either | Inverse | Test | Words


@dataclass(frozen=True, slots=True)
class Ref:
    """A column in an expression."""

    name: Name


@dataclass(frozen=True, slots=True)
class Constant:
    """A text or number in an expression."""

    value: str | int | float
    position: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, in microseconds."""

    micros: int
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator with its arguments; `text` is how it was written, without blanks."""

    function: str
    arguments: tuple[Expression, ...]
    text: str
    position: int


Expression: TypeAlias = Ref | Constant | Duration | Call


@dataclass(frozen=True, slots=True)
class Named:
    """An expression and the name its column gets."""

    name: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Where:
    """Keep rows for which the condition holds."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Eval:
    """Add or replace columns."""

    columns: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """Replace rows by one row per group."""

    aggregates: tuple[Named, ...]
    groups: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """What to sort by."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Sort:
    """Order rows."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """Keep or drop columns; names may hold `*`."""

    names: tuple[Name, ...]
    keep: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep the first rows."""

    rows: int


Command: TypeAlias = Where | Eval | Stats | Sort | Choose | Limit


@dataclass(frozen=True, slots=True)
class Plan:
    """A filter (None: everything) and the pipes after it."""

    filter: Condition | None
    commands: tuple[Command, ...]
