"""Sources and stated fields of the firewalls' lines that Wazuh's and Sentinel's rules are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.firewalls import score


@pytest.mark.mission("S135")
def test_lines_of_firewalls_are_named_and_hold_what_they_state(corpora: Path) -> None:
    counts = score(corpora)
    assert counts.asked["named"] > 900
    assert counts.asked["stated"] > 5000
    assert counts.rate("named") >= 0.99, counts.misses
    assert counts.rate("stated") >= 0.99, counts.misses
