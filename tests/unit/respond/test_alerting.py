"""Alerts are a pure function of the findings, whatever order they arrive in."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miharu.core.alert import Alert
from miharu.core.finding import FINDING_SCHEMA, alert_id
from miharu.respond import regroup, sessions

GAP = timedelta(hours=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def findings(minutes: list[int], entity: str = '{"host.name":"web01"}') -> pl.DataFrame:
    rows = [
        {
            "finding.id": f"{minute:08d}",
            "rule.id": "r1",
            "rule.name": "Rule",
            "rule.level": "high",
            "rule.hash": "h",
            "rule.tags": [],
            "event.id": f"e{minute}",
            "event.dataset": "system.auth",
            "@timestamp": START + timedelta(minutes=minute),
            "entity": entity,
            "matched": "{}",
        }
        for minute in minutes
    ]
    return pl.DataFrame(rows, schema=FINDING_SCHEMA)


def arrive(parts: list[list[int]]) -> dict[str, Alert]:
    """Let findings arrive part by part and return all alerts by id."""
    alerts: dict[str, Alert] = {}
    for part in parts:
        live = [alert for alert in alerts.values() if alert.state != "superseded"]
        for alert in regroup(live, sessions(findings(part), GAP), GAP).alerts:
            alerts[alert.id] = alert
    return alerts


def test_a_pause_of_exactly_the_gap_keeps_one_alert() -> None:
    assert len(sessions(findings([0, 60]), GAP)) == 1
    assert len(sessions(findings([0, 61]), GAP)) == 2


def test_entities_do_not_mix() -> None:
    both = pl.concat([findings([0, 1]), findings([2, 3], '{"host.name":"db01"}')])
    assert [session.count for session in sessions(both, GAP)] == [2, 2]


def test_a_late_finding_joins_two_alerts_and_the_old_id_points_to_the_new() -> None:
    alerts = arrive([[0], [100], [50]])
    first = alert_id("r1", '{"host.name":"web01"}', "00000000")
    second = alert_id("r1", '{"host.name":"web01"}', "00000100")
    assert alerts[first].count == 3
    assert alerts[second].state == "superseded"
    assert alerts[second].superseded_by == first


def test_an_earlier_finding_gives_a_new_id_and_keeps_the_old_as_alias() -> None:
    alerts = arrive([[30], [0]])
    live = [alert for alert in alerts.values() if alert.state == "open"]
    assert [alert.first_finding for alert in live] == ["00000000"]
    assert live[0].count == 2


@pytest.mark.mission("S16")
@given(
    minutes=st.lists(st.integers(0, 2_000), unique=True, min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    seed=st.integers(0, 1_000_000),
)
def test_order_and_batches_of_arrival_do_not_matter(minutes: list[int], cuts: list[int], seed: int) -> None:
    shuffled = random.Random(seed).sample(minutes, len(minutes))
    places = [0, *sorted(min(cut, len(shuffled)) for cut in cuts), len(shuffled)]
    parts = [shuffled[a:b] for a, b in pairwise(places) if a < b]
    live = {alert for alert in arrive(parts).values() if alert.state == "open"}
    assert live == set(arrive([sorted(minutes)]).values())
