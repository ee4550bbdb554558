"""The commands that help to write a log source, over a content folder of their own."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from miharu.catalog import content_root, load_logsources
from miharu.cli.app import make_app
from miharu.core.columns import UTC_MICROS
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.pipeline import open_lake, source_health
from miharu.pipeline.sourceshapes import shapes

LINES = """\
2025-06-14 08:15:02,123 INFO [main] User alice logged in from 192.0.2.4 port 4022
2025-06-14 08:15:03,456 INFO [main] User bob logged in from 192.0.2.5 port 4023
2025-06-14 08:15:09,001 WARN [pool-1] job=42 took=12 path="/a b" done
"""
JSON = """\
{"ts":1749888902,"app":"shop","user":"alice","ip":"192.0.2.4","sum":12}
{"ts":1749888903,"app":"shop","user":"bob","ip":"192.0.2.5","sum":7}
{"ts":1749888904,"app":"shop","user":"bob","ip":"192.0.2.5"}
{"ts":1749888905,"app":"shop","user":"bob","ip":"192.0.2.5"}
"""
SYSLOG = "Jun 14 08:15:02 h1 shopd[12]: session opened for user alice from 192.0.2.4\n"


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A content folder with the logs of unknown programs and two others."""
    root, here = content_root(), tmp_path / "content"
    for part in ("ecs", "fields", "lookups"):
        shutil.copytree(root / part, here / part)
    (here / "logsources").mkdir()
    for part in ("generic", "postfix"):
        shutil.copytree(root / "logsources" / part, here / "logsources" / part)
    (here / "logsources" / "windows").mkdir()
    shutil.copy(root / "logsources" / "windows" / "windows.eventlog.yml", here / "logsources" / "windows")
    monkeypatch.setenv("MIHARU_CONTENT", str(here))
    return here


def run(*words: str) -> Result:
    return CliRunner().invoke(make_app(), ["--json", "sources", *words])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES, {"source.ip": "192.0.2.4", "source.port": 4022, "user.name": "alice", "log.level": "INFO"}),
        (JSON, {"source.ip": "192.0.2.4", "user.name": "alice", "@timestamp": "2025-06-14T08:15:02Z"}),
        (SYSLOG, {"source.ip": "192.0.2.4", "user.name": "alice", "host.name": "h1", "process.pid": 12}),
        ("app=shop ip=192.0.2.4 time=2025-06-14T08:15:02Z\n", {"source.ip": "192.0.2.4"}),
    ],
)
def test_a_start_reads_its_own_lines(content: Path, tmp_path: Path, lines: str, said: dict[str, object]) -> None:
    log = tmp_path / "app.log"
    log.write_text(lines)
    assert run("new", "example.app", "--from", str(log)).exit_code == 0
    assert run("accept", "--check", "example.app").exit_code == 3
    accepted = run("accept", "example.app")
    assert json.loads(accepted.stdout)["faults"] == 0, accepted.output
    assert run("accept", "--check", "example.app").exit_code == 0
    tried = run("try", str(log), "--source", "example.app")
    records = [json.loads(line) for line in tried.stdout.splitlines()]
    assert len(records) == lines.count("\n")
    assert said.items() <= records[0]["event"].items()
    (source,) = [source for source in load_logsources(content) if source.id == "example.app"]
    assert sum(sample.refuse for sample in source.tests) == 1


