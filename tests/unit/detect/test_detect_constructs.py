"""Constructs of Sigma 2.1 that pySigma or its SQLite backend lack or read otherwise, worked by hand."""

from __future__ import annotations

import base64
import re
from typing import Any

import polars as pl
import pytest

from miharu.detect import Detector, Rule
from miharu.detect.conditions import read_condition
from miharu.detect.regexsample import sample_texts
from tests.unit.detect.rulecraft import batch, compiled, hits, holding, one_of, rule

pytestmark = pytest.mark.mission("S22")


def field(*values: Any) -> list[dict[str, Any]]:
    return [{"f": value} for value in values]


@pytest.mark.parametrize(
    ("item", "values", "expected"),
    [
        ({"f|utf16le|contains": "hé"}, ["xh\0é\0", "hé", "h\0é"], [0]),
        ({"f|utf16|startswith": "hi"}, ["ÿþh\0i\0", "h\0i\0", "xÿþh\0i\0"], [0]),
        ({"f|utf16be|contains": "hi"}, ["\0h\0i", "h\0i\0"], [0]),
        ({"f|wide|base64|contains": "naïve"}, [base64.b64encode("naïve".encode("utf-16le")).decode(), "naïve"], [0]),
        ({"f|utf16|base64": "ping"}, [base64.b64encode(b"\xff\xfe" + "ping".encode("utf-16le")).decode()], [0]),
        ({"f|base64": r"a\*b"}, [base64.b64encode(b"a*b").decode(), base64.b64encode(rb"a\*b").decode()], [0]),
        ({"f|base64offset|contains": "é"}, [base64.b64encode("xxéz".encode()).decode(), "xxéz"], [0]),
        ({"f|base64offset|contains": "a"}, ["YQ==", "xxh", "zz", "!"], [0, 1]),
        ({"f|windash|contains": " \u2013x"}, ["a -x", "a /x", "a \u2015x", "a x"], [0, 1, 2]),
        ({"f|windash|contains|all": [" -x", " -y"]}, ["a /y -x", "a /x", "a -y"], [0]),
        ({"f|re|startswith": "a+b"}, ["aab!", "xaab"], [0]),
        ({"f|re|endswith|i": "a+b|c"}, ["xAAB", "aabx", "xC", "cx"], [0, 2]),
        ({"f|re|endswith": "(?i)a+b"}, ["xAAB", "AABx"], [0]),
        ({"f|re|contains": "^b$"}, ["b", "abc"], [0]),
        ({"f|contains": 46}, ["x4625", "47"], [0]),
        ({"f|startswith": [46, "x"]}, ["4625", "x", "146"], [0, 1]),
        ({"f|re": 46}, ["x4625", "47"], [0]),
        ({"f|gt": "5"}, ["6", "5", "five"], [0]),
        ({"f": "5"}, ["5", "5.0", "05"], [0]),
        ({"f": 5}, ["5", "5.0", "x5"], [0, 1]),
        ({"f": 2024_01_02}, ["20240102"], [0]),
        ({"f|hour|gte": 22}, ["2024-05-01T23:10:00Z", "2024-05-01T22:00:00Z", "2024-05-01T21:59:59Z", "x"], [0, 1]),
        ({"f|hour|neq": 22}, ["2024-05-01T23:10:00Z", "2024-05-01T22:00:00Z", None], [0, 2]),
        ({"f|hour": 1}, ["2024-05-01T01:00:00+09:00", "2024-04-30T16:00:00Z"], [0]),
        ({"f|minute": 10}, ["2024-05-01T07:10:59Z", "2024-05-01T10:07:10Z"], [0]),
        ({"f|month": [5, 6]}, ["2024-05-01", "2024-06-30T00:00:00", "2024-07-01"], [0, 1]),
        ({"f|year": 2024}, ["2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"], [0]),
        ({"f|cidr": ["10.0.0.0/8", "2001:db8::/32"]}, ["10.1.1.1", "2001:db8::1", "11.0.0.1", "10.0.0.0/8"], [0, 1]),
        ({"f|cidr|neq": "10.0.0.0/8"}, ["10.1.1.1", "11.0.0.1", "x", None], [1, 2, 3]),
        ({"f|neq": ["a", "b"]}, ["A", "b", "c", None], [2, 3]),
        ({"f|contains|all|neq": ["a", "b"]}, ["ab", "a", None], [1, 2]),
        ({"f|exists": True, "f|neq": ""}, ["x", "", None], [0]),
        ({"f": [None, "x"]}, ["x", "", None], [0, 2]),
        ({"f": []}, ["x", None], [1]),
        ({"f": r"a\\b"}, [r"a\b", r"a\\b"], [0]),
        ({"f": r"a\b"}, [r"a\b", r"a\\b"], [0]),
        ({"f": r"a\\\\b"}, [r"a\b", r"a\\b"], [1]),
        ({"f": r"a\\*"}, ["a\\xyz", "a*", "axyz"], [0]),
        ({"f": r"a\\\*"}, ["a\\*", "a\\x"], [0]),
        ({"f": r"a\?"}, ["a?", "ax"], [0]),
        ({"f": "a%b_c"}, ["A%B_C", "axbyc"], [0]),
        ({"f|cased": "A*b"}, ["Axxb", "axxb", "AxxB"], [0]),
    ],
)  # fmt: skip
def test_what_a_test_holds_for(item: dict[str, Any], values: list[Any], expected: list[int]) -> None:
    assert one_of(item, field(*values), schema={"f": pl.String}) == expected


