"""Every rule that is shipped runs, carries records that prove it, and says who it is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
import yaml

from miharu.catalog import content_root, load_sigma_mapping
from miharu.core.settings import Settings
from miharu.detect import load_rules, read_tuning
from miharu.pipeline import RuleTestResult, run_rule_tests

FOLDER = content_root() / "rules"
PATHS = sorted(FOLDER.rglob("*.yml"))
TACTICS = {
    *("reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation"),
    *("stealth", "defense-impairment", "credential-access", "discovery", "lateral-movement", "collection"),
    *("command-and-control", "exfiltration", "impact"),
}
"""Of ATT&CK for enterprise, version 19."""
TECHNIQUE = re.compile(r"t\d{4}(\.\d{3})?")
KEYS = {
    *("title", "id", "status", "description", "author", "date", "tags", "logsource", "detection"),
    *("falsepositives", "level", "tests"),
}


@cache
def documents() -> dict[Path, dict[str, object]]:
    return {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in PATHS}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[RuleTestResult]]:
    by_path = defaultdict(list)
    for result in run_rule_tests([FOLDER], Settings(data=tmp_path_factory.mktemp("data"))):
        by_path[result.path].append(result)
    return by_path


def named(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_rule_hits_what_it_says_and_misses_the_near(path: Path, results: dict[str, list[RuleTestResult]]):
    found = results[str(path)]
    assert {result.kind for result in found} == {"match", "miss"}
    assert [(result.line, result.reason) for result in found if not result.passed] == []


def test_all_rules_run():
    ruleset = load_rules([FOLDER], load_sigma_mapping(), None, read_tuning(content_root()))
    assert ruleset.problems == []
    assert len(ruleset.rules) == len(PATHS) >= 45


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_a_rule_says_who_it_is(path: Path):
    rule = documents()[path]
    assert set(rule) == KEYS
    assert UUID(str(rule["id"])).version in {4, 5}
    assert rule["author"] == "miharu authors"
    assert rule["status"] in {"experimental", "test", "stable"}
    assert rule["level"] in {"low", "medium", "high", "critical"}
    assert all(isinstance(text, str) and text for text in rule["falsepositives"])
    tags = [tag.removeprefix("attack.") for tag in rule["tags"] if tag.startswith("attack.")]
    assert len(tags) == len(rule["tags"])
    assert [tag for tag in tags if tag not in TACTICS and not TECHNIQUE.fullmatch(tag)] == []
    assert TACTICS & set(tags)
    assert any(TECHNIQUE.fullmatch(tag) for tag in tags)


@pytest.mark.parametrize("key", ["id", "title"])
def test_no_two_rules_share(key: str):
    counts = Counter(str(rule[key]) for rule in documents().values())
    assert [value for value, count in counts.items() if count > 1] == []


def test_the_records_of_rules_are_of_nobody_real():
    allowed = re.compile(r"10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.")
    found = [
        (named(path), address)
        for path, rule in documents().items()
        for address in re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", yaml.safe_dump(rule["tests"]))
    ]
    assert found
    assert [(name, address) for name, address in found if not allowed.match(address)] == []
