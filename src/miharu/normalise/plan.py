"""A log source and the columns of a frame → the expressions that make its events, compiled once.

What wins where several speak for one ECS field: a `when` block's map (later blocks first), a `when`
block's set, the map, the container's own map, a lookup, the general set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Final

import polars as pl

from miharu.catalog import (
    ADOPTED,
    CONTAINER_FIELDS,
    CONTAINER_MAP,
    CONTAINER_NAMES,
    CONTAINER_TYPES,
    ENVELOPE_STAMP,
    KEPT,
    FieldCatalog,
    FieldDefinition,
    FieldMapping,
    LogSource,
    Lookups,
    SetValue,
    own_name,
)
from miharu.core.columns import (
    EVENT_CREATED,
    EVENT_DATASET,
    EVENT_ID,
    EVENT_INGESTED,
    EVENT_ORIGINAL,
    LOG_OFFSET,
    LOG_PATH,
    TIMESTAMP,
)
from miharu.normalise.choices import SET, WHEN
from miharu.normalise.fitting import fit, loses
from miharu.normalise.tables import CONVERSIONS, SEPARATORS
from miharu.normalise.translating import translated

TAGS: Final = "record.tags"
FORM: Final = "form"
CONVERTED: Final = "record.converted."
_SAID: Final = (ADOPTED, KEPT, ENVELOPE_STAMP)
MANY_CONVERSIONS: Final = 3
"""Conversions of one field that make it cheaper to convert its distinct values and map them back."""
_OWN: Final = frozenset(
    {TIMESTAMP, EVENT_ID, EVENT_DATASET, EVENT_ORIGINAL, EVENT_CREATED, EVENT_INGESTED, LOG_PATH, LOG_OFFSET, "tags"}
)
"""Fields that the house itself fills; a record's own value stays among the leftovers."""

Schema = Mapping[str, pl.DataType]