def test_a_text_with_nul_is_found_whole_among_many_others() -> None:
    words = [f"Word{n}x" for n in range(12)]
    rules = [rule({"s": {"f|contains": word}, "condition": "s"}, word) for word in words]
    rules += [
        rule({"s": {"f|wide|contains": "ab"}, "condition": "s"}, "wide"),
        rule({"s": {"f|utf16be|contains": "ab"}, "condition": "s"}, "big"),
        rule({"s": {"f|wide|startswith|cased": "AB"}, "condition": "s"}, "start"),
        rule({"s": {"f": "a\0*\0b"}, "condition": "s"}, "glob"),
    ]
    events = batch(field("A\0b\0", "ab", "xa\0x", "\0a\0b", "A\0B\0", "a\0..\0b", "a\0..b"))
    assert hits(compiled(rules), events) == {
        ("wide", 0), ("wide", 4), ("big", 3), ("start", 4), ("glob", 5),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"f|fieldref|cased": "g"}, [1]),
        ({"f|cased|fieldref": "g"}, [1]),
        ({"f|fieldref|neq": "g"}, [2, 3]),
        ({"f|fieldref|contains|cased": "g"}, [1]),
        ({"f|fieldref": ["g", "h"]}, [0, 1, 2]),
    ],
)
def test_a_field_is_compared_with_others(item: dict[str, Any], expected: list[int]) -> None:
    events = [
        {"f": "AB", "g": "ab", "h": "-"},
        {"f": "ab", "g": "ab", "h": "-"},
        {"f": "x", "g": "ab", "h": "X"},
        {"f": "y", "g": None, "h": "-"},
    ]
    assert one_of(item, events) == expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (["evil", "worse"], [0, 1]),
        ("evil", [0]),
        ({"|all": ["evil", "two"]}, [0]),
        ({"|re": r"w[aeiou]rse\d?"}, [1]),
        ({"|re|i": "EVIL"}, [0]),
        ({"|contains": ["evil"]}, [0]),
        ({"|cased": "Evil"}, []),
        ({"|windash": " -x"}, [2]),
        ({"|neq": ["evil"]}, [1, 2, 3]),
        ({"": ["evil"]}, [0]),
        ([{"|all": ["evil", "two"]}, "worse", {"f": "three*"}], [0, 1, 3]),
        ({"|all": ["evil"], "f|exists": True}, [0]),
    ],
)
def test_keywords_in_all_their_forms(item: Any, expected: list[int]) -> None:
    assert one_of(item, field("evil two", "worse1", "a /x", "three or four")) == expected


