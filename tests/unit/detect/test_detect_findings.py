"""Findings carry the rule, the event, whom it is about and what matched."""

from __future__ import annotations

import orjson
import polars as pl
import pytest

from miharu.core.finding import FINDING_SCHEMA, finding_id
from miharu.detect import Detector
from tests.unit.detect.rulecraft import DATASET, WHEN, batch, compiled, rule

pytestmark = pytest.mark.mission("S22")


def test_a_finding_names_rule_event_entity_and_values() -> None:
    ruleset = compiled([rule({"s": {"f|contains": "x", "g": 5}, "condition": "s"}, "r1", tags=["attack.t1059"])])
    events = batch(
        [{"f": "axb", "g": 5, "h": "unread", "host.name": "desk-7"}, {"f": "no", "g": 5, "host.name": "desk-8"}]
    )
    found = Detector(ruleset).run(events)
    assert dict(found.schema) == dict(pl.Schema(FINDING_SCHEMA))
    (row,) = found.rows(named=True)
    assert row == {
        "finding.id": finding_id("r1", ruleset.rules[0].hash, "0"),
        "rule.id": "r1",
        "rule.name": "Title of r1",
        "rule.level": "high",
        "rule.hash": ruleset.rules[0].hash,
        "rule.tags": ["attack.t1059"],
        "event.id": "0",
        "event.dataset": DATASET,
        "@timestamp": WHEN,
        "entity": '{"host.name":"desk-7"}',
        "matched": '{"f":"axb","g":"5"}',
    }


def test_a_rule_may_name_its_own_entity_and_fields_without_a_value_are_left_out() -> None:
    own = rule({"s": {"f": "x"}, "condition": "s"}, miharu={"entity": ["user.name", "source.ip", "gone"]})
    events = batch(
        [{"f": "x", "user.name": "alice", "source.ip": "192.0.2.7"}, {"f": "x", "user.name": None, "source.ip": None}]
    )
    assert Detector(compiled([own])).run(events)["entity"].to_list() == [
        '{"source.ip":"192.0.2.7","user.name":"alice"}',
        "{}",
    ]


def test_findings_come_in_the_order_of_rows() -> None:
    rules = [rule({"s": {"f": "x"}, "condition": "s"}, "a"), rule({"s": {"g": "y"}, "condition": "s"}, "b")]
    events = batch([{"f": "x", "g": "y"}, {"f": "-", "g": "-"}, {"f": "x", "g": "-"}, {"f": "-", "g": "y"}])
    found = Detector(compiled(rules)).run(events)
    assert list(found.select("event.id", "rule.id").iter_rows()) == [("0", "a"), ("0", "b"), ("2", "a"), ("3", "b")]


def test_matched_values_are_those_of_each_row_also_when_verdicts_are_remembered() -> None:
    detector = Detector(compiled([rule({"s": {"f|startswith": "x"}, "condition": "s"})]))
    events = batch([{"f": "x1"}, {"f": "x2"}, {"f": "x1"}])
    for _ in range(2):
        assert [orjson.loads(text)["f"] for text in detector.run(events)["matched"]] == ["x1", "x2", "x1"]


def test_keywords_that_were_found_are_told() -> None:
    detector = Detector(compiled([rule({"keywords": ["evil", "worse"], "condition": "keywords"})]))
    found = detector.run(batch([{"event.original": b"an EVIL thing"}]))
    assert found["matched"].to_list() == ['{"keywords":["evil"]}']


def test_why_a_rule_held_or_not() -> None:
    detection = {
        "sel": {"f|endswith": "\\cmd.exe", "g": ["a", "b"]},
        "filter": {"h|exists": True},
        "condition": "sel and not filter",
    }
    detector = Detector(compiled([rule(detection, "r1")]))
    told = detector.explain("r1", batch([{"f": "C:\\CMD.EXE", "g": "B", "h": None}]))
    assert told is not None
    assert (told.kind, told.label, told.verdict) == ("rule", "Title of r1", True)
    (both,) = told.children
    assert [(child.kind, child.label, child.verdict) for child in both.children] == [
        ("selection", "sel", True),
        ("not", "not", True),
    ]
    first = both.children[0].children[0].children[0]
    assert (first.kind, first.field, first.column, first.operator) == ("test", "f", "f", "ends with")
    assert (first.wanted, first.value, first.verdict) == (repr("\\cmd.exe"), "C:\\CMD.EXE", True)
    choice = both.children[0].children[0].children[1]
    assert [child.verdict for child in choice.children] == [False, True]
    assert [child.label for child in choice.pruned().children] == ["g is 'b' ⟵ g: 'B'"]
    missed = detector.explain("r1", batch([{"f": "C:\\x", "g": "B", "h": "there"}]))
    assert missed is not None
    assert not missed.verdict
    assert detector.explain("unknown", batch([{"f": "x"}])) is None


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miharu.detect.plan._VALUES", 40)
    monkeypatch.setattr("miharu.detect.plan._ROWS", 20)
    words = [f"word{n}" for n in range(12)]
    rules = [rule({"s": {"f|contains": word}, "condition": "s"}, word) for word in words]
    detector = Detector(compiled(rules))
    for round_ in range(30):
        texts = [" ".join(words[n] for n in range(12) if (row + round_) >> n & 1) + f" {row}" for row in range(40)]
        found = detector.run(batch([{"f": text} for text in texts]))
        expected = {(word, str(at)) for at, text in enumerate(texts) for word in words if word in text}
        assert set(found.select("rule.id", "event.id").iter_rows()) == expected
    # The limit, and what two batches added at once.
    assert len(detector._plan.screens) <= 40 + 2 * 40
    assert len(detector._known) <= 20 + 2 * 40
