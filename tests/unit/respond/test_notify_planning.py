"""Findings open alerts and raise their level; each is told once to each target that wants it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from miharu.core.alert import Alert
from miharu.core.finding import alert_id
from miharu.pipeline import plan_notices
from miharu.respond import Change, Session, Target, regroup
from tests.unit.respond.notify_receiver import START

GAP = timedelta(hours=1)
ALL = Target("all", "webhook", "https://example.com/", min_level="informational")
HIGH = Target("high", "webhook", "https://example.com/", min_level="high")


def session(minute: int, level: str = "medium") -> Session:
    moment = START + timedelta(minutes=minute)
    return Session("r1", "Rule", level, '{"host.name":"web01"}', moment, moment, f"{minute:032x}", 1)


def told(change: Change) -> list[tuple[str, str, str]]:
    return [(each.target, each.alert_id, each.kind) for each in plan_notices([ALL, HIGH], [change])]


def id_of(minute: int) -> str:
    return alert_id("r1", '{"host.name":"web01"}', f"{minute:032x}")


def live(*changes: Change) -> list[Alert]:
    newest = {alert.id: alert for change in changes for alert in change.alerts}
    return [alert for alert in newest.values() if alert.state != "superseded"]


def test_an_alert_is_told_of_when_it_opens_and_not_when_it_only_grows():
    first = regroup([], [session(0)], GAP)
    assert (first.opened, first.raised) == (1, ())
    assert told(first) == [("all", id_of(0), "opened")]
    grown = regroup(live(first), [session(30)], GAP)
    assert len(grown.alerts) == 1
    assert told(grown) == []


def test_each_rise_is_told_of_also_where_an_earlier_finding_gave_the_alert_a_new_id():
    first = regroup([], [session(30)], GAP)
    second = regroup(live(first), [session(0, "high")], GAP)
    assert (second.opened, [alert.id for alert in second.raised]) == (0, [id_of(0)])
    assert told(second) == [("all", id_of(0), "raised:high"), ("high", id_of(0), "raised:high")]
    third = regroup(live(first, second), [session(10, "critical")], GAP)
    assert told(third) == [("all", id_of(0), "raised:critical"), ("high", id_of(0), "raised:critical")]


def test_alerts_that_join_at_a_level_one_of_them_had_are_not_news():
    one, two = regroup([], [session(0)], GAP), regroup([], [session(100, "high")], GAP)
    joined = regroup(live(one, two), [session(50)], GAP)
    assert [alert.rule_level for alert in live(joined)] == ["high"]
    assert told(joined) == []


def test_ids_of_notices_are_functions_of_what_they_say():
    notices = plan_notices([ALL, HIGH], [regroup([], [session(0, "high")], GAP)])
    again = plan_notices([ALL, HIGH], [regroup([], [session(0, "high")], GAP)])
    assert [notice.id for notice in notices] == [notice.id for notice in again]
    assert len({notice.id for notice in [*notices, replace(notices[0], kind="raised:high")]}) == 3
    assert notices[0].body["alert"]["entity"] == {"host.name": "web01"}
