"""What each Sigma construct means, on small events."""

from __future__ import annotations

import base64
from typing import Any

import polars as pl
import pytest

from tests.unit.detect.rulecraft import batch, compiled, hits, holding, one_of, rule

pytestmark = pytest.mark.mission("S22")


def field(*values: Any) -> list[dict[str, Any]]:
    return [{"f": value} for value in values]


@pytest.mark.parametrize(
    ("item", "values", "expected"),
    [
        ({"f": "Cmd.exe"}, ["cmd.EXE", "cmd.exe ", "xcmd.exe"], [0]),
        ({"f|cased": "Cmd.exe"}, ["cmd.EXE", "Cmd.exe"], [1]),
        ({"f|contains": "-ENC"}, ["a -enc b", "enc", "-enc"], [0, 2]),
        ({"f|contains|cased": "-Enc"}, ["a -enc b", "-Enc"], [1]),
        ({"f|startswith": "C:\\"}, ["c:\\x", "d:\\c:\\"], [0]),
        ({"f|endswith": "\\cmd.exe"}, ["C:\\CMD.EXE", "cmd.exe", "a\\cmd.exe.txt"], [0]),
        ({"f|contains|all": ["a", "b"]}, ["ab", "a", "b", "BxA"], [0, 3]),
        ({"f|contains": ["a", "b"]}, ["ab", "a", "c"], [0, 1]),
        ({"f": "a*c"}, ["abc", "ac", "abcd", "A\nC"], [0, 1, 3]),
        ({"f": "a?c"}, ["abc", "ac", "a\nc", "aéc"], [0, 2, 3]),
        ({"f": "*a*b*"}, ["xxaxxbxx", "ba"], [0]),
        ({"f": r"a\*c"}, ["a*c", "abc"], [0]),
        ({"f": r"a\\\*"}, ["a\\*", "a\\b"], [0]),
        ({"f": "*"}, ["x", "", None], [0, 1]),
        ({"f": "STRASSE"}, ["straße", "strasse", "strase"], [0, 1]),
        ({"f|contains": "Ärger"}, ["viel ÄRGER hier", "arger"], [0]),
        ({"f|re": r"a\d+b$"}, ["xa12b", "XA12B", "a12bc"], [0]),
        ({"f|re|i": r"a\d+b$"}, ["xa12b", "XA12B"], [0, 1]),
        ({"f|re|s": "a.b"}, ["a\nb", "axb"], [0, 1]),
        ({"f|re|m": "^b"}, ["a\nb", "ab"], [0]),
        ({"f|re": r"^(?!.*good).*bad"}, ["bad", "good bad"], [0]),
        ({"f|re": r"(.)\1b"}, ["xaab", "xab"], [0]),
        ({"f|re": "^$"}, ["", "x"], [0]),
        ({"f|cidr": "192.0.2.0/25"}, ["192.0.2.127", "192.0.2.128", "192.0.2.1x", "::ffff:192.0.2.1"], [0, 3]),
        ({"f|cidr": "2001:db8::/32"}, ["2001:db8:1::5", "2001:DB8:0:0:0:0:0:1", "2001:db9::"], [0, 1]),
        ({"f": None}, ["x", "", None], [2]),
        ({"f": ""}, ["x", "", None], [1, 2]),
        ({"f|exists": True}, ["x", "", None], [0, 1]),
        ({"f|exists": False}, ["x", "", None], [2]),
        ({"f": 5}, ["5", "05", "5.0", "15", "x"], [0, 1, 2]),
        ({"f|gte": 5}, ["5", "4.9", "10", "x", None], [0, 2]),
        ({"f|lt": -1}, ["-2", "-1", "0"], [0]),
        ({"f": True}, ["true", "True", "1"], [0, 1]),
        (
            {"f|windash|contains": " -x"},
            ["a /x", "a -x", "a \u2013x", "a \u2014x", "a \u2015x", "a +x"],
            [0, 1, 2, 3, 4],
        ),
        ({"f|neq": "a"}, ["a", "b", None], [1, 2]),
        ({"f|hour": 7}, ["2024-05-01T07:10:00Z", "2024-05-01T08:10:00Z", "x"], [0]),
        ({"f|week": 1}, ["2024-01-09T00:00:00", "2024-01-01T00:00:00"], [1]),
    ],
)
def test_a_test_holds_for_these_values(item: dict[str, Any], values: list[Any], expected: list[int]) -> None:
    assert one_of(item, field(*values), schema={"f": pl.String}) == expected