def test_names_of_fields_may_hold_dots_spaces_and_other_characters() -> None:
    names = ["a.b.c", "New Value", "x-y", "ü", "a\\b", "@id", "k[0]", "8"]
    for name in names:
        assert one_of({f"{name}|contains": "v"}, [{name: "a V b"}, {name: "no"}]) == [0], name
    assert one_of({8: "v"}, [{"8": "V"}]) == [0]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1 of them", ["sel_a", "sel_b", "other"]),
        ("all of sel*", ["sel_a", "sel_b"]),
        ("1 of *_b", ["sel_b"]),
        ("any of s*_a", ["sel_a"]),
        ("1 of *e*", ["sel_a", "sel_b", "other"]),
        ("all of _hid*", ["_hidden"]),
        ("1 OF sel_*", ["sel_a", "sel_b"]),
    ],
)
def test_patterns_name_selections(condition: str, expected: list[str]) -> None:
    part, faults = read_condition(condition, ["sel_a", "sel_b", "other", "_hidden"])
    assert faults == []
    assert part is not None
    assert [inner.name for inner in part.parts or (part,)] == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a or b and c", [1, 0, 0, 1]),
        ("(a or b) and c", [0, 0, 0, 1]),
        ("not a and not b", [0, 1, 1, 0]),
        ("not (a or b)", [0, 1, 1, 0]),
        ("not not a", [1, 0, 0, 1]),
        ("((((a))))", [1, 0, 0, 1]),
        ("a and(c)or(b)", [0, 0, 0, 1]),
        ("a OR c", [1, 1, 0, 1]),
    ],
)
def test_how_words_of_a_condition_bind(condition: str, expected: list[int]) -> None:
    detection = {name: {"f|contains": name} for name in ("a", "b", "c")}
    found = holding({**detection, "condition": condition}, field("a", "c", "x", "ac"))
    assert found == [place for place, holds in enumerate(expected) if holds]


def test_of_several_values_any_may_match_and_all_wants_each_of_the_rules() -> None:
    events: list[dict[str, Any]] = [{"f": ["one", "two"]}, {"f": ["one"]}, {"f": ["three"]}]
    assert one_of({"f|contains|all": ["on", "tw"]}, events) == [0]
    assert one_of({"f|neq": "one"}, events) == [2]
    assert one_of({"f|re": "^t"}, events) == [0, 2]


def test_further_keys_of_a_rule_are_kept() -> None:
    own = {"author": "a. person", "references": ["https://example.com/x"], "x_team": {"queue": 7}, "date": "2024-05-01"}
    (kept,) = compiled(
        [rule({"s": {"f": "x"}, "condition": "s"}, related=[{"id": "old", "type": "derived"}], **own)]
    ).rules
    assert isinstance(kept, Rule)
    assert kept.attributes() == {**own, "related": [{"id": "old", "type": "derived"}]}


def test_every_leaf_of_an_explanation_has_value_and_verdict() -> None:
    detection = {
        "s": {"f|hour|gte": 7, "g|fieldref|cased": "h", "i|wide|base64offset|contains": "ab", "j|re|i": "x+"},
        "k": {"|re": "2024"},
        "condition": "s or k",
    }
    detector = Detector(compiled([rule(detection)]))
    told = detector.explain("rule", batch([{"f": "2024-05-01T08:00:00Z", "g": "A", "h": "a", "i": "YQBiA", "j": "XX"}]))
    assert told is not None
    leaves = [one for one in _leaves(told) if one.kind == "test"]
    assert {one.operator for one in leaves} == {
        "has the hour no earlier than", "is the same as (case matters)", "contains", "matches",
    }  # fmt: skip
    assert [(one.field, one.value, one.verdict) for one in leaves if one.field in {"f", "g", "j"}] == [
        ("f", "2024-05-01T08:00:00Z", True), ("g", "A", False), ("j", "XX", True),
    ]  # fmt: skip
    assert any(one.verdict for one in leaves if one.field == "i")
    assert [one.verdict for one in leaves if not one.field] == [True]


def _leaves(told: Any) -> list[Any]:
    return [leaf for child in told.children for leaf in _leaves(child)] or [told]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-f0-9]{4}\.exe$",
        r"(cmd|pwsh)\s+/c\b",
        r"(?i)x(?!y)[^\w]z?",
        r"(a)(?P<n>b)\2{2,3}",
        r"\\\\\d{1,3}\x41",
        r"a{2}|b",
    ],
)
def test_texts_are_made_that_an_expression_matches(pattern: str) -> None:
    import re  # noqa: PLC0415 - only here

    made = sample_texts(re.compile(pattern))
    assert made
    assert all(re.search(pattern, text) for text in made)


def test_no_text_is_made_where_none_is_known() -> None:
    assert sample_texts(re.compile(r"(?!.)x")) == []
