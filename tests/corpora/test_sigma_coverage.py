"""Every field that SigmaHQ's rules ask for has somebody who fills it, and nearly every rule can run."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from miharu.catalog import load_sigma_mapping
from miharu.detect import load_rules
from tests.house import sigma_coverage

pytestmark = pytest.mark.mission("S22")

CANNOT_RUN = 10
ELSEWHERE = {"placeholder", "correlation"}
"""Reasons that lie with a rule's construct, not with where its events come from."""


def rule_texts(archive: Path) -> Iterator[bytes]:
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith(".yml") and (file := members.extractfile(member)) is not None:
                yield file.read()


@pytest.fixture(scope="module")
def counts(corpora: Path) -> dict[sigma_coverage.Logsource, sigma_coverage.Wanted]:
    return sigma_coverage.count(sigma_coverage.documents_in(rule_texts(corpora / "sigma-rules.tar.gz")))


def test_the_table_says_what_the_rules_say(
    counts: dict[sigma_coverage.Logsource, sigma_coverage.Wanted],
) -> None:
    assert sigma_coverage.COUNTS.read_text(encoding="utf-8") == sigma_coverage.written(counts)


def test_every_logsource_meets_a_log_source(counts: dict[sigma_coverage.Logsource, sigma_coverage.Wanted]) -> None:
    known = sigma_coverage.filling()
    assert [logsource for logsource in counts if not known.sources_of(logsource)] == []


def test_every_field_is_filled_or_read_as_written(
    counts: dict[sigma_coverage.Logsource, sigma_coverage.Wanted],
) -> None:
    known = sigma_coverage.filling()
    nobody = set()
    for logsource, wanted in counts.items():
        for name in wanted.fields:
            answer = known.answer(logsource, name)
            if not answer.mapped and not answer.written:
                nobody.add((logsource, name))
    assert nobody == set(sigma_coverage.NOBODY)


def test_nearly_every_rule_can_run(corpora: Path, tmp_path: Path) -> None:
    ruleset = load_rules([corpora / "sigma-rules.tar.gz"], load_sigma_mapping(), tmp_path)
    assert all(problem.text for problem in ruleset.problems)
    reasons = Counter(problem.reason for problem in ruleset.problems if problem.reason not in ELSEWHERE)
    assert reasons.total() <= CANNOT_RUN, reasons
    assert "logsource_unmapped" not in reasons