def test_base64_of_any_alignment_is_found() -> None:
    secret = "IEX (New-Object"
    encoded = [base64.b64encode(b"x" * shift + secret.encode() + b"yz").decode() for shift in range(3)]
    assert one_of({"f|base64offset|contains": secret}, field(*encoded, "none")) == [0, 1, 2]
    assert one_of({"f|base64|contains": "abc"}, field("xYWJj", "abc")) == [0]


def test_wide_text_is_found_in_base64_and_as_it_is() -> None:
    wide = base64.b64encode("ping".encode("utf-16le")).decode()
    assert one_of({"f|wide|base64|contains": "ping"}, field(wide, base64.b64encode(b"ping").decode())) == [0]
    assert one_of({"f|wide|contains": "ping"}, field("a p\0i\0n\0g\0", "ping")) == [0]
    assert one_of({"f|utf16be|contains": "ping"}, field("\0p\0i\0n\0g", "ping")) == [0]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"f|fieldref": "g"}, [0]),
        ({"f|fieldref|startswith": "g"}, [0, 1]),
        ({"f|fieldref|endswith": "g"}, [0, 2]),
        ({"f|fieldref|contains": "g"}, [0, 1, 2]),
    ],
)
def test_a_field_is_compared_with_another(item: dict[str, Any], expected: list[int]) -> None:
    events = [{"f": "AB", "g": "ab"}, {"f": "abx", "g": "AB"}, {"f": "xab", "g": "ab"}, {"f": "ab", "g": None}]
    assert one_of(item, events) == expected


def test_a_missing_field_makes_a_test_false_and_its_negation_true() -> None:
    events: list[dict[str, Any]] = [{"f": "x"}, {"f": None}]
    assert holding({"s": {"f": "x"}, "condition": "s"}, events) == [0]
    assert holding({"s": {"f": "y"}, "condition": "not s"}, events) == [0, 1]
    assert holding({"s": {"nowhere": "y"}, "condition": "not s"}, events) == [0, 1]
    assert holding({"s": {"nowhere": None}, "condition": "s"}, events) == [0, 1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1 of sel_*", [0, 1, 2]),
        ("all of sel_*", [2]),
        ("all of them", []),
        ("any of sel_*", [0, 1, 2]),
        ("1 of sel_* and not other", [0, 1, 2]),
        ("not 1 of sel_*", [3]),
        ("not (sel_a or sel_b) or (sel_a and sel_b)", [2, 3]),
        ("sel_a and not sel_b", [0]),
    ],
)
def test_conditions(condition: str, expected: list[int]) -> None:
    detection = {"sel_a": {"f|contains": "a"}, "sel_b": {"f|contains": "b"}, "other": {"f": "zz"}}
    assert holding({**detection, "condition": condition}, field("a", "b", "ab", "c")) == expected


def test_several_conditions_are_alternatives() -> None:
    detection = {"a": {"f": "a"}, "b": {"f": "b"}, "condition": ["a", "b"]}
    assert holding(detection, field("a", "b", "c")) == [0, 1]


def test_a_list_of_maps_is_alternatives_of_conjunctions() -> None:
    events = [{"f": "1", "g": "2"}, {"f": "1", "g": "3"}, {"f": "4", "g": "9"}]
    assert one_of([{"f": "1", "g": "2"}, {"f": "4"}], events) == [0, 2]


def test_any_element_of_a_list_column_matches() -> None:
    events: list[dict[str, Any]] = [{"f": ["a", "b"]}, {"f": ["c"]}, {"f": []}, {"f": None}, {"f": ["", "ab"]}]
    assert one_of({"f|contains|all": ["a", "b"]}, events) == [0, 4]
    assert one_of({"f": None}, events) == [2, 3]
    assert one_of({"f": ""}, events) == [2, 3, 4]
    assert holding({"s": {"f": "a"}, "condition": "not s"}, events) == [1, 2, 3, 4]


