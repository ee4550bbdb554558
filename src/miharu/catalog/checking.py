"""Parts of a log source's file → typed parts; what they name must exist and fit."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from polars.exceptions import ComputeError
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from miharu.catalog.fields import CONTAINER_TYPES, FieldCatalog
from miharu.catalog.located import Section, describe
from miharu.catalog.logsource import Condition, FieldMapping, Form, SetValue
from miharu.catalog.vocabulary import CONVERSIONS, EACH, ESCAPES, READER_OPTIONS, RESERVED, TESTS, TIME_FORMATS

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "long": (int,),
    "scaled_float": (int, float),
}


class Checker:
    """Knows the fields and tables there are; notes faults in the section it is given."""

    def __init__(self, catalog: FieldCatalog, tables: frozenset[str]) -> None:
        self.catalog = catalog
        self.tables = tables

    def target(self, section: Section, key: str, name: str) -> None:
        """Check that the field `name` (written at `key`) exists and can hold a value."""
        kind = self.catalog.type_of(name)
        if kind is None:
            close = self.catalog.suggest(name)
            section.fault(
                key,
                repr(name),
                "an ECS field, or a vendor's field declared in content/fields",
                f"did you mean {close!r}?" if close else "",
            )
        elif kind in CONTAINER_TYPES:
            section.fault(key, f"{name!r} of type {kind}", "a field that holds a value itself")

    def _own_target(self, section: Section, key: str, name: str) -> None:
        """Check that a log source may fill the field `name`."""
        if name in RESERVED:
            section.fault(key, f"{name!r}, which is filled for every event alike", "another field")
        self.target(section, key, name)

    def condition(self, section: Section) -> list[Condition]:
        """Return the conditions of `{field: …, <test>: …}`."""
        section.only("field", *TESTS)
        section.require("field")
        tests = [name for name in section.names() if name in TESTS]
        if not tests:
            section.fault("field", "no test", f"one of {', '.join(TESTS)}")
        return [self._condition(section, section.text("field") or "", test, test) for test in tests]

    def conditions(self, section: Section, key: str) -> tuple[Condition, ...]:
        """Return the conditions of `{field: value | list | {test: value}, …}`."""
        inner = section.section(key)
        found: list[Condition] = []
        for name in inner.names() if inner else ():
            assert inner is not None
            node = inner.node(name)
            if isinstance(node, MappingNode):
                tests = inner.section(name)
                assert tests is not None
                tests.only(*TESTS)
                found.extend(self._condition(tests, name, test, test) for test in tests.names() if test in TESTS)
            else:
                found.append(self._condition(inner, name, "in", name))
        return tuple(found)

    def forms(self, section: Section, key: str) -> tuple[Form, ...]:
        """Return the regular expressions at `key`: one, or several by the name of their form."""
        node = section.node(key)
        if node is None:
            return ()
        if isinstance(node, MappingNode):
            inner = section.section(key)
            assert inner is not None
            names = [(inner, name) for name in inner.names()]
        else:
            names = [(section, key)]
        found = []
        for place, name in names:
            pattern = place.text(name) or ""
            self._regex(place, name, pattern)
            found.append(Form(name if place is not section else "", pattern))
        return tuple(found)

    def options(self, section: Section, reader: str) -> dict[str, str]:
        """Return the options of a reader."""
        known = READER_OPTIONS.get(reader, ())
        found: dict[str, str] = {}
        for name in (name for options in READER_OPTIONS.values() for name in options if name in section):
            value = section.text(name) or ""
            if name not in known:
                section.fault(name, f"an option that {reader} has not", f"one of {', '.join(known) or 'no options'}")
            if name == "separator" and len(value) != 1:
                section.fault(name, repr(value), "one character")
            if name == "quote" and len(value) > 1:
                section.fault(name, repr(value), "one character, or nothing")
            if name == "escape" and value not in ESCAPES:
                section.fault_choice(name, value, ESCAPES, f"one of {', '.join(ESCAPES)}")
            if name == "values" and value != "spaced":
                section.fault(name, repr(value), "spaced")
            if name == "count" and value != "any":
                section.fault(name, repr(value), "any")
            if name == "keys":
                self._regex(section, name, value)
            found[name] = value
        return found

    def byte_pattern(self, section: Section, key: str, pattern: str) -> None:
        """Check a regular expression of RE2, which tells lines."""
        try:
            pc.match_substring_regex(pa.scalar(b"", pa.large_binary()), pattern)
        except pa.ArrowInvalid as error:
            section.fault(key, repr(pattern), "a regular expression of RE2", str(error))

    def maps(self, section: Section) -> tuple[FieldMapping, ...]:
        """Return the mappings at `map`."""
        inner = section.section("map")
        found: list[FieldMapping] = []
        for name in inner.names() if inner else ():
            assert inner is not None
            node = inner.node(name)
            if isinstance(node, MappingNode):
                found.append(self._mapping(inner.section(name), name))
            elif isinstance(node, SequenceNode) and any(isinstance(item, MappingNode) for item in node.value):
                found.extend(self._mapping(item, name) for item in inner.sections(name))
            else:
                targets = inner.texts(name)
                for target in targets:
                    self._own_target(inner, name, target)
                found.append(FieldMapping(name, targets))
        return tuple(found)

    def values(self, section: Section) -> dict[str, SetValue]:
        """Return the values at `set`, which must fit their fields."""
        inner = section.section("set")
        found: dict[str, SetValue] = {}
        for name in inner.names() if inner else ():
            assert inner is not None
            self._own_target(inner, name, name)
            if name in self.catalog:
                value = self._value(inner, name)
                if value is not None:
                    found[name] = value
        return found

    def time_formats(self, section: Section) -> tuple[str, ...]:
        """Return the formats at `formats`."""
        formats = section.texts("formats")
        for name in formats:
            if "%" not in name and name not in TIME_FORMATS:
                known = f"one of {', '.join(TIME_FORMATS)}, or a text with %"
                section.fault_choice("formats", name, TIME_FORMATS, known)
        return formats

    def _condition(self, section: Section, field: str, test: str, key: str) -> Condition:
        if test == "exists":
            return Condition(field, test, ("true" if section.flag(key) else "false",))
        values = section.texts(key)
        if not values:
            section.fault(key, "nothing", "a value or a list of values")
        if test == "matches":
            for pattern in values:
                self._regex(section, key, pattern)
        return Condition(field, "in" if test == "equals" else test, values)

    def _mapping(self, section: Section | None, field: str) -> FieldMapping:
        if section is None:
            return FieldMapping(field, ())
        section.only("to", "convert", "table", "each")
        section.require("to")
        targets = section.texts("to")
        for target in targets:
            self._own_target(section, "to", target)
        convert = section.text("convert") or ""
        if convert and convert not in CONVERSIONS:
            section.fault_choice("convert", convert, CONVERSIONS, "a named conversion")
        return FieldMapping(field, targets, convert, *self._table(section, targets))

    def _table(self, section: Section, targets: tuple[str, ...]) -> tuple[str, str]:
        """Return the table and the parts of `{table: …, each: …}`."""
        table, each = section.text("table") or "", section.text("each") or ""
        if table and table not in self.tables:
            section.fault_choice("table", table, self.tables, "a file of content/lookups")
        if table and "convert" in section:
            section.fault("table", "both a conversion and a table", "one of them")
        if each and each not in EACH:
            section.fault_choice("each", each, EACH, f"one of {', '.join(EACH)}")
        if each and not table:
            section.fault("each", "no table", "a table that translates each part")
        for target in targets if each else ():
            if target in self.catalog and not self.catalog.is_array(target):
                section.fault("to", f"{target!r}, which holds one value", "a field that holds a list")
        return table, each

    def _value(self, section: Section, name: str) -> SetValue | None:
        node = section.node(name)
        if self.catalog.is_array(name):
            values = section.texts(name)
            self._allowed(section, name, values)
            return values
        kinds = _KINDS.get(self.catalog.type_of(name) or "")
        value = section.value(name)
        if kinds is not None:
            if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
                return value  # type: ignore[return-value]
            section.fault(name, describe(node) if node else "nothing", f"a {self.catalog.type_of(name)}")
            return None
        if not isinstance(node, ScalarNode):
            section.fault(name, describe(node) if node else "nothing", "one text")
            return None
        self._allowed(section, name, (str(node.value),))
        return str(node.value)

    def _allowed(self, section: Section, name: str, values: tuple[str, ...]) -> None:
        allowed = self.catalog.allowed(name)
        for value in values:
            if allowed and value not in allowed:
                section.fault_choice(name, value, sorted(allowed), f"one of {', '.join(sorted(allowed))}")

    def _regex(self, section: Section, key: str, pattern: str) -> None:
        try:
            groups = pl.Series([""]).str.extract_groups(pattern).struct.fields
        except ComputeError as error:
            reasons = [line for line in str(error).split("\n") if line.startswith("error: ")]
            hint = reasons[0].removeprefix("error: ") if reasons else ""
            section.fault(key, repr(pattern), "a regular expression of Rust's regex", hint)
            return
        if any(group.isdigit() for group in groups) and "(?P<" in pattern:
            section.fault(key, "a group without a name", "(?P<name>…) or (?:…)")
