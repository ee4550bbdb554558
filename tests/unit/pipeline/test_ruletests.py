"""A rule's own records: what passes, what fails, and what is said of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from miharu.catalog import load_sigma_mapping
from miharu.core.errors import ContentError, OperatorError
from miharu.core.settings import Settings
from miharu.detect import load_rules
from miharu.pipeline import RuleTestResult, run_rule_tests

HIT = "Jun 14 08:15:02 web1 sshd[812]: Accepted password for alice from 203.0.113.7 port 40022 ssh2"
MISS = "Jun 14 08:15:02 web1 sshd[812]: Failed password for alice from 203.0.113.7 port 40022 ssh2"
OTHER = '198.51.100.23 - - [14/Jun/2025:08:15:02 +0000] "GET / HTTP/1.1" 200 5'


def rule(tests: Any, **more: Any) -> dict[str, Any]:
    return {
        "title": "Accepted",
        "id": "one",
        "logsource": {"product": "linux", "service": "sshd"},
        "detection": {"words": ["Accepted password"], "condition": "words"},
        "tests": tests,
        **more,
    }


def run(tmp_path: Path, *rules: dict[str, Any]) -> list[RuleTestResult]:
    folder = tmp_path / "rules"
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(rules):
        (folder / f"{number}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return run_rule_tests([folder], Settings(data=tmp_path / "data"))


def reasons(tmp_path: Path, *rules: dict[str, Any]) -> list[str]:
    return [result.reason for result in run(tmp_path, *rules)]


def test_records_of_all_forms_are_judged_in_their_order(tmp_path: Path):
    event = {"Channel": "Security", "EventID": 1102, "ProviderName": "Microsoft-Windows-Eventlog"}
    windows = rule(
        {"miss": [MISS], "match": [{"record": json.dumps(event), "format": "json"}, json.dumps(event)]},
        id="two",
        logsource={"product": "windows", "service": "security"},
        detection={"cleared": {"EventID": 1102}, "condition": "cleared"},
    )
    results = run(tmp_path, rule({"match": [HIT], "miss": [MISS, OTHER]}), windows)
    assert [(one.rule_id, one.kind, one.passed) for one in results] == [
        ("one", "match", True),
        ("one", "miss", True),
        ("one", "miss", True),
        ("two", "miss", True),
        ("two", "match", True),
        ("two", "match", True),
    ]
    lines = (tmp_path / "rules" / "0.yml").read_text().splitlines()
    assert HIT[:40] in lines[results[0].line - 1]


def test_a_failure_says_what_decided(tmp_path: Path):
    wrong, odd, strange = reasons(tmp_path, rule({"match": [MISS, OTHER, "no log at all"]}))
    assert "as system.auth" in wrong
    assert "'Accepted password'" in wrong
    assert "as apache.access" in odd
    assert strange == "no log source claims it"
    hit, nothing = reasons(tmp_path, rule({"match": [HIT], "miss": [HIT, "no log at all"]}))[1:]
    assert hit.startswith("the rule hits it, as system.auth")
    assert nothing == "no log source claims it"


def test_a_logsource_that_does_not_include_the_record_is_named(tmp_path: Path):
    (reason,) = reasons(tmp_path, rule({"match": [HIT]}, logsource={"product": "linux", "service": "cron"}))
    assert reason == "the rule's logsource does not include system.auth"


def test_a_record_that_is_rejected_fails(tmp_path: Path):
    (reason,) = reasons(tmp_path, rule({"miss": [{"record": '{"EventID": ', "format": "json"}]}))
    assert reason.startswith("the record cannot be read: json_invalid")


def test_a_rule_that_cannot_run_fails_all_its_records(tmp_path: Path):
    broken = rule({"match": [HIT], "miss": [MISS]}, detection={"words": ["x"], "condition": "others"})
    told = reasons(tmp_path, broken)
    assert len(told) == 2
    assert all(reason.startswith("the rule cannot run: no selection is named 'others'") for reason in told)


def test_of_two_rules_in_one_file_each_has_its_own_records(tmp_path: Path):
    folder = tmp_path / "rules"
    folder.mkdir()
    second = rule({"match": [MISS]}, id="two", detection={"words": ["Failed password"], "condition": "words"})
    (folder / "both.yml").write_text(yaml.safe_dump_all([rule({"match": [HIT], "miss": [MISS]}), second]))
    results = run_rule_tests([folder], Settings(data=tmp_path / "data"))
    assert [(one.rule_id, one.passed) for one in results] == [("one", True), ("one", True), ("two", True)]


def test_rules_without_records_give_no_result(tmp_path: Path):
    content = rule(None)
    del content["tests"]
    assert run(tmp_path, content) == []


@pytest.mark.parametrize(
    ("tests", "key"),
    [
        (["a"], "tests"),
        ({"hits": [HIT]}, "tests.hits"),
        ({"match": HIT}, "tests.match"),
        ({"match": [{"format": "lines"}]}, "tests.match"),
        ({"miss": [{"record": HIT, "format": "csv"}]}, "tests.miss"),
    ],
)
def test_faults_of_the_block_are_content_faults(tmp_path: Path, tests: Any, key: str):
    with pytest.raises(ContentError) as caught:
        run(tmp_path, rule(tests))
    (issue,) = caught.value.issues
    assert issue.key == key
    assert issue.line > 1


def test_a_path_that_is_not_there_is_the_operators_matter(tmp_path: Path):
    with pytest.raises(OperatorError, match="does not exist"):
        run_rule_tests([tmp_path / "none"], Settings(data=tmp_path / "data"))


def test_what_a_rule_finds_does_not_hang_on_its_tests(tmp_path: Path):
    path = tmp_path / "rule.yml"
    hashes = []
    for tests in ({"match": [HIT]}, {"match": [HIT], "miss": [MISS]}):
        path.write_text(yaml.safe_dump(rule(tests)))
        hashes.append(load_rules([path], load_sigma_mapping(), None).rules[0].hash)
    assert hashes[0] == hashes[1]
    path.write_text(yaml.safe_dump(rule({}, level="high")))
    assert load_rules([path], load_sigma_mapping(), None).rules[0].hash != hashes[0]


def test_the_command_lists_failures_and_ends_with_three(tmp_path: Path):
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(yaml.safe_dump(rule({"match": [HIT], "miss": [MISS]})))
    bad.write_text(yaml.safe_dump(rule({"match": [MISS]}, id="two", title="Wrong")))
    command = [str(Path(sys.executable).with_name("miharu")), "--data", str(tmp_path / "data")]
    fine = subprocess.run([*command, "--json", "rules", "test", str(good)], capture_output=True, text=True, check=True)
    assert [json.loads(line)["passed"] for line in fine.stdout.splitlines()] == [True, True]
    failed = subprocess.run([*command, "rules", "test", str(tmp_path)], capture_output=True, text=True, check=False)
    assert failed.returncode == 3
    assert "Wrong" in failed.stdout
    assert "Accepted" not in failed.stdout.replace("'Accepted", "")
    assert "3 records of 2 rules tested, 1 failed" in failed.stderr


def beside(tmp_path: Path, tests: Any) -> None:
    (tmp_path / "rules").mkdir(exist_ok=True)
    (tmp_path / "rules" / "0.tests.yml").write_text(yaml.safe_dump(tests))


@pytest.mark.parametrize("tests", [{"match": [HIT], "miss": [HIT]}, {"tests": {"match": [HIT], "miss": [HIT]}}])
def test_a_file_beside_the_rule_holds_tests_too(tmp_path: Path, tests: dict[str, Any]):
    beside(tmp_path, tests)
    results = run(tmp_path, rule({"match": [HIT]}))
    assert [(Path(one.path).name, one.kind, one.passed) for one in results] == [
        ("0.yml", "match", True),
        ("0.tests.yml", "match", True),
        ("0.tests.yml", "miss", False),
    ]


def test_a_file_beside_several_rules_names_one(tmp_path: Path):
    beside(tmp_path, {"id": "two", "match": [HIT]})
    folder = tmp_path / "rules"
    (folder / "0.yml").write_text(yaml.safe_dump_all([rule({"match": [HIT]}), rule({"match": [HIT]}, id="two")]))
    results = run_rule_tests([folder], Settings(data=tmp_path / "data"))
    assert [(one.rule_id, one.passed) for one in results] == [("one", True), ("two", True), ("two", True)]


def test_a_file_beside_the_rule_with_faults_is_named(tmp_path: Path):
    beside(tmp_path, {"matches": [HIT]})
    with pytest.raises(ContentError, match=r"0\.tests\.yml:1: tests\.matches"):
        run(tmp_path, rule({"match": [HIT]}))


def test_files_of_tests_are_no_rules(tmp_path: Path):
    beside(tmp_path, {"match": [HIT]})
    (tmp_path / "rules" / "info.yml").write_text(yaml.safe_dump({"regression_tests_info": []}))
    (tmp_path / "rules" / "0.yml").write_text(yaml.safe_dump(rule({"match": [HIT]})))
    loaded = load_rules([tmp_path / "rules"], load_sigma_mapping(), None)
    assert (len(loaded.rules), loaded.problems) == (1, [])


def regression(tmp_path: Path, **test: Any) -> list[RuleTestResult]:
    checkout = tmp_path / "checkout"
    place = checkout / "regression_data" / "one"
    place.mkdir(parents=True)
    (checkout / "rules").mkdir()
    (checkout / "rules" / "one.yml").write_text(yaml.safe_dump({**rule(None), "tests": {}}))
    (place / "log.log").write_text(f"{HIT}\n{MISS}\n{HIT}\n")
    told = {"rule_metadata": [{"id": "one", "title": "Accepted"}], "regression_tests_info": [test]}
    (place / "info.yml").write_text(yaml.safe_dump(told))
    return run_rule_tests([checkout], Settings(data=tmp_path / "data"))


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ({"path": "regression_data/one/log.log"}, ""),
        ({"path": "elsewhere/log.log", "match_count": 2}, ""),
        ({"path": "regression_data/one/log.log", "match_count": 1}, "2 hits in 3 events, expected 1"),
    ],
)
def test_recorded_logs_are_hit_as_often_as_stated(tmp_path: Path, test: dict[str, Any], reason: str):
    (result,) = regression(tmp_path, **test)
    assert (result.rule_id, result.passed, result.reason) == ("one", not reason, reason)


def test_a_recorded_log_that_is_missing_is_a_fault(tmp_path: Path):
    with pytest.raises(ContentError, match=r"'gone\.log'"):
        regression(tmp_path, path="gone.log")