def test_a_start_is_not_written_over_a_file(content: Path, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(LINES)
    assert run("new", "example.app", "--from", str(log)).exit_code == 0
    again = run("new", "example.app", "--from", str(log))
    assert isinstance(again.exception, OperatorError)
    assert run("new", "example.app", "--from", str(log), "--force").exit_code == 0
    assert isinstance(run("new", "Example", "--from", str(log)).exception, OperatorError)
    empty = tmp_path / "empty.log"
    empty.write_text("\n")
    assert isinstance(run("new", "example.no", "--from", str(empty)).exception, OperatorError)
    assert (content / "logsources" / "example" / "example.app.yml").is_file()


def test_a_sample_of_another_source_is_a_fault(content: Path) -> None:
    path = content / "logsources" / "postfix" / "postfix.mail.yml"
    text = path.read_text() + "  - record: 'Jun 14 08:15:02 h1 shopd[12]: hello'\n    expect: {}\n"
    path.write_text(text)
    done = run("accept", "postfix.mail")
    assert (done.exit_code, json.loads(done.stdout)["faults"]) == (3, 1)
    assert "claimed by generic.syslog" in done.stderr
    assert path.read_text() == text
    assert isinstance(run("accept", "no.such").exception, OperatorError)


def test_try_counts_or_shows_what_is_left_over(content: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text(SYSLOG + '{"a": 1}\n')
    counted = {row["source"]: row["records"] for row in map(json.loads, run("try", str(log)).stdout.splitlines())}
    assert counted == {"generic.syslog": 1, "generic.json": 1}
    shown = run("try", str(log), "--lines", "9")
    last = json.loads(shown.stdout.splitlines()[-1])
    assert (last["source"], last["left_over"]) == ("generic.json", {"json.a": 1})
    assert "json.a (1)" in shown.stderr
    plain = CliRunner().invoke(make_app(), ["sources", "try", str(log), "--lines", "1"])
    assert "generic.syslog" in plain.stdout
    assert "generic.json" not in plain.stdout


def test_messages_of_one_shape_share_a_pattern() -> None:
    (many,) = shapes(["a job 1 took 5 s: ok <1>", "a job 22 took 7 s: failed [2]"])
    pattern = pl.Series(["a job 333 took 1 s: late (3)", "a job"]).str.extract_groups(many.pattern).struct.unnest()
    assert pattern.row(0) == ("333", "1", "late", "3", ")")
    assert pattern.row(1) == (None,) * 5


def test_health_tells_who_is_silent_and_what_is_not_understood(tmp_path: Path) -> None:
    now = datetime(2025, 6, 14, 12, tzinfo=UTC)
    rows = [
        *(("app.ok", "h1", minutes, ["web"]) for minutes in range(0, 60, 5)),
        *(("app.silent", "h1", minutes, ["web"]) for minutes in range(600, 660, 5)),
        *(("app.partly", host, minutes, ["web"]) for host, minutes in [("h1", 1), ("h1", 6), ("h2", 900), ("h2", 901)]),
        *(("app.unread", "h1", minutes, None) for minutes in range(3)),
        ("generic.line", "h1", 1, None),
    ]
    received = [now - timedelta(minutes=row[2]) for row in rows]
    frame = pl.DataFrame(
        {
            "@timestamp": pl.Series(received, dtype=UTC_MICROS),
            "event.created": pl.Series(received, dtype=UTC_MICROS),
            "event.id": [f"{number:032x}" for number in range(len(rows))],
            "event.dataset": [row[0] for row in rows],
            "host.name": [row[1] for row in rows],
            "event.category": pl.Series([row[3] for row in rows], dtype=pl.List(pl.String)),
            "event.original": [b"x"] * len(rows),
            "log.file.path": ["x"] * len(rows),
            "log.offset": pl.Series(range(len(rows)), dtype=pl.UInt64),
            "fields": pl.Series([None] * len(rows), dtype=pl.String),
        }
    )
    with open_lake(Settings(data=tmp_path)) as lake:
        assert source_health(lake, now, timedelta(hours=1)).is_empty()
        lake.store.insert("events", frame, "1")
        told = source_health(lake, now, timedelta(hours=1))
        lately = source_health(lake, now, timedelta(hours=1), now - timedelta(minutes=30))
    states = dict(told.select("source", "state").iter_rows())
    assert states == {
        "app.silent": "silent",
        "app.partly": "partly silent",
        "app.unread": "unread",
        "generic.line": "unknown",
        "app.ok": "ok",
    }
    assert told["source"].to_list()[:2] == ["app.silent", "app.partly"]
    ok = told.filter(pl.col("source") == "app.ok").row(0, named=True)
    assert (ok["events"], ok["hosts"], ok["unread_percent"], ok["last_seen"]) == (12, 1, 0.0, now)
    assert "app.silent" not in lately["source"].to_list()
