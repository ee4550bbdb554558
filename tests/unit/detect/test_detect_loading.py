"""Rule files of any packing become rules, or problems that say where, why and what to do."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from miharu.detect import PROBLEM_REASONS, Detector, load_rules
from miharu.detect.engines import is_costly
from tests.unit.detect.rulecraft import PLAIN_MAPPING, batch, compiled, hits, rule

pytestmark = pytest.mark.mission("S22")

GOOD = rule({"s": {"f": "x"}, "condition": "s"}, "good")


def text(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False)


def test_files_folders_and_archives_give_the_same_rules(tmp_path: Path) -> None:
    folder = tmp_path / "rules" / "inner"
    folder.mkdir(parents=True)
    (folder / "one.yml").write_text(text(GOOD))
    (folder / "notes.txt").write_text("no rule")
    with zipfile.ZipFile(tmp_path / "rules.zip", "w") as archive:
        archive.writestr("inner/one.yml", text(GOOD))
    with tarfile.open(tmp_path / "rules.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo("inner/one.yml")
        member.size = len(text(GOOD))
        tar.addfile(member, io.BytesIO(text(GOOD).encode()))
    for path in (folder / "one.yml", tmp_path / "rules", tmp_path / "rules.zip", tmp_path / "rules.tar.gz"):
        ruleset = load_rules([path], PLAIN_MAPPING, None)
        assert [found.id for found in ruleset.rules] == ["good"], path
        assert ruleset.problems == []
    assert load_rules([tmp_path / "rules.zip"], PLAIN_MAPPING, None).rules[0].path.endswith("rules.zip!inner/one.yml")


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        ("title: x\ndetection: {a: [b, c}\n", "yaml_invalid", 2),
        ("title: x\ntitle: y\n", "yaml_invalid", 2),
        ("just text", "not_a_rule", 1),
        ("title: x\nlogsource: {category: test}\n", "not_a_rule", 1),
        ("title: x\ncorrelation:\n  type: event_count\n", "correlation", 2),
        ("title: x\nfilter:\n  rules: []\n", "filter", 1),
        (text(rule({"s": {"f": "x"}, "condition": "s | count() > 5"})), "aggregation", 8),
        (text(rule({"s": {"f": "x"}, "condition": "s and other"})), "condition_invalid", 8),
        (text(rule({"s": {"f": "x"}, "condition": "s and"})), "condition_invalid", 8),
        (text(rule({"s": {"f": "x"}, "condition": "1 of nothing_*"})), "condition_invalid", 8),
        (text(rule({"s": {"f": "x"}})), "condition_invalid", 5),
        (text(rule({"s": {"f|nonsense": "x"}, "condition": "s"})), "detection_invalid", 7),
        (text(rule({"s": {"f|re": "(unclosed"}, "condition": "s"})), "regex_invalid", 7),
        (text(rule({"s": {"f|cidr": "300.0.0.0/8"}, "condition": "s"})), "detection_invalid", 7),
        (text({**GOOD, "logsource": {"product": "unheard_of"}}), "logsource_unmapped", 3),
        (text(rule({"s": ["a"], "r": {"|re": "(?=(a+)+b)"}, "condition": "s or r"})), "regex_costly", 1),
        (text(rule({"s": {"f|re": r"(?!x)(a+)+b"}, "condition": "s"})), "regex_costly", 1),
    ],
)
def test_a_rule_that_cannot_run_is_listed_with_its_reason(tmp_path: Path, content: str, reason: str, line: int) -> None:
    (tmp_path / "bad.yml").write_text(content)
    (tmp_path / "good.yml").write_text(text(GOOD))
    ruleset = load_rules([tmp_path], PLAIN_MAPPING, None)
    assert [found.id for found in ruleset.rules] == ["good"]
    (problem,) = ruleset.problems
    assert (Path(problem.path).name, problem.reason, problem.line) == ("bad.yml", reason, line)
    assert problem.reason in PROBLEM_REASONS
    assert problem.text
    assert problem.remedy
    assert f"bad.yml:{line}: {reason}" in str(problem)


def test_what_cannot_be_read_is_listed(tmp_path: Path) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b no archive")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "latin.yml").write_bytes(b"title: \xff\xfe\xfa\n")
    ruleset = load_rules(
        [tmp_path / "broken.tar.gz", tmp_path / "broken.zip", tmp_path / "gone.yml", tmp_path / "latin.yml"],
        PLAIN_MAPPING,
        None,
    )
    assert {problem.reason for problem in ruleset.problems} == {"unreadable", "yaml_invalid"}
    assert len(ruleset.problems) == 4


def test_several_documents_of_a_file_are_several_rules(tmp_path: Path) -> None:
    other = rule({"s": {"f": "y"}, "condition": "s"}, "other")
    (tmp_path / "two.yml").write_text(f"{text(GOOD)}---\n{text(other)}")
    ruleset = load_rules([tmp_path], PLAIN_MAPPING, None)
    assert [(found.id, found.line > 1) for found in ruleset.rules] == [("good", False), ("other", True)]


def test_the_same_id_twice_is_a_problem_and_the_first_runs() -> None:
    ruleset = compiled([GOOD, rule({"s": {"f": "y"}, "condition": "s"}, "good")])
    assert [found.path for found in ruleset.rules] == ["0.yml"]
    assert [(problem.path, problem.reason) for problem in ruleset.problems] == [("1.yml", "duplicate")]


def test_the_hash_follows_the_content_not_the_layout(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(text(GOOD))
    (tmp_path / "b.yml").write_text("# a comment\n" + yaml.safe_dump(GOOD, sort_keys=True, default_flow_style=True))
    (tmp_path / "c.yml").write_text(text({**GOOD, "level": "low"}))
    one, two, three = (
        load_rules([tmp_path / name], PLAIN_MAPPING, None).rules[0] for name in ("a.yml", "b.yml", "c.yml")
    )
    assert one.hash == two.hash != three.hash


def test_a_compiled_set_comes_back_from_the_cache_and_damage_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.yml").write_text(
        text(rule({"s": {"f|contains": [f"word{n}" for n in range(20)], "g|re": "a+b"}, "condition": "s"}))
    )
    cache = tmp_path / "cache"
    fresh = load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, cache)
    (file,) = cache.iterdir()
    compiled_once = file.read_bytes()
    events = batch([{"f": "a WORD7 b", "g": "xaab"}, {"f": "word", "g": "ab"}])
    with monkeypatch.context() as context:
        context.setattr("miharu.detect.compiling.compile_rules", lambda *_: pytest.fail("compiled again"))
        cached = load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, cache)
    assert cached == fresh
    assert hits(cached, events) == hits(fresh, events) == {("rule", 0)}
    for damaged in (b"", compiled_once[:100], compiled_once[:-1] + b"\0", b"x" + compiled_once, compiled_once + b"y"):
        file.write_bytes(damaged)
        assert load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, cache) == fresh
        assert file.read_bytes() == compiled_once
    (tmp_path / "r.yml").write_text(text(GOOD))
    assert load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, cache).rules[0].id == "good"
    assert not [path for path in cache.iterdir() if path.suffix != ".rules"]


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(text(GOOD))
    (tmp_path / "cache").write_text("a file, no folder")
    assert load_rules([tmp_path / "r.yml"], PLAIN_MAPPING, tmp_path / "cache").rules[0].id == "good"


@pytest.mark.parametrize(
    ("pattern", "costly"),
    [("(a+)+", True), ("(a|b)*", True), ("a+b+", False), (r"\(a+\)+", False), ("[(a+)]+", False),
     ("(a{1,40}){5}", False), ("(?:x{2,3})+", False), ("((a+)b)+", True), ("(ab)+", False)],
)  # fmt: skip
def test_patterns_that_could_take_exponential_time_are_told(pattern: str, costly: bool) -> None:  # noqa: FBT001
    assert is_costly(pattern) is costly


def test_a_catastrophic_pattern_that_the_linear_engine_takes_runs_in_no_time() -> None:
    ruleset = compiled([rule({"s": {"f|re": "^(a+)+$"}, "condition": "s"})])
    assert ruleset.problems == []
    assert hits(ruleset, batch([{"f": "a" * 5000 + "b"}, {"f": "aaa"}, {"f": ""}])) == {("rule", 1)}


def test_no_rules_give_no_findings() -> None:
    assert Detector(compiled([])).run(batch([{"f": "x"}])).is_empty()
    assert Detector(compiled([GOOD])).run(batch([{"f": "x"}]).clear()).is_empty()