def test_columns_of_other_types_are_compared_as_text_or_number() -> None:
    events: list[dict[str, Any]] = [{"n": 443, "x": 1.5, "b": True}, {"n": 80, "x": 2.0, "b": False}]
    assert one_of({"n": 443}, events) == [0]
    assert one_of({"n": "80"}, events) == [1]
    assert one_of({"n|lte": 80}, events) == [1]
    assert one_of({"x": 2}, events) == [1]
    assert one_of({"b": "true"}, events) == [0]
    assert one_of({"b": False}, events) == [1]


def test_a_field_without_a_column_is_read_from_the_leftovers() -> None:
    events = [
        {"fields": '{"vendor.name":"Evil","vendor.n":7,"vendor.list":["a","b"]}'},
        {"fields": '{"other":"vendor.name Evil"}'},
        {"fields": None},
    ]
    assert one_of({"vendor.name": "evil"}, events) == [0]
    assert one_of({"vendor.n|gt": 6}, events) == [0]
    assert one_of({"vendor.list": "b"}, events) == [0]
    assert holding({"s": {"vendor.name": "evil"}, "condition": "not s"}, events) == [1, 2]


def test_long_texts_are_judged_like_short_ones() -> None:
    words = [f"Word{n}x" for n in range(12)]
    rules = [rule({"s": {"f|contains": word}, "condition": "s"}, word) for word in words]
    rules += [
        rule({"s": {"f|endswith": "the end"}, "condition": "s"}, "end"),
        rule({"s": {"f|contains|cased": "Word3x"}, "condition": "s"}, "cased"),
        rule({"s": {"f|contains": "gro\u00dfe"}, "condition": "s"}, "folded"),
        rule({"s": {"f": "short"}, "condition": "s"}, "equal"),
        rule({"s": {"f": "*"}, "condition": "s"}, "any"),
    ]
    pad = "lorem ipsum " * 300
    texts = [
        None, "", "SHORT", pad, pad + "WORD3X" + pad, pad + "Word3x" + pad, pad + "word5x word7x THE END",
        "GROSSE " + pad, pad + "\u017f word1x", "word2x",
    ] * 8  # fmt: skip
    expected = {
        *((rule_id, place) for place in range(80) for rule_id in _long_hits(texts[place])),
    }
    assert hits(compiled(rules), batch(field(*texts))) == expected


def _long_hits(text: str | None) -> set[str]:
    if text is None:
        return set()
    folded = text.casefold()
    found = {f"Word{n}x" for n in range(12) if f"word{n}x" in folded} | {"any"}
    tests = {
        "end": folded.endswith("the end"),
        "cased": "Word3x" in text,
        "folded": "grosse" in folded,
        "equal": folded == "short",
    }
    return found | {name for name, holds in tests.items() if holds}


def test_rules_judge_rows_of_their_logsource_only() -> None:
    ruleset = compiled([rule({"s": {"f": "x"}, "condition": "not s"})])
    events = batch([{"f": "a"}, {"f": "a", "event.dataset": "other"}])
    assert hits(ruleset, events) == {("rule", 0)}


def test_the_same_rows_in_other_batches_and_with_other_columns_have_the_same_verdicts() -> None:
    ruleset = compiled([rule({"s": {"f": "x"}, "t": {"g": "y"}, "condition": "s and not t"})])
    from miharu.detect import Detector  # noqa: PLC0415 - one detector over several batches

    detector = Detector(ruleset)
    counts = [
        len(detector.run(batch(events)))
        for events in (
            [{"f": "x", "g": "y"}, {"f": "x", "g": None}],
            [{"f": "x"}],
            [{"g": "y"}],
            [{"f": "x", "g": "y"}],
            [{"f": "x", "g": "z"}],
        )
    ]
    assert counts == [1, 1, 0, 0, 1]
