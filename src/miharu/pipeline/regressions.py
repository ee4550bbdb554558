"""Folders of regression tests in SigmaHQ's layout → whether each rule hits its recorded logs as often as is stated.

A folder holds `info.yml` with the keys `rule_metadata` (the rules' ids) and `regression_tests_info` (a list: `type`,
`path` of the recorded log from the top of the checkout, `match_count`, without which one hit is enough).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from miharu.core.errors import ContentError, ContentIssue, OperatorError
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet
from miharu.pipeline.reading import Reader
from miharu.pipeline.streaming import read_paths

_INFO: Final = "info.yml"
_RULES: Final = "rule_metadata"
_TESTS: Final = "regression_tests_info"


@dataclass(frozen=True, slots=True)
class Regression:
    """One recorded log (`log`) and how often the rule must hit it; `count` None: at least once."""

    info: str
    rule_id: str
    title: str
    log: Path
    count: int | None


def read_regressions(paths: Sequence[Path]) -> list[Regression]:
    """Return the regression tests of all folders under paths. Raises ContentError with every fault of their files."""
    issues: list[ContentIssue] = []
    places = sorted({file for path in paths if path.is_dir() for file in path.rglob(_INFO)})
    found = [each for place in places for each in _regressions(place, issues)]
    if issues:
        raise ContentError(issues)
    return found


def why_not(regression: Regression, ruleset: RuleSet, detector: Detector, reader: Reader, settings: Settings) -> str:
    """Return why a regression test fails; an empty text where it does not."""
    if ruleset.find(regression.rule_id) is None:
        return f"no rule with the id {regression.rule_id} runs; name its folder, too"
    hits = events = 0
    try:
        for batch in read_paths([regression.log], reader, settings):
            events += batch.events.height
            found = detector.run(batch.events)
            hits += found.filter(pl.col("rule.id") == regression.rule_id).height
    except OperatorError as error:
        return str(error)
    wanted = regression.count
    if (hits > 0) if wanted is None else (hits == wanted):
        return ""
    return f"{hits} hits in {events} events, expected {'at least 1' if wanted is None else wanted}"


def _regressions(place: Path, issues: list[ContentIssue]) -> Iterator[Regression]:
    try:
        told = yaml.safe_load(place.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        issues.append(ContentIssue(str(place), 0, _TESTS, str(error).splitlines()[0], "a file of YAML"))
        return
    if not isinstance(told, dict) or _TESTS not in told:
        return
    rules = [rule for rule in _mappings(told.get(_RULES)) if rule.get("id")]
    tests = _mappings(told[_TESTS])
    if not rules or not tests:
        key = _RULES if not rules else _TESTS
        issues.append(ContentIssue(str(place), 0, key, repr(told.get(key))[:40], "a list of mappings"))
    for test in tests:
        log, count = _log(place, str(test.get("path") or "")), test.get("match_count")
        if log is None:
            expected = "the path of a recorded log, from the top of the checkout or beside this file"
            issues.append(ContentIssue(str(place), 0, f"{_TESTS}.path", repr(test.get("path")), expected))
            continue
        for rule in rules:
            whole = count if isinstance(count, int) else None
            yield Regression(str(place), str(rule["id"]), str(rule.get("title") or ""), log, whole)


def _log(place: Path, written: str) -> Path | None:
    if not written:
        return None
    above = [folder / written for folder in place.parents]
    return next((path for path in (place.parent / Path(written).name, *above) if path.is_file()), None)


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
