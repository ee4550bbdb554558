"""Logs of Symantec, McAfee and Check Point: their source is named, and stated fields are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpora.endpoint_protection import scores


@pytest.mark.mission("S117", "S127", "S149")
def test_products_are_named_and_say_what_is_stated_of_them(corpora: Path) -> None:
    found = scores(corpora)
    assert {name: counts.asked["named"] for name, counts in found.items()} == {
        "symantec": 616,
        "epo": 404,
        "wazuh": 19,
        "lines": 10,
    }
    for name, counts in found.items():
        assert counts.rate("named") >= 0.99, (name, counts.misses[:5])
        assert counts.rate() >= 0.95, (name, counts.misses[:5])
    assert found["symantec"].rate("type") >= 0.99
    assert found["lines"].rate("type") == 1