@dataclass(frozen=True, slots=True)
class Remains:
    """A column that was read and how much of it has found a place.

    `targets`: ECS fields that hold it wherever they have a value; `blocks`: numbers of `when` blocks that
    map it; with neither it is a leftover wherever it has a value.
    """

    field: str
    targets: tuple[str, ...] = ()
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`expressions` make the ECS columns; `remains` says which columns may leave something over.

    `conversions` come first: expressions over one column each, whose results `expressions` use.
    """

    expressions: tuple[pl.Expr, ...]
    remains: tuple[Remains, ...]
    conversions: Mapping[str, tuple[pl.Expr, ...]]


class Planner:
    """Compiles plans of one log source."""

    def __init__(self, source: LogSource, catalog: FieldCatalog, lookups: Lookups) -> None:
        self._source = source
        self._catalog = catalog
        self._lookups = lookups
        self._values: dict[tuple[FieldMapping, str, pl.DataType], pl.Expr] = {}
        self._apart = _often_converted(source)
        self._implied = [
            FieldMapping(name, (target,) if isinstance(target, str) else target)
            for container in source.recognise.containers
            for name, target in CONTAINER_MAP[container].items()
            if name not in source.leftovers.drop and name not in {mapping.field for mapping in source.maps}
        ]
        forms = any(form.name for step in source.read for form in (*step.default, *chain(*step.patterns.values())))
        self._quiet = (
            frozenset(source.leftovers.drop)
            | ({FORM} if forms else set())
            | {name for container in source.recognise.containers for name in CONTAINER_FIELDS[container]}
        )

    def compile(self, schema: Schema) -> Plan:
        """Return the plan for a frame with the columns `schema` (choice columns included)."""
        candidates: dict[str, list[pl.Expr]] = defaultdict(list)
        remains: dict[str, Remains] = {}
        self._add_blocks(schema, candidates, remains)
        for name in schema:
            if name.startswith(SET):
                candidates[name.removeprefix(SET)].append(pl.col(name))
        for mapping in (*self._source.maps, *self._implied):
            self._add_mapping(mapping, schema, candidates, remains)
        for step in self._source.lookup:
            if step.field in schema:
                word = translated(_text(step.field, schema), self._lookups[step.table])
                candidates[step.to].append(fit(word, pl.String(), self._definition(step.to)))
        # What the log source says of a record comes before what its sender called it.
        for mapping in self._adopted(schema):
            self._add_mapping(mapping, schema, candidates, remains)
        self._add_declared(schema, candidates, remains)
        for name, value in self._source.set.items():
            candidates[name].append(self._literal(name, value))
        for mapping in self._enveloped(schema):
            self._add_mapping(mapping, schema, candidates, remains)
        if TAGS in schema:
            candidates["tags"] = [_with_tags(candidates["tags"])]
        return Plan(
            tuple(_first(exprs).alias(name) for name, exprs in candidates.items()),
            tuple(self._remains(schema, remains)),
            self._conversions(schema),
        )

    def _add_blocks(self, schema: Schema, candidates: dict[str, list[pl.Expr]], remains: dict[str, Remains]) -> None:
        for number, when in reversed(list(enumerate(self._source.when))):
            flag = f"{WHEN}{number}"
            if flag not in schema:
                continue
            for mapping in when.maps:
                if mapping.field not in schema:
                    continue
                for target in mapping.to:
                    if mapping.table:
                        candidates[target].append(self._words(mapping, target, schema, flag))
                        continue
                    value = self._value(mapping, target, schema)
                    candidates[target].append(pl.when(pl.col(flag)).then(value))
                if mapping.table:
                    continue
                known = remains.get(mapping.field, Remains(mapping.field))
                remains[mapping.field] = Remains(mapping.field, known.targets, (*known.blocks, number))

    def _add_mapping(
        self,
        mapping: FieldMapping,
        schema: Schema,
        candidates: dict[str, list[pl.Expr]],
        remains: dict[str, Remains],
    ) -> None:
        if mapping.field not in schema:
            return
        known = remains.get(mapping.field, Remains(mapping.field))
        targets = known.targets
        for target in mapping.to:
            candidates[target].append(self._value(mapping, target, schema))
            if mapping.table:  # a word does not hold the code
                continue
            if loses(schema[mapping.field], self._definition(target), mapping.convert):
                targets = (*targets, target)
            else:
                targets = (*targets, "")
        remains[mapping.field] = Remains(mapping.field, targets, known.blocks)

    def _add_declared(self, schema: Schema, candidates: dict[str, list[pl.Expr]], remains: dict[str, Remains]) -> None:
        """Give what a container keeps under a declared name its column, unless a map holds it unchanged."""
        containers = self._source.recognise.containers
        if not any(container in CONTAINER_NAMES for container in containers):
            return
        for name in schema:
            target = own_name(containers, self._source.leftovers.prefix, name)
            if target not in self._catalog or "" in remains.get(name, Remains(name)).targets:
                continue
            value = self._value(FieldMapping(name, (target,)), target, schema)
            flags = [pl.col(f"{WHEN}{number}") for number in self._holding_blocks(name, schema)]
            candidates[target].append(pl.when(~pl.any_horizontal(flags)).then(value) if flags else value)
            remains[name] = Remains(name, ("",))

    def _holding_blocks(self, name: str, schema: Schema) -> list[int]:
        """Return the blocks whose map holds the column `name` unchanged."""
        return [
            number
            for number, when in enumerate(self._source.when)
            if f"{WHEN}{number}" in schema
            and any(
                mapping.field == name
                and not mapping.table
                and not loses(schema[name], self._definition(target), mapping.convert)
                for mapping in when.maps
                for target in mapping.to
            )
        ]

    def _value(self, mapping: FieldMapping, target: str, schema: Schema) -> pl.Expr:
        """Return what a mapping makes of its field; the same for every frame where the field has this type."""
        key = mapping, target, schema[mapping.field]
        known = self._values.get(key)
        if known is None:
            known = self._values[key] = self._new_value(mapping, target, schema)
        return known

    def _new_value(self, mapping: FieldMapping, target: str, schema: Schema) -> pl.Expr:
        field = self._definition(target)
        if mapping.table:
            return self._words(mapping, target, schema)
        if not mapping.convert:
            return fit(pl.col(mapping.field), schema[mapping.field], field)
        apart = mapping.field in self._apart
        value = (
            pl.col(_converted(mapping))
            if apart
            else CONVERSIONS[mapping.convert](_text(mapping.field, schema, mapping.convert))
        )
        return fit(value, _dtype_of(mapping.convert), field)

    def _words(self, mapping: FieldMapping, target: str, schema: Schema, flag: str = "") -> pl.Expr:
        """Return what a table says of a field's values, of those alone where the column `flag` holds."""
        text = _text(mapping.field, schema)
        words = translated(
            pl.when(pl.col(flag)).then(text) if flag else text, self._lookups[mapping.table], mapping.each
        )
        return fit(words, pl.List(pl.String) if mapping.each else pl.String(), self._definition(target))

    def _conversions(self, schema: Schema) -> dict[str, tuple[pl.Expr, ...]]:
        """Return the conversions of the columns that are worth a look at their distinct values."""
        return {
            field: tuple(
                CONVERSIONS[mapping.convert](_text(field, schema, mapping.convert)).alias(name)
                for name, mapping in mappings.items()
            )
            for field, mappings in self._apart.items()
            if field in schema
        }

    def _definition(self, name: str) -> FieldDefinition:
        field = self._catalog.get(name)
        assert field is not None, name
        return field

    def _adopted(self, schema: Schema) -> list[FieldMapping]:
        """Return mappings of columns that bear an ECS field's own name, if the log source adopts them."""
        if not self._source.leftovers.adopt:
            return []
        return [FieldMapping(name, (name,)) for name in self._columns(schema)]

    def _enveloped(self, schema: Schema) -> list[FieldMapping]:
        """Return mappings of the columns in which an envelope around the record says something in ECS names."""
        names = (name.removeprefix(ADOPTED) for name in schema if name.startswith(ADOPTED))
        return [FieldMapping(ADOPTED + name, (name,)) for name in self._columns(names)]

    def _columns(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that have a column which a record may fill."""
        fields = [self._catalog.get(name) for name in names]
        return [
            field.name
            for field in fields
            if field is not None and field.type not in CONTAINER_TYPES and field.name not in _OWN
        ]

    def _literal(self, name: str, value: SetValue) -> pl.Expr:
        plain = list(value) if isinstance(value, tuple) else value
        return pl.lit(pl.Series([plain], dtype=self._catalog.dtype(name))).first()

    def _remains(self, schema: Schema, mapped: Mapping[str, Remains]) -> list[Remains]:
        found = []
        for name in schema:
            if name in self._quiet or (name.startswith("record.") and not name.startswith(_SAID)):
                continue
            one = Remains(name) if name in self._source.leftovers.keep else mapped.get(name, Remains(name))
            if "" not in one.targets:
                found.append(one)
        return found


@cache
def _dtype_of(conversion: str) -> pl.DataType:
    return pl.DataFrame(schema={"v": pl.String}).select(CONVERSIONS[conversion](pl.col("v"))).dtypes[0]


def _often_converted(source: LogSource) -> dict[str, dict[str, FieldMapping]]:
    """Return fields with MANY_CONVERSIONS or more, and a mapping for each conversion by the result's name."""
    wanted: dict[str, dict[str, FieldMapping]] = defaultdict(dict)
    blocks = (mapping for when in source.when for mapping in when.maps)
    for mapping in (*source.maps, *blocks):
        if mapping.convert:
            wanted[mapping.field][_converted(mapping)] = mapping
    return {field: mappings for field, mappings in wanted.items() if len(mappings) >= MANY_CONVERSIONS}


def _converted(mapping: FieldMapping) -> str:
    return f"{CONVERTED}{mapping.convert}.{mapping.field}"


def _text(name: str, schema: Schema, convert: str = "") -> pl.Expr:
    dtype = schema[name]
    if dtype == pl.String:
        return pl.col(name)
    if isinstance(dtype, pl.List):
        return pl.col(name).cast(pl.List(pl.String)).list.join(SEPARATORS.get(convert, ","))
    return pl.col(name).cast(pl.String, strict=False)


def _first(exprs: list[pl.Expr]) -> pl.Expr:
    return exprs[0] if len(exprs) == 1 else pl.coalesce(exprs)


def _with_tags(others: list[pl.Expr]) -> pl.Expr:
    if not others:
        return pl.col(TAGS)
    other = _first(others)
    both = pl.concat_list(other.fill_null([]), pl.col(TAGS))
    return pl.when(pl.col(TAGS).is_not_null()).then(both).otherwise(other)
