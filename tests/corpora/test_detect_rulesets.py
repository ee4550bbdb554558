"""All of SigmaHQ's rules over logs recorded by others: they run, count as stated, and tell what they missed by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random

import polars as pl
import pytest
import yaml

from miharu.catalog import load_fields, load_logsources, load_sigma_mapping
from miharu.detect import Detector, RuleSet, load_rules
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand
from tests.property.test_detect_near_misses import check

pytestmark = pytest.mark.mission("S22", "S70")

CANNOT = 10
CASES = 81
EXACT = 80
WITH_PLACEHOLDERS = 25
CAPTURES = 12
ROWS = 1_500
MISSES = 500


@pytest.fixture(scope="module")
def ruleset(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return load_rules([corpora / "sigma-rules.tar.gz"], load_sigma_mapping(), tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def detector(ruleset: RuleSet) -> Detector:
    return Detector(ruleset)


def test_hardly_any_rule_cannot_run_and_open_placeholders_are_told(ruleset: RuleSet) -> None:
    assert len(ruleset.problems) <= CANNOT, ruleset.problems
    assert all(problem.text and problem.remedy for problem in ruleset.problems)
    notes = Counter(note.reason for note in ruleset.notes)
    assert notes == {"placeholder_open": WITH_PLACEHOLDERS}
    running = {rule.id for rule in ruleset.rules}
    assert {note.rule_id for note in ruleset.notes} <= running


def test_regression_cases_fire_as_often_as_stated(detector: Detector, corpora: Path) -> None:
    cases = sorted((corpora / "sigma-regression").rglob("info.yml"))
    silent, inexact = [], []
    for info in cases:
        stated = yaml.safe_load(info.read_text())["regression_tests_info"][0].get("match_count")
        rule_id = yaml.safe_load((info.parent / "rule.yml").read_text())["id"]
        found = sum(
            detector.run(batch).filter(pl.col("rule.id") == rule_id).height
            for batch in batches(info.parent / f"{rule_id}.evtx")
        )
        if found < (stated or 1):
            silent.append((info.parent.name, found, stated))
        if stated is not None and found != stated:
            inexact.append((info.parent.name, found, stated))
    assert len(cases) == CASES
    assert not silent
    assert CASES - len(inexact) >= EXACT, inexact


def test_turning_the_named_condition_of_real_misses_makes_real_rules_hold(
    ruleset: RuleSet, detector: Detector, corpora: Path
) -> None:
    random = Random(4)
    captures = random.sample(sorted((corpora / "otrf-security-datasets").rglob("*.zip")), CAPTURES)
    frames = [batch.head(ROWS) for capture in captures for batch in batches(capture)]
    chosen = random.sample([rule for rule in ruleset.rules if "windows" in rule.logsource], 260)
    checked = 0
    for rule in chosen:
        frame = random.choice(frames)
        found = detector.why_not(rule.id, frame, limit=4)
        assert found is not None
        assert found.matched == detector.run(frame).filter(pl.col("rule.id") == rule.id).height
        for miss in found.misses:
            check(detector, rule.id, frame, miss)
            checked += 1
    assert checked >= MISSES


@cache
def stages() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def batches(path: Path) -> Iterator[pl.DataFrame]:
    parser, normaliser = stages()
    for file in expand([path]):
        for chunk in file.chunks("0" * 32):
            batch = normaliser.run(parser.read(chunk.format, chunk.records).fields, datetime.now(UTC))
            if len(batch):
                yield batch
