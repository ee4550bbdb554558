"""Failures and denials of fail2ban's samples, with the address and the user they tell of."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.corpora.fail2ban import Score, score

# fail2ban judges these with the lines before them: keys a client tries in turn, a module of PAM that another one
# makes up for, a login that succeeds after failures. selinux-ssh: the audit daemon tells of one failed login twice,
# fail2ban wants one of them. Requests that are told to be a robot's by name or path alone are no failure here;
# two lines of Postfix are told apart only by how its filter is set.
JUDGED_WITH_OTHERS = {
    "sshd": 0.925,
    "sshd-journal": 0.925,
    "selinux-ssh": 0.45,
    "apache-badbots": 0.25,
    "apache-pass": 0.0,
    "postfix": 0.96,
    "apache-fakegooglebot": 0.66,
}


@cache
def counted(corpora: Path) -> Score:
    return score(corpora / "fail2ban-logs")


@pytest.mark.mission("S33", "S46", "S49")
def test_failures_and_denials_are_told_apart(corpora: Path) -> None:
    counts = counted(corpora)
    assert counts.count("classified") > 700
    rates = {file: counts.rate("classified", file) for _, file in counts.asked}
    low = {file for file, rate in rates.items() if rate < JUDGED_WITH_OTHERS.get(file, 0.98)}
    assert not low, [miss for miss in counts.misses if miss.startswith(tuple(f"classified: {file}:" for file in low))]


@pytest.mark.mission("S33", "S49")
@pytest.mark.parametrize(("question", "least"), [("named", 0.97), ("address", 0.97), ("user", 0.97), ("time", 0.97)])
def test_what_is_told_of_a_failure_is_read(corpora: Path, question: str, least: float) -> None:
    counts = counted(corpora)
    assert counts.rate(question) >= least, [miss for miss in counts.misses if miss.startswith(question)]
