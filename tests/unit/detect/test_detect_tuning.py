"""Filters, placeholders, pipelines and retired rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from miharu.detect import NOTE_REASONS, Detector, RuleSet, Tuning, load_rules, read_tuning
from miharu.detect.compiling import compile_rules
from miharu.detect.documents import RuleFile
from tests.unit.detect.rulecraft import PLAIN_MAPPING, batch, hits, rule

pytestmark = pytest.mark.mission("S22")

SEL: dict[str, Any] = {"s": {"f": "x"}, "condition": "s"}


def made(*contents: dict[str, Any], tuning: Tuning | None = None) -> RuleSet:
    files = [RuleFile(f"{at}.yml", yaml.safe_dump(content).encode()) for at, content in enumerate(contents)]
    return compile_rules(files, PLAIN_MAPPING, tuning or Tuning())


def filtered(rules: Any, condition: str = "not allowed", **more: Any) -> dict[str, Any]:
    inner = {"rules": rules, "allowed": {"g|startswith": "adm_"}, "condition": condition}
    return {"title": "Ours", "logsource": {"category": "test"}, "filter": inner, **more}


ROWS = [{"f": "x", "g": "adm_1"}, {"f": "x", "g": "bob"}, {"f": "y", "g": "bob"}]


@pytest.mark.parametrize("named", [["rule"], ["a_name"], "any", "RULE", ["other", "rule"]])
def test_a_filter_is_applied_to_the_rules_it_names(named: Any) -> None:
    ruleset = made(filtered(named), rule(SEL, name="a_name"))
    assert (ruleset.problems, ruleset.notes) == ([], [])
    assert hits(ruleset, batch(ROWS)) == {("rule", 1)}


def test_a_filter_of_another_rule_or_logsource_changes_nothing_and_is_noted() -> None:
    elsewhere = filtered("any", logsource={"category": "test", "product": "windows"})
    ruleset = made(filtered(["other"]), elsewhere, rule(SEL))
    assert hits(ruleset, batch(ROWS)) == {("rule", 0), ("rule", 1)}
    assert [note.reason for note in ruleset.notes] == ["filter_unused", "filter_unused"]


def test_several_filters_all_count_and_names_of_their_selections_stay_their_own() -> None:
    first = filtered(["rule"], condition="not 1 of them")
    second = filtered(["rule"], condition="not s")
    second["filter"] = {"rules": ["rule"], "s": {"g": "bob"}, "condition": "not s"}
    assert hits(made(rule(SEL), first), batch(ROWS)) == {("rule", 1)}
    assert hits(made(rule({**SEL, "condition": "all of them"}), first, second), batch(ROWS)) == set()


def test_a_filter_that_negates_nothing_keeps_only_what_it_describes_and_is_noted() -> None:
    ruleset = made(rule(SEL), filtered(["rule"], condition="allowed"))
    assert hits(ruleset, batch(ROWS)) == {("rule", 0)}
    assert [note.reason for note in ruleset.notes] == ["filter_keeps"]


def test_a_filter_stands_in_the_explanation_and_leaves_the_hash_alone() -> None:
    plain, with_filter = made(rule(SEL)), made(rule(SEL), filtered("any"))
    assert plain.rules[0].hash == with_filter.rules[0].hash
    told = Detector(with_filter).explain("rule", batch(ROWS[:1]))
    assert told is not None
    assert [(part.label, part.verdict) for part in told.children[0].children] == [("s", True), ("filter Ours", False)]


def test_a_filter_without_its_keys_is_a_problem_with_all_its_faults() -> None:
    (problem,) = made({"title": "t", "filter": {"allowed": {"f|nonsense": 1}}}).problems
    assert {(fault.key, fault.reason) for fault in problem.faults} == {
        ("logsource", "filter"), ("filter.rules", "filter"), ("filter.condition", "condition_invalid"),
        ("filter.allowed.f|nonsense", "detection_invalid"),
    }  # fmt: skip


def test_placeholders_are_filled_from_lists(tmp_path: Path) -> None:
    lists = tmp_path / "placeholders"
    lists.mkdir()
    (lists / "Servers.txt").write_text("# ours\nsrv*\n\n  dc01  \n", encoding="utf-8")
    (lists / "empty.txt").write_text("# none\n")
    tuning = read_tuning(tmp_path)
    assert tuning.placeholders == {"Servers": ("srv*", "dc01"), "empty": ()}
    detection = {"s": {"f|expand": "%servers%"}, "n": {"g|expand": "%empty%"}, "condition": "s and not n"}
    ruleset = made(rule(detection), tuning=tuning)
    assert ruleset.notes == []
    assert hits(ruleset, batch([{"f": "SRV9", "g": "a"}, {"f": "dc01", "g": None}, {"f": "x", "g": "a"}])) == {
        ("rule", 0), ("rule", 1),
    }  # fmt: skip


def test_lists_of_ones_own_stand_in_place_of_shipped_ones() -> None:
    own, shipped = Tuning({"servers": ("a",), "none": ()}), Tuning({"Servers": ("b",), "None": ("c",), "Other": ("d",)})
    assert own.over(shipped).placeholders == {"servers": ("a",), "none": (), "Other": ("d",)}


@pytest.mark.parametrize(
    ("item", "held"),
    [
        ({"f|contains|expand": "%A%"}, "my.host.here"),
        ({"f|expand|endswith": "%A%"}, "my.host"),
        ({"f|expand": r"\%A%B%"}, r"%Ax"),
        ({"f|re|expand": "^%B%+$"}, "xxx"),
        ({"f|expand": "pre-%A%-%B%"}, "PRE-.host-x"),
        ({"f": "%A%"}, "%a%"),
        ({"f|cased|expand": "%B%"}, "x"),
        ({"|expand": "%A%"}, "a .host b"),
    ],
)
def test_a_placeholder_stands_anywhere_in_a_value(item: dict[str, Any], held: str) -> None:
    ruleset = made(rule({"s": item, "condition": "s"}), tuning=Tuning({"A": (".host",), "B": ("x", "y")}))
    assert ruleset.problems == []
    assert hits(ruleset, batch([{"f": held}, {"f": "other"}])) == {("rule", 0)}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("s", []), ("not s", []), ("s or t", [0]), ("t and not s", []), ("not s or t", [0]), ("n", []), ("not n", [])],
)
def test_of_an_unknown_placeholder_neither_a_test_nor_its_negation_holds(condition: str, expected: list[int]) -> None:
    detection = {"s": {"f|expand": "%who%"}, "t": {"g": "y"}, "n": {"f|expand|neq": "%who%"}, "condition": condition}
    ruleset = made(rule(detection))
    assert {place for _, place in hits(ruleset, batch([{"f": "x", "g": "y"}, {"f": None, "g": "z"}]))} == set(expected)
    assert [(note.reason, note.text) for note in ruleset.notes] == [
        ("placeholder_open", "no value is known for %who%")
    ]  # fmt: skip
    told = Detector(ruleset).explain("rule", batch([{"f": "x", "g": "y"}]))
    assert told is not None
    assert "f: no value is known for %who%" in str(told)


def test_values_of_a_placeholder_that_break_an_expression_are_a_problem() -> None:
    ruleset = made(rule({"s": {"f|re|expand": "a%B%"}, "condition": "s"}), tuning=Tuning({"B": ("(",)}))
    assert [problem.reason for problem in ruleset.problems] == ["placeholder"]


def pipeline(*steps: dict[str, Any], **more: Any) -> RuleFile:
    return RuleFile(f"{more.get('name', 'p')}.yml", yaml.safe_dump({"transformations": list(steps), **more}).encode())


def test_pipelines_rename_fields_for_their_logsource_in_the_order_of_their_priority() -> None:
    mine, others = ([{"type": "logsource", "category": category}] for category in ("test", "other"))
    late = pipeline({"type": "field_name_mapping", "mapping": {"g": "h"}}, name="a", priority=20)
    first = pipeline(
        {"type": "field_name_mapping", "mapping": {"f": "g"}, "rule_conditions": mine},
        {"type": "field_name_mapping", "mapping": {"h": "i"}, "rule_conditions": others},
        name="b",
        priority=10,
    )
    ruleset = made(rule(SEL), tuning=Tuning(pipelines=(late, first)))
    assert hits(ruleset, batch([{"f": "x"}, {"g": "x"}, {"h": "x"}, {"i": "x"}])) == {("rule", 2)}


def test_pipelines_move_rules_to_other_logsources_add_conditions_and_attributes() -> None:
    steps = (
        {"type": "change_logsource", "category": "test"},
        {"type": "add_condition", "conditions": {"g": "y"}},
        {"type": "set_custom_attribute", "attribute": "x_team", "value": "blue"},
    )
    ruleset = made(rule(SEL, logsource={"category": "unheard"}), tuning=Tuning(pipelines=(pipeline(*steps),)))
    assert hits(ruleset, batch([{"f": "x", "g": "y"}, {"f": "x", "g": "z"}])) == {("rule", 0)}
    assert ruleset.rules[0].attributes()["x_team"] == "blue"


def test_pipelines_also_change_filters() -> None:
    step = {"type": "field_name_mapping", "mapping": {"g": "user"}}
    ruleset = made(rule(SEL), filtered("any"), tuning=Tuning(pipelines=(pipeline(step),)))
    assert hits(ruleset, batch([{"f": "x", "user": "adm_1"}, {"f": "x", "user": "bob"}])) == {("rule", 1)}


def test_what_pipelines_refuse_or_cannot_do_is_told() -> None:
    refuses = pipeline({"type": "rule_failure", "message": "not for us"})
    drops = pipeline({"type": "drop_detection_item"})
    queries = pipeline({"type": "query_expression_placeholders", "expression": "{field} in {id}"})
    foreign = pipeline(name="splunk", allowed_backends=["splunk"])
    after = RuleFile("after.yml", yaml.safe_dump({"postprocessing": [{"type": "embed", "prefix": "x"}]}).encode())
    reasons = [
        [problem.reason for problem in made(rule(SEL), tuning=Tuning(pipelines=(one,))).problems]
        for one in (refuses, drops)
    ]
    assert reasons == [["pipeline"], ["pipeline"]]
    asked = made(rule({"s": {"f|expand": "%a%"}, "condition": "s"}), tuning=Tuning(pipelines=(queries,)))
    assert [problem.reason for problem in asked.problems] == ["detection_invalid"]
    kept = made(rule(SEL), tuning=Tuning(pipelines=(foreign, after)))
    assert [note.reason for note in kept.notes] == ["pipeline_part", "pipeline_part"]
    assert hits(kept, batch(ROWS)) == {("rule", 0), ("rule", 1)}


@pytest.mark.parametrize(
    "data",
    [b"transformations: [{type: unheard_of}]", b"a: [", b"- list", b"odd: key", b"transformations: [{type: nest}]"],
)
def test_a_pipeline_that_cannot_be_read_is_a_problem_and_rules_run_without_it(data: bytes) -> None:
    ruleset = made(rule(SEL), tuning=Tuning(pipelines=(RuleFile("bad.yml", data),)))
    assert [(problem.path, problem.reason) for problem in ruleset.problems] == [("bad.yml", "pipeline")]
    assert hits(ruleset, batch(ROWS)) == {("rule", 0), ("rule", 1)}


def test_pipelines_are_read_from_the_data_folder_and_do_not_read_files(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "one.yml").write_text("transformations: [{type: field_name_prefix, prefix: p.}]")
    tuning = read_tuning(tmp_path)
    assert hits(made(rule(SEL), tuning=tuning), batch([{"p.f": "x"}, {"f": "x"}])) == {("rule", 0)}
    assert read_tuning(tmp_path / "nowhere") == Tuning()
    assert len({tuning.digest, Tuning().digest, Tuning({"a": ("b",)}).digest, Tuning(retired=True).digest}) == 4


def test_another_tuning_is_another_compiled_set(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(yaml.safe_dump(rule({"s": {"f|expand": "%a%"}, "condition": "s"})))
    cache = tmp_path / "cache"
    for values, expected in ((("x",), {("rule", 0)}), (("y",), set()), (("x",), {("rule", 0)})):
        ruleset = load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, cache, Tuning({"a": values}))
        assert hits(ruleset, batch(ROWS[:1])) == expected


def test_retired_and_superseded_rules_are_noted_and_run_only_when_asked() -> None:
    contents = [
        rule(SEL, "gone", status="deprecated"),
        rule(SEL, "odd", status="unsupported"),
        rule(SEL, "old"),
        rule(SEL, "kin"),
        rule(SEL, "new", related=[{"id": "OLD", "type": "obsolete"}, {"id": "kin", "type": "similar"}]),
    ]
    ruleset = made(*contents)
    assert [found.id for found in ruleset.rules] == ["kin", "new"]
    assert [(note.rule_id, note.reason) for note in ruleset.notes] == [
        ("gone", "retired"), ("odd", "retired"), ("old", "superseded"),
    ]  # fmt: skip
    assert ruleset.problems == []
    everything = made(*contents, tuning=Tuning(retired=True))
    assert [found.id for found in everything.rules] == ["gone", "odd", "old", "kin", "new"]
    assert {note.reason for note in ruleset.notes} <= set(NOTE_REASONS)
