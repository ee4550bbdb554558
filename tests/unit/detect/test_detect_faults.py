"""All that is wrong with a rule is told at once, each with file, line, key, what is found, what is expected, a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from miharu.detect import load_rules
from miharu.detect.conditions import read_condition
from tests.unit.detect.rulecraft import PLAIN_MAPPING

pytestmark = pytest.mark.mission("S22")

BROKEN = """\
title: Broken in many places
id: broken
logsource:
  category: test
  product: [a]
detection:
  first:
    Image|endwith: 'x'
    Size|gt: many
    When|hour: 25
    There|exists: 'yes'
    Net|cidr: 192.0.2.1/24
  second:
    - Name|re: '(open'
    - Name|i: 'x'
    - Inner:
        deeper: 1
  third: {}
  fourth:
    '|cidr': 192.0.2.0/24
  condition:
    - fiirst and 1 of sec*
    - first or
    - 2 of them
    - (first
"""


def test_all_faults_of_a_rule_are_told_with_their_places(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(BROKEN)
    (problem,) = load_rules([tmp_path], PLAIN_MAPPING, None).problems
    assert (problem.rule_id, problem.title, problem.line) == ("broken", "Broken in many places", 5)
    told = {(fault.line, fault.key): fault for fault in problem.faults}
    assert [(fault.line, fault.key) for fault in problem.faults] == [
        (5, "logsource.product"),
        (8, "detection.first.Image|endwith"),
        (9, "detection.first.Size|gt"),
        (10, "detection.first.When|hour"),
        (11, "detection.first.There|exists"),
        (12, "detection.first.Net|cidr"),
        (14, "detection.second[0].Name|re"),
        (15, "detection.second[1].Name|i"),
        (16, "detection.second[2].Inner"),
        (18, "detection.third"),
        (20, "detection.fourth.|cidr"),
        (22, "detection.condition[0]"),
        (23, "detection.condition[1]"),
        (24, "detection.condition[2]"),
        (25, "detection.condition[3]"),
    ]
    assert all(fault.text and fault.hint for fault in problem.faults)
    modifier = told[8, "detection.first.Image|endwith"]
    assert (modifier.found, modifier.hint) == ("endwith", "did you mean 'endswith'?")
    assert told[10, "detection.first.When|hour"].expected == "a whole number from 0 to 23"
    name = told[22, "detection.condition[0]"]
    assert name.text == "no selection is named 'fiirst'"
    assert name.hint == "did you mean 'first'?"
    assert name.expected == "one of these names: first, second, third, fourth"
    assert str(name) == (
        "line 22: detection.condition[0]: no selection is named 'fiirst': found fiirst, "
        "expected one of these names: first, second, third, fourth (did you mean 'first'?)"
    )
    assert str(problem).startswith(f"{tmp_path}/broken.yml:5: not_a_rule: product is no text, at logsource.product")
    assert "line 23: detection.condition[1]: the end" in problem.text


@pytest.mark.parametrize(
    ("condition", "text", "expected"),
    [
        ("", "the end at character 1 cannot stand there", "a selection, `not` or `(`"),
        ("a b", "'b' at character 3 cannot stand there", "`and`, `or` or the end"),
        ("a)", "')' at character 2 cannot stand there", "`and`, `or` or the end"),
        ("(a", "the end at character 3 cannot stand there", "`)`"),
        ("a and and b", "'and' at character 7 cannot stand there", "a selection, `not` or `(`"),
        ("1 of", "the end at character 5 cannot stand there", "a selection, `not` or `(`"),
        ("1 of (a)", "'(' at character 6 cannot stand there", "`them` or a pattern of names"),
        ("3 of a*", "'3' at character 1 cannot stand there", "`1`, `any` or `all` before `of`"),
        ("1 of x*", "no selection is named like 'x*'", "a pattern of these names: a, b"),
        ("(" * 80 + "a" + ")" * 80, "the condition is nested too deeply", "fewer brackets"),
        ("a and " * 5_000 + "b", "the condition is too long", "at most 20,000"),
        ("a | count() > 1", "aggregations do not run", "no `|`"),
    ],
)
def test_what_is_wrong_with_a_condition(condition: str, text: str, expected: str) -> None:
    tree, faults = read_condition(condition, ["a", "b"])
    assert tree is None
    assert (faults[0].text, faults[0].expected) == (text, expected)


def test_a_long_chain_of_conditions_is_no_fault() -> None:
    tree, faults = read_condition(" or ".join(["not a", "b"] * 1_000), ["a", "b"])
    assert faults == []
    assert tree is not None
    assert len(tree.parts) == 2_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("{f|base64: 'a*b'}", "a text with wildcards or placeholders cannot be encoded in base64"),
        ("{f|base64offset: ''}", "an empty text cannot be looked for in base64"),
        ("{f|fieldref: 'a*'}", "the name of a field cannot hold wildcards"),
        ("{f|windash: '-a -b -c -d -e -f'}", "`windash` of a value with more than 5 dashes has too many forms"),
        ("{f|lt: .inf}", "Invalid number"),
        ("{f|contains: null}", "null is the value of a field without modifiers"),
        ("[null]", "null is the value of a field without modifiers"),
        ("{'|fieldref': a}", "a keyword cannot be a network, a comparison or another field"),
        ("{'|hour': 7}", "a keyword cannot be a network, a comparison or another field"),
        ("[]", "the selection is empty"),
        ("[[a], []]", "the selection is empty"),
        ("{'|all': []}", "a list of keywords is empty"),
    ],
)
def test_values_that_mean_nothing(tmp_path: Path, value: str, text: str) -> None:
    content = f"title: t\nlogsource: {{category: test}}\ndetection:\n  s: {value}\n  condition: s\n"
    (tmp_path / "r.yml").write_text(content)
    (problem,) = load_rules([tmp_path], PLAIN_MAPPING, None).problems
    assert [fault.text for fault in problem.faults] == [text]
    assert problem.line == 4


def test_a_level_that_is_not_known_is_noted_and_the_rule_runs_as_medium(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(
        "title: t\nid: r\nlogsource: {category: test}\ndetection:\n  s: {f: x}\n  condition: s\nlevel: extreme\n"
    )
    ruleset = load_rules([tmp_path], PLAIN_MAPPING, None)
    assert [found.level for found in ruleset.rules] == ["medium"]
    assert [(note.reason, note.line) for note in ruleset.notes] == [("level_unknown", 7)]
