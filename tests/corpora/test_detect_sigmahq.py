"""All SigmaHQ rules load at once, and each regression case's own rule fires on its own event log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from miharu.catalog import load_fields, load_logsources, load_sigma_mapping
from miharu.detect import PROBLEM_REASONS, Detector, RuleSet, load_rules
from miharu.detect.columns import BatchColumns, TextColumn
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand

WANTED = 80
CASES = 81


@pytest.fixture(scope="module")
def ruleset(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return load_rules([corpora / "sigma-rules.tar.gz"], load_sigma_mapping(), tmp_path_factory.mktemp("rules"))


@pytest.mark.mission("S22")
def test_every_rule_runs_or_is_listed_with_a_reason(ruleset: RuleSet, corpora: Path) -> None:
    import tarfile  # noqa: PLC0415 - counted without the code under test

    with tarfile.open(corpora / "sigma-rules.tar.gz") as archive:
        files = [member.name for member in archive if member.name.endswith(".yml")]
    known = {rule.path for rule in ruleset.rules} | {problem.path for problem in ruleset.problems}
    assert len(ruleset.rules) + len(ruleset.problems) == len(files) == len(known)
    assert (
        {problem.reason for problem in ruleset.problems} <= {"placeholder", "logsource_unmapped"} < set(PROBLEM_REASONS)
    )
    windows = [problem for problem in ruleset.problems if "windows" in problem.path]
    assert {problem.reason for problem in windows} <= {"placeholder"}


@pytest.mark.mission("S22", "S70")
def test_regression_cases_fire(ruleset: RuleSet, corpora: Path) -> None:
    sources = load_logsources()
    parser, normaliser = Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")
    detector = Detector(ruleset)
    cases = sorted((corpora / "sigma-regression").rglob("info.yml"))
    missed = []
    for info in cases:
        wanted = yaml.safe_load(info.read_text())["regression_tests_info"][0].get("match_count") or 1
        rule_id = yaml.safe_load((info.parent / "rule.yml").read_text())["id"]
        found = 0
        for file in expand([info.parent / f"{rule_id}.evtx"]):
            for chunk in file.chunks("0" * 32):
                parsed = parser.read(chunk.format, chunk.records)
                findings = detector.run(normaliser.run(parsed.fields, datetime.now(UTC)))
                found += findings.filter(pl.col("rule.id") == rule_id).height
        if found < wanted:
            missed.append((info.parent.name, found, wanted))
    assert len(cases) == CASES
    assert len(cases) - len(missed) >= WANTED, missed


@pytest.mark.mission("S22", "S70")
def test_sigma_names_of_windows_fields_read_what_the_record_says(corpora: Path) -> None:
    """Whatever ECS column a value went to, its Windows name finds it there, unchanged."""
    (route,) = load_sigma_mapping().resolve("windows", None, None)
    sources = load_logsources()
    parser, normaliser = Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")
    seen, lost = 0, Counter[tuple[str, str]]()
    for file in expand([corpora / "sigma-regression"]):
        if not file.path.endswith(".evtx"):
            continue
        for chunk in file.chunks("0" * 32):
            parsed = parser.read(chunk.format, chunk.records)
            batch = normaliser.run(parsed.fields, datetime.now(UTC))
            columns = BatchColumns(batch)
            rows = {row: place for place, row in enumerate(batch["record.row"].to_list())}
            for fields in parsed.fields:
                names = [name for name in fields.frame.columns if name.startswith("EventData.")]
                columns.read_leftovers(
                    {column for name in names for column in route.target(name.removeprefix("EventData.")).columns}
                )
                for row in fields.frame.iter_rows(named=True):
                    for name in names:
                        if (value := row[name]) in {None, "", "-"}:
                            continue
                        seen += 1
                        target = route.target(name.removeprefix("EventData."))
                        held = [column.texts[rows[row["record.row"]]] for column in _present(columns, target.columns)]
                        if value not in (held if target.every else [text for text in held if text is not None][:1]):
                            lost[name, row["System.EventID"]] += 1
    assert seen > 1_000
    assert lost.total() < seen / 200, lost.most_common(10)


def _present(columns: BatchColumns, names: Sequence[str]) -> list[TextColumn]:
    return [column for name in names if (column := columns.whole(name)) is not None]
