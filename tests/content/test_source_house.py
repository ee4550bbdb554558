"""What every log source must be like: enough samples, events of the schema's types and values, careful recognition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import pytest

from miharu.catalog import FieldDefinition, LogSource, load_fields, load_logsources
from miharu.core.columns import LEFTOVERS

SOURCES = load_logsources()
CATALOG = load_fields()
NAMED = [source for source in SOURCES if source.recognise.where]
ANCHOR = re.compile(r"^(?:\(\?[a-zA-Z]+\))*(?:\^|\\A)")

LOOKING_INSIDE = {
    "apache.access": "a log format may begin with anything; the time in brackets is its mark",
    "apereo.cas": "the audit entry stands behind a prefix that the site chooses",
    "authelia.log": "the text stands behind the fields of its structured log",
    "cisco.ios": "the mnemonic stands behind a sequence number, stamps and host names",
    "horde.log": "the sentence stands behind the application's name",
    "iptables.log": "the packet stands behind the prefix of the rule",
    "nginx.access": "a log format may begin with anything; the time in brackets is its mark",
    "nginx.ingress_controller": "a log format may begin with anything; the time in brackets is its mark",
    "suricata.fast": "the mark stands behind stamps of several forms",
}
"""Sources whose mark is not at the beginning of what they look at, and why."""


def accepted(source: LogSource) -> Iterator[dict[str, Any]]:
    for sample in source.tests:
        if sample.expect is not None and not sample.refuse:
            yield dict(sample.expect)


@pytest.mark.parametrize("source", [pytest.param(source, id=source.id) for source in NAMED])
def test_a_source_has_three_samples_and_one_that_it_refuses(source: LogSource) -> None:
    assert len(list(accepted(source))) >= 3
    assert any(sample.refuse for sample in source.tests)


@pytest.mark.parametrize("source", [pytest.param(source, id=source.id) for source in SOURCES])
def test_events_are_the_sources_own_and_fit_the_schema(source: LogSource) -> None:
    faults = []
    for event in accepted(source):
        assert event["event.dataset"] == source.id
        for name, value in event.items():
            if name == LEFTOVERS:
                assert isinstance(value, dict)
                continue
            field = CATALOG.get(name)
            assert field is not None, name
            faults += [f"{name}: {item!r}" for item in values(field, value) if not fits(field, item)]
    assert not faults


def values(field: FieldDefinition, value: Any) -> list[Any]:
    assert isinstance(value, list) == field.array, f"{field.name}: {value!r}"
    return value if isinstance(value, list) else [value]


def fits(field: FieldDefinition, value: Any) -> bool:
    """Return whether a value is of the field's type, and one of those that the schema allows."""
    if field.allowed and value not in field.allowed:
        return False
    if field.type in {"long", "integer"}:
        return isinstance(value, int) and not isinstance(value, bool)
    if field.type in {"float", "double", "scaled_float"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if field.type == "boolean":
        return isinstance(value, bool)
    if field.type == "ip":
        return str(ip_address(value)) == str(value)
    if field.type == "date":
        return datetime.fromisoformat(str(value)).tzinfo is not None
    return isinstance(value, str)


def test_recognition_begins_at_the_beginning() -> None:
    loose = {
        source.id
        for source in SOURCES
        for condition in source.recognise.where
        if condition.test == "matches" and not all(ANCHOR.match(pattern) for pattern in condition.values)
    }
    assert loose == set(LOOKING_INSIDE) & {source.id for source in SOURCES}


def test_ids_name_their_module_and_their_file() -> None:
    for source in SOURCES:
        module, _, dataset = source.id.partition(".")
        assert re.fullmatch(r"[a-z][a-z0-9_]*", module), source.id
        assert re.fullmatch(r"[a-z][a-z0-9_.]*", dataset), source.id
        assert source.path.rpartition("/")[2] == f"{source.id}.yml"
        assert source.page.startswith(("https://", "http://")) or not source.recognise.where, source.id
