"""Events of Filebeat's test logs hold what Elastic's modules say of them, module by module."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.beats import agree, compared, modules, score

pytestmark = pytest.mark.mission("S19", "S92", "S102", "S103")

STANDARD = 0.97
VENDOR = 0.85
MODULES = (
    *("apache", "auditd", "haproxy", "iis", "mongodb", "mysql", "nginx", "osquery", "postgresql", "santa", "system"),
    "traefik",
)


def test_every_module_is_held_to_the_thresholds(corpora: Path) -> None:
    assert tuple(modules(corpora)) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_fields_agree_with_elastics(corpora: Path, module: str) -> None:
    found = score(corpora, module)
    assert found.events > 3
    assert found.rate("ecs") >= STANDARD, [miss for miss in found.misses if miss.kind == "ecs"]
    assert found.rate("ecs", "other", "name") >= STANDARD, [miss for miss in found.misses if miss.kind != "vendor"]
    assert found.rate("vendor") >= VENDOR, [miss for miss in found.misses if miss.kind == "vendor"]
    assert found.unnamed == 0


def test_dashes_weigh_little(corpora: Path) -> None:
    dashes = {module: score(corpora, module).dashes for module in MODULES}
    assert {module for module, count in dashes.items() if count} <= {"traefik", "apache"}
    assert sum(dashes.values()) < 20


def test_a_difference_is_a_miss() -> None:
    wanted = {"@timestamp": "2025-06-14T08:15:02.123Z", "input.type": "log", "source.geo.city_name": "Nara", "a.b": 1}
    assert dict(compared(wanted)).keys() == {"@timestamp", "a.b"}
    assert agree("a.b", 1, "1", wanted)
    assert agree("a.b", ["1"], 1, wanted)
    assert not agree("a.b", 1, None, wanted)
    assert not agree("a.b", "x", "y", wanted)
    assert agree("a.b", "-", None, wanted)
    assert not agree("a.b", "-", "x", wanted)
    assert not agree("a.b", ["x"], ["x", "y"], wanted)
    assert agree("source.ip", "2001:db8:0::1", "2001:db8::1", wanted)
    assert agree("event.duration", 719435968, 719436000, wanted)
    assert not agree("event.duration", 719435968, 719437000, wanted)
