"""The shipped sample logs are what their seed makes, and speak of nobody real."""

from __future__ import annotations

import ipaddress
import re

import pytest

from bench.morning.__main__ import LOGS, SAMPLES, texts
from tests.house.tree import ROOT

DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
OURS = ipaddress.ip_network("10.0.0.0/8")


def test_samples_come_from_their_seed():
    stored = {place: (SAMPLES / place).read_text(encoding="utf-8") for place in LOGS}
    assert texts() == stored, "run make samples"
    files = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*") if path.is_file()}
    assert files == set(LOGS)


@pytest.mark.parametrize("place", LOGS)
def test_addresses_are_documentation_or_private(place: str):
    text = (SAMPLES / place).read_text(encoding="utf-8")
    found = {ipaddress.ip_address(match) for match in re.findall(r"(?<![\d./])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", text)}
    versions = {address for address in found if str(address).endswith((".0.0.0", ".0.0"))}  # Chrome/145.0.0.0
    strange = [a for a in found - versions if a not in OURS and not any(a in net for net in DOCUMENTATION)]
    assert found
    assert not strange


def test_starter_rules_have_ids_of_their_own():
    ids = [
        match
        for path in (ROOT / "content" / "rules").rglob("*.yml")
        for match in re.findall(r"^id: ([0-9a-f-]{36})$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(ids) == len(set(ids)) == len(list((ROOT / "content" / "rules").rglob("*.yml")))
