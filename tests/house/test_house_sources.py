"""The schema for editors takes every shipped log source, and the mission's logs of Windows and Linux are covered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from miharu.catalog import load_fields
from tests.house import mission, source_coverage, source_schema
from tests.house.tree import ROOT

SCHEMA = source_schema.schema(load_fields())
FILES = sorted((ROOT / "content" / "logsources").rglob("*.yml"))
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class Loader(yaml.SafeLoader):
    """Leaves dates as text, as the catalogue does."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def faults(value: Any, schema: dict[str, Any], way: str = "") -> list[str]:
    """Return where a value is not as a schema says: the part of JSON Schema that ours uses."""
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], way)
    if "anyOf" in schema:
        tried = [faults(value, one, way) for one in schema["anyOf"]]
        return [] if not all(tried) else min(tried, key=len)
    kinds = schema.get("type", [])
    wanted = tuple(kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in TYPES[name])
    if wanted and not isinstance(value, wanted):
        return [f"{way}: {value!r} is no {kinds}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{way}: {value!r} is not one of those known")
    if "const" in schema and value != schema["const"]:
        found.append(f"{way}: {value!r}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{way}: {value!r}")
    if isinstance(value, dict):
        found += object_faults(value, schema, way)
    if isinstance(value, list) and "items" in schema:
        found += [fault for at, item in enumerate(value) for fault in faults(item, schema["items"], f"{way}[{at}]")]
    return found


def object_faults(value: dict[str, Any], schema: dict[str, Any], way: str) -> list[str]:
    found = [f"{way}: {name} is missing" for name in schema.get("required", ()) if name not in value]
    properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, item in value.items():
        if "propertyNames" in schema:
            found += faults(name, schema["propertyNames"], f"{way}.{name}")
        if name in properties:
            found += faults(item, properties[name], f"{way}.{name}")
        elif more is False:
            found.append(f"{way}: the key {name}")
        elif isinstance(more, dict):
            found += faults(item, more, f"{way}.{name}")
    return found


def test_the_schema_takes_every_shipped_source() -> None:
    assert len(FILES) > 150
    found = [
        f"{path.name}{fault}"
        for path in FILES
        for fault in faults(yaml.load(path.read_text(encoding="utf-8"), Loader), SCHEMA)
    ]
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize(
    "change",
    [
        {"recognise": {"container": "paper"}},
        {"map": {"a": "no.such.field"}},
        {"map": {"a": {"to": "source.ip", "convert": "magic"}}},
        {"set": {"event.category": ["nothing"]}},
        {"time": {"fields": ["a"], "formats": ["soon"]}},
        {"tests": [{"expect": {}}]},
        {"colour": "red"},
        {"joins": [{"continues": "x"}]},
    ],
)
def test_the_schema_refuses_what_the_catalogue_refuses(change: dict[str, Any]) -> None:
    good = {
        "id": "a.b",
        "title": "A",
        "vendor": "A",
        "product": "B",
        "recognise": {"container": ["line"], "where": [{"field": "message", "starts": "x"}]},
        "map": {"x": {"to": "source.ip", "convert": "ip"}},
        "set": {"event.category": ["web"]},
        "leftovers": {"prefix": "a.b"},
        "tests": [{"record": "x", "expect": {"event.dataset": "a.b", "fields": {}}}],
    }
    assert not faults(good, SCHEMA)
    assert faults({**good, **change}, SCHEMA)


def test_files_that_name_the_schema_name_the_one_that_is_made() -> None:
    for path in FILES:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        if first.startswith("# yaml-language-server: $schema="):
            named = (path.parent / first.partition("=")[2]).resolve()
            assert named == (ROOT / source_schema.PLACE).resolve(), path
    assert json.loads((ROOT / Path(source_schema.PLACE)).read_text(encoding="utf-8"))["properties"]


LOGS = frozenset(
    {"Windows", "iOS and macOS", "Linux", "EDR", "Symantec Endpoint Protection", "McAfee Endpoint Security"}
    | {"Firewalls", "Cisco", "Check Point"}
)
"""Groups of the mission whose items are logs."""


def test_the_coverage_page_tells_of_every_log() -> None:
    wanted = [item.id for item in mission.items() if item.group in LOGS]
    assert list(source_coverage.SOURCES_OF) == wanted
    empty = [item for item in wanted if not source_coverage.sources_of(item)]
    assert not empty, f"no log source reads {empty}"


def test_every_log_has_a_test() -> None:
    proven = {proof.item for proof in mission.proofs()}
    assert not sorted(set(source_coverage.SOURCES_OF) - proven)
