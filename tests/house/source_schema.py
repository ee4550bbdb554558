"""The closed vocabulary of log sources → a JSON schema that editors check and complete files by.

A file names it in its first line: `# yaml-language-server: $schema=…/docs/reference/log-source.schema.json`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from miharu.catalog import (
    CONTAINER_TYPES,
    CONTAINERS,
    CONVERSIONS,
    READERS,
    TESTS,
    TIME_FORMATS,
    FieldCatalog,
    load_fields,
    load_lookups,
)
from miharu.catalog.loading import JOIN_KEYS, OPTION_KEYS

PLACE: Final = "docs/reference/log-source.schema.json"

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
_TEXTS: Final[Schema] = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}


def page() -> str:
    """Return the schema's text."""
    return json.dumps(schema(load_fields()), indent=1, ensure_ascii=False) + "\n"


def schema(catalog: FieldCatalog) -> Schema:
    """Return the schema of a log source's file."""
    top = {
        "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)+$", "description": "event.dataset"},
        "title": {"type": "string"},
        "vendor": {"type": "string"},
        "product": {"type": "string"},
        "page": {"type": "string", "description": "where the format is documented"},
        "priority": {"type": "integer", "description": "who is asked first: the lower number (default 50)"},
        "recognise": _recognise(),
        "joins": {"type": "array", "items": _closed({key: {"type": "string"} for key in JOIN_KEYS}, "start")},
        "read": {"type": "array", "items": _read()},
        "time": _closed(
            {"fields": _TEXTS, "formats": _time_formats(), "zone": {"type": "string"}}, "fields", "formats"
        ),
        "map": {"$ref": "#/$defs/map"},
        "set": {"$ref": "#/$defs/set"},
        "when": {"type": "array", "items": _when()},
        "lookup": {"type": "array", "items": _lookup()},
        "leftovers": _closed(
            {"prefix": {"type": "string"}, "drop": _TEXTS, "keep": _TEXTS, "adopt": {"type": "boolean"}}, "prefix"
        ),
        "tests": {"type": "array", "items": _sample()},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A log source of miharu",
        **_closed(top, "id", "title", "vendor", "product", "recognise", "leftovers", "tests"),
        "$defs": _definitions(catalog),
    }


def _definitions(catalog: FieldCatalog) -> Schema:
    names = sorted(name for name in catalog.names() if catalog.type_of(name) not in CONTAINER_TYPES)
    field: Schema = {"type": "string", "enum": names}
    mapping = _closed(
        {
            "to": {"anyOf": [{"$ref": "#/$defs/field"}, {"type": "array", "items": {"$ref": "#/$defs/field"}}]},
            "convert": {"enum": list(CONVERSIONS)},
            "table": {"enum": sorted(load_lookups())},
            "each": {"enum": ["bits", "items", "entries"]},
        },
        "to",
    )
    one = {"anyOf": [{"$ref": "#/$defs/field"}, mapping]}
    return {
        "field": field,
        "map": {"type": "object", "additionalProperties": {"anyOf": [one, {"type": "array", "items": one}]}},
        "set": {"type": "object", "properties": _set_values(catalog), "propertyNames": {"$ref": "#/$defs/field"}},
        "test": _closed({name: {"type": "boolean"} if name == "exists" else _TEXTS for name in TESTS}),
    }


def _set_values(catalog: FieldCatalog) -> Schema:
    """Return the fields that allow certain values only."""
    found: Schema = {}
    for name in sorted(catalog.names()):
        allowed = sorted(catalog.allowed(name))
        if allowed:
            choice: Schema = {"enum": allowed}
            found[name] = {"type": "array", "items": choice} if catalog.is_array(name) else choice
    return found


def _recognise() -> Schema:
    tests = {name: {"type": "boolean"} if name == "exists" else _TEXTS for name in TESTS}
    condition = _closed({"field": {"type": "string"}, **tests}, "field")
    conditions = {"type": "array", "items": condition}
    other = _closed({"where": conditions}, "where")
    containers = {"enum": list(CONTAINERS)}
    container = {"anyOf": [containers, {"type": "array", "items": containers}]}
    return _closed({"container": container, "where": conditions, "or": {"type": "array", "items": other}}, "container")


def _read() -> Schema:
    forms = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
    return _closed(
        {
            "reader": {"enum": list(READERS)},
            "field": {"type": "string"},
            "by": {"type": "string"},
            "patterns": {"type": "object", "additionalProperties": forms},
            "default": forms,
            "prefix": {"type": "string"},
            "columns": {"type": "array"},
            **dict.fromkeys(OPTION_KEYS, _TEXTS),
        },
        "reader",
        "field",
    )


def _time_formats() -> Schema:
    one = {"anyOf": [{"enum": list(TIME_FORMATS)}, {"type": "string", "pattern": "%"}]}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _when() -> Schema:
    condition = {"anyOf": [_TEXTS, {"$ref": "#/$defs/test"}]}
    return _closed(
        {
            "if": {"type": "object", "additionalProperties": condition},
            "set": {"$ref": "#/$defs/set"},
            "map": {"$ref": "#/$defs/map"},
        },
        "if",
    )


def _lookup() -> Schema:
    keys = {"field": {"type": "string"}, "table": {"enum": sorted(load_lookups())}, "to": {"$ref": "#/$defs/field"}}
    return _closed(keys, *keys)


def _sample() -> Schema:
    return _closed(
        {
            "record": {"type": "string"},
            "expect": {"type": "object", "propertyNames": {"anyOf": [{"$ref": "#/$defs/field"}, {"const": "fields"}]}},
            "refuse": {"type": "boolean"},
            "format": {"type": "string"},
            "reference": {"type": "string"},
            "header": {"type": "string"},
        },
        "record",
    )


def _closed(properties: Schema, *required: str) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found
