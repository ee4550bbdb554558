"""Nothing → the types of a log source: who sends it, how it is recognised, read and mapped to ECS."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

SetValue: TypeAlias = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """A test (see `vocabulary.TESTS`) on a field; `values` are its operands, any of which may hold."""

    field: str
    test: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recognition:
    """A record in one of `containers` belongs to the log source if all conditions of `where` hold.

    Or if all of one of the `others` do.
    """

    containers: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    others: tuple[tuple[Condition, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """One regular expression; `name` goes to the column `form` where it matched (empty: it does not)."""

    name: str
    pattern: str


@dataclass(frozen=True, slots=True)
class ReadStep:
    """Read `field` with a reader, adding columns.

    For `regex`: the forms of `patterns[value of the column `by`]` are tried in order, `default` where none
    matched or none is declared. For `keyvalue` and `json`: columns are named `prefix` + key. For `path`: the column
    `prefix` is the folder `field`, a slash and the name in the column `by`.
    """

    reader: str
    field: str
    by: str = ""
    patterns: Mapping[str, tuple[Form, ...]] = dataclasses.field(default_factory=dict)
    default: tuple[Form, ...] = ()
    prefix: str = ""
    columns: tuple[tuple[str, ...], ...] = ()
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Join:
    """How records of several lines are told in files: regular expressions (RE2, over the bytes of a line).

    A line with `start` begins a record. The lines behind it go on with it: those with `continues` in unbroken
    succession; without it all that begin no other record; with `quotes` those up to where an open quote is closed.
    A line with `leads` begins a record too, and a line with `start` right behind it goes on with it. With `next`, a
    line begins a record only before a line with that. `first`: only in files whose first line has it.
    """

    start: str
    continues: str = ""
    quotes: str = ""
    leads: str = ""
    next: str = ""
    first: str = ""


@dataclass(frozen=True, slots=True)
class TimeSpec:
    """The first of `fields` that one of `formats` can read is the event's time; `zone` names a field with its zone."""

    fields: tuple[str, ...]
    formats: tuple[str, ...]
    zone: str = ""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Put what was read as `field` into the ECS fields `to`, through a named conversion or a table if any.

    `table`: a file of `content/lookups` that translates the value; `each` (see `vocabulary.EACH`): its parts.
    """

    field: str
    to: tuple[str, ...]
    convert: str = ""
    table: str = ""
    each: str = ""


@dataclass(frozen=True, slots=True)
class When:
    """Where all conditions hold, `set` and `maps` win over the log source's general ones."""

    conditions: tuple[Condition, ...]
    set: Mapping[str, SetValue] = dataclasses.field(default_factory=dict)
    maps: tuple[FieldMapping, ...] = ()


@dataclass(frozen=True, slots=True)
class LookupStep:
    """Translate the values of `field` by `content/lookups/<table>.tsv` into the ECS field `to`."""

    field: str
    table: str
    to: str


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is read and not mapped is kept as `prefix.<field>` (as it is named where that is empty), but for `drop`.

    `adopt`: a field whose own name is an ECS field and whose value fits its type goes there. `keep`: what is kept
    under the vendor's name though a `map` gives it to an ECS field too.
    """

    prefix: str
    drop: tuple[str, ...] = ()
    adopt: bool = False
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """A record and the complete event it must give (without ids, origin and raw text), or `refuse`.

    `header`: the lines that stand before it in its file and name the columns.
    """

    record: str
    line: int
    format: str = "lines"
    expect: Mapping[str, object] | None = None
    refuse: bool = False
    reference: datetime | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class LogSource:
    """One kind of log: `id` is its events' `event.dataset`; lower `priority` is asked first."""

    id: str
    path: str
    title: str
    vendor: str
    product: str
    page: str
    priority: int
    recognise: Recognition
    leftovers: Leftovers
    read: tuple[ReadStep, ...] = ()
    time: TimeSpec | None = None
    maps: tuple[FieldMapping, ...] = ()
    set: Mapping[str, SetValue] = dataclasses.field(default_factory=dict)
    when: tuple[When, ...] = ()
    lookup: tuple[LookupStep, ...] = ()
    tests: tuple[Sample, ...] = ()
    joins: tuple[Join, ...] = ()
