"""Bad input by the command line: a clear sentence with place and remedy, an exit code, nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT
from tests.journey.importing import auth_lines

MIHARU = Path(sys.executable).with_name("miharu")


def call(data: Path, *words: str, code: int) -> tuple[str, str]:
    done = subprocess.run(
        [str(MIHARU), "--data", str(data), "--json", *words], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout, done.stderr


def take(data: Path, path: Path, code: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(call(data, "import", str(path), code=code)[0])
    assert answer["records"] == answer["events"] + answer["rejects"]
    return answer


def rejects(data: Path) -> list[dict[str, Any]]:
    sql = "SELECT `reject.reason` reason, `reject.detail` detail, length(`reject.raw`) size FROM rejects ORDER BY ALL"
    return [json.loads(line) for line in call(data, "sql", sql, code=0)[0].splitlines()]


def test_binary_garbage_is_kept_whole_and_told(tmp_path: Path) -> None:
    log = tmp_path / "garbage.bin"
    garbage = random.Random(7).randbytes(3_000_000)
    log.write_bytes(garbage)
    answer = take(tmp_path / "data", log, code=3)
    assert (answer["events"], answer["rejects"] >= 1) == (0, True)
    found = rejects(tmp_path / "data")
    assert {each["reason"] for each in found} == {"binary"}
    assert sum(each["size"] for each in found) == len(garbage)


def test_a_cut_off_gzip_names_the_place_and_the_remedy(tmp_path: Path) -> None:
    log = tmp_path / "cut.log.gz"
    packed = gzip.compress(auth_lines(2_000))
    log.write_bytes(packed[: len(packed) * 2 // 3])
    answer = take(tmp_path / "data", log, code=3)
    assert answer["events"] > 500
    (reject,) = rejects(tmp_path / "data")
    assert reject["reason"] == "archive_truncated"
    assert str(log) in reject["detail"]
    assert "import it" in reject["detail"] or "import" in reject["detail"]


def test_a_line_of_ten_megabytes_is_an_event_like_any_other(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_bytes(auth_lines(5) + b"x" * 10_000_000 + b"\n" + auth_lines(5, first=5))
    assert take(tmp_path / "data", log, code=0)["events"] == 11
    sql = "SELECT max(length(`event.original`)) AS longest FROM events"
    assert json.loads(call(tmp_path / "data", "sql", sql, code=0)[0])["longest"] == 10_000_000


def test_a_broken_event_log_gives_a_reject_that_says_so(tmp_path: Path) -> None:
    log = tmp_path / "broken.evtx"
    log.write_bytes(b"ElfFile\0" + random.Random(8).randbytes(200_000))
    answer = take(tmp_path / "data", log, code=3)
    assert answer["events"] == 0
    assert {each["reason"] for each in rejects(tmp_path / "data")} <= {"evtx_file", "evtx_record"}


def test_broken_json_lines_are_rejected_one_by_one(tmp_path: Path) -> None:
    log = tmp_path / "events.json"
    log.write_bytes(b'{"a": 1}\n{"a": \n{"b": "\xff\xfe"}\nplain words\n')
    answer = take(tmp_path / "data", log, code=3)
    assert (answer["records"], answer["rejects"]) == (4, 1)
    (reject,) = rejects(tmp_path / "data")
    assert reject["reason"] == "json_invalid"


def test_a_missing_path_is_one_sentence(tmp_path: Path) -> None:
    _, error = call(tmp_path / "data", "import", str(tmp_path / "nowhere"), code=1)
    assert "nowhere" in error
    assert len(error.splitlines()) == 1


def test_a_rule_that_cannot_be_read_is_named_with_its_line_and_others_run(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "bad.yml").write_text("title: Bad\nlogsource:\n  category: [unclosed\n")
    shutil.copy(next((ROOT / "content" / "rules" / "linux").glob("*.yml")), rules / "good.yml")
    out, _ = call(tmp_path / "data", "rules", "check", str(rules), code=3)
    (problem,) = [json.loads(line) for line in out.splitlines()]
    assert problem["path"].endswith("bad.yml")
    assert problem["line"] >= 3
    assert problem["remedy"]


def test_an_unknown_field_in_a_log_source_is_named_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    content = tmp_path / "content"
    shutil.copytree(ROOT / "content", content)
    source = content / "logsources" / "linux" / "system.syslog.yml"
    text = source.read_text()
    assert "process.name" in text
    source.write_text(text.replace("process.name", "proces.name"))
    done = subprocess.run(
        [str(MIHARU), "--data", str(tmp_path / "data"), "sources", "list"],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "MIHARU_CONTENT": str(content)},
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "system.syslog.yml:" in done.stderr
    assert "proces.name" in done.stderr
    assert "process.name" in done.stderr


QUESTIONS = [
    ("sql", "SELECT 1 FROM nothing"),
    ("sql", "SELECT"),
    ("search", "user.name : (a or"),
    ("alerts", "show", "zz"),
]


@pytest.mark.parametrize("words", QUESTIONS)
def test_wrong_questions_are_one_clear_answer(tmp_path: Path, words: tuple[str, ...]) -> None:
    _, error = call(tmp_path / "data", *words, code=1)
    assert error.startswith("miharu: ")
    assert "Traceback" not in error


def test_a_store_that_cannot_start_costs_nothing(tmp_path: Path) -> None:
    log, data = tmp_path / "auth.log", tmp_path / "data"
    log.write_bytes(auth_lines(1_000))
    data.mkdir()
    (data / "store").write_text("a file, no folder")
    words = call(data, "import", str(log), code=1)[1]
    assert "could not start" in words
    assert "Traceback" not in words
    (data / "store").unlink()
    assert take(data, log, code=0)["added"] == 1_000
    assert take(data, log, code=0)["added"] == 0
    sql = "SELECT count() AS stored, uniqExact(`event.id`) AS ids FROM events"
    assert json.loads(call(data, "sql", sql, code=0)[0]) == {"stored": 1_000, "ids": 1_000}
