"""What is costly ends: patterns that explode, values of megabytes, rules with a hundred thousand values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from miharu.detect import Detector, RuleSet
from miharu.detect.compiling import compile_rules
from miharu.detect.documents import RuleFile
from tests.unit.detect.rulecraft import PLAIN_MAPPING, batch, compiled, hits, rule

pytestmark = [pytest.mark.mission("S22"), pytest.mark.timeout(120)]

MILLIONS = 5_000_000


def selecting(name: str, **wanted: Any) -> dict[str, Any]:
    return rule({"s": {key.replace("__", "|"): value for key, value in wanted.items()}, "condition": "s"}, name)


def many(detection: dict[str, Any]) -> RuleSet:
    """Compile a rule whose YAML would take longer to read than to run."""
    content = json.dumps(rule({**detection, "condition": "s"}, "many")).encode()
    other = json.dumps(rule({"s": {"f|contains": "other"}, "condition": "s"}, "other")).encode()
    return compile_rules([RuleFile("many.yml", content), RuleFile("other.yml", other)], PLAIN_MAPPING)


def test_a_pattern_that_explodes_is_decided_in_linear_time_or_refused_and_other_rules_go_on() -> None:
    ruleset = compiled([
        selecting("linear", f__re="(a+)+$"),
        selecting("refused", f__re="(?=(a+)+$)b"),
        selecting("other", f__contains="aab"),
    ])  # fmt: skip
    assert [(problem.rule_id, problem.reason) for problem in ruleset.problems] == [("refused", "regex_costly")]
    events = batch([{"f": "a" * 50_000 + "b"}, {"f": "b" + "a" * 50_000}])
    assert hits(ruleset, events) == {("other", 0), ("linear", 1)}


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("x.*y.*z", "x" * MILLIONS, False),
        ("x.*y.*z", "x" * MILLIONS + "yz", True),
        # No linear engine takes these two: pieces of the value are shown to one that is not.
        ("a+(?=c)", "a" * 12_000 + "b", False),
        ("a+(?=c)", "a" * 12_000 + "c", True),
        (r"(\w)\1z$", "ab" * 100_000 + "bbz", True),
        (r"(\w)\1z$", "bbz" + "ab" * 100_000, False),
        (r"^(?!b)a", "ba" * 100_000, False),
    ],
)
def test_a_long_value_and_a_slow_pattern(pattern: str, value: str, *, expected: bool) -> None:
    ruleset = compiled([selecting("slow", f__re=pattern), selecting("other", g="here")])
    assert not ruleset.problems
    wanted = {("slow", 0), ("other", 0)} if expected else {("other", 0)}
    events = batch([{"f": value, "g": "here"}])
    assert hits(ruleset, events) == wanted
    told = Detector(ruleset).explain("slow", events)
    assert told is not None
    assert told.verdict is expected


def test_a_value_of_megabytes() -> None:
    value = "Begin " + "x" * MILLIONS + " needle " + "y" * MILLIONS + " end"
    rules = [
        selecting("contains", f__contains="NEEDLE"),
        selecting("starts", f__startswith="begin"),
        selecting("ends", f__endswith=" END"),
        selecting("glob", f="begin*needle*end"),
        selecting("cased", f__contains__cased="NEEDLE"),
        selecting("regex", f__re="x needle y"),
        selecting("all", f__contains__all=["begin", "needle", "nothing"]),
        selecting("short", f="begin"),
        selecting("number", f=5),
    ]
    found = hits(compiled(rules), batch([{"f": "needle"}, {"f": value}, {"f": value[:-4]}, {"f": "begin"}]))
    assert found == {
        *((name, 1) for name in ("contains", "starts", "ends", "glob", "regex")),
        *((name, 2) for name in ("contains", "starts", "regex")),
        ("contains", 0), ("starts", 3), ("short", 3),
    }  # fmt: skip


def test_a_value_that_is_nothing_but_what_rules_look_for() -> None:
    rules = [selecting("often", f__contains="ab"), selecting("letter", f__endswith="b"), selecting("none", f="ab")]
    value = "ab" * (MILLIONS // 2)
    assert hits(compiled(rules), batch([{"f": value}, {"f": value + "c"}])) == {
        ("often", 0),
        ("letter", 0),
        ("often", 1),
    }


def test_a_keyword_in_megabytes() -> None:
    raw = b"x" * MILLIONS + b" needle " + b"y" * MILLIONS
    ruleset = compiled([rule({"s": ["NEEDLE"], "condition": "s"}, "keyword")])
    assert hits(ruleset, batch([{"event.original": raw}, {"event.original": raw[:MILLIONS]}])) == {("keyword", 0)}


@pytest.mark.parametrize(
    ("modifier", "written", "value", "alone"),
    [
        ("contains", "text {} here", "some TEXT {} HERE and more", True),
        ("contains", "text {} here", "some TEXT {} HERE and more", False),
        ("", "t{}", "T{}", False),
        ("cidr", "10.{1}.{2}.{3}/32", "10.{1}.{2}.{3}", True),
    ],
)
def test_a_rule_with_a_hundred_thousand_values(modifier: str, written: str, value: str, *, alone: bool) -> None:
    """The values are what is looked for in all events, or are left to be asked where something rarer was found."""

    def of(text: str, number: int) -> str:
        return text.format(number, number >> 16, number >> 8 & 255, number & 255)

    name = f"f|{modifier}" if modifier else "f"
    ruleset = many({"s": {name: [of(written, number) for number in range(100_000)]} | ({} if alone else {"g": "key"})})
    assert not ruleset.problems
    texts = [of(value, 0), of(value, 99_999), of(value, 100_000), "other", None]
    frame = batch([{"f": text, "g": "key"} for text in texts])
    assert hits(ruleset, frame) == {("many", 0), ("many", 1), ("other", 3)}
    told = Detector(ruleset).explain("many", frame[1])
    assert told is not None
    assert told.verdict
