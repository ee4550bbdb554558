"""Sources and outcomes of the lines of Linux and its services that Wazuh's rules are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.wazuh import score


@pytest.mark.mission("S19", "S94")
def test_lines_of_linux_services_are_named_and_tell_how_a_login_ended(corpora: Path) -> None:
    counts = score(corpora / "wazuh-ruleset-tests")
    assert counts.asked["named"] > 300
    assert counts.asked["outcome"] > 50
    assert counts.rate("named") >= 0.99, counts.misses
    assert counts.rate("outcome") >= 0.97, counts.misses
