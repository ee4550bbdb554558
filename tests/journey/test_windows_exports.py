"""Files that people save from Event Viewer are read as the events they show, and tell what the audit policy records."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from miharu.cli.app import make_app
from miharu.core.settings import Settings
from miharu.pipeline import make_reader, read_paths
from miharu.pipeline.reading import Reader
from tests.journey.importing import Place

ENGLISH = """Keywords{0}Date and Time{0}Source{0}Event ID{0}Task Category
Audit Failure{0}13/05/2025 10:29:47{0}Microsoft-Windows-Security-Auditing{0}4625{0}Logon{0}"An account failed to log on.

Account For Which Logon Failed:
\tSecurity ID:\t\tNULL SID
\tAccount Name:\t\tbob
\tAccount Domain:\t\tEXAMPLE

Network Information:
\tSource Network Address:\t192.0.2.15
\tSource Port:\t\t50712

This event is generated when a logon request fails."
Audit Success{0}12/05/2025 10:29:40{0}Microsoft-Windows-Security-Auditing{0}4624{0}Logon{0}"An account was logged on.

New Logon:
\tSecurity ID:\t\tEXAMPLE\\alice
\tAccount Name:\t\talice
\tAccount Domain:\t\tEXAMPLE
"
"""
JAPANESE = """レベル,日付と時刻,ソース,イベント ID,タスクのカテゴリ
エラー,2025/05/13 10:29:47,Service Control Manager,7034,なし,予期しない終了です。
情報,2025/05/12 10:29:40,Service Control Manager,7036,なし,"Print Spooler サービスは 停止 状態に移行しました。
二行目"
警告,2018/05/11 10:29:47,Kernel-Event Tracing,1,ログ,"セッションが停止しました。"
"""
XML = """<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='MsiInstaller'/>\
<EventID Qualifiers='0'>1033</EventID><Level>4</Level><TimeCreated SystemTime='2025-05-13T10:29:47.000000000Z'/>\
<EventRecordID>7</EventRecordID><Channel>Application</Channel><Computer>ws07.example.com</Computer></System><EventData>\
<Data>Example Tool</Data><Data>1.2.3</Data><Data>1041</Data><Data>0</Data><Data>Example Ltd</Data></EventData>\
<RenderingInfo Culture='ja-JP'><Message>製品が入りました。</Message><Level>情報</Level></RenderingInfo></Event>\
<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='User32'/>\
<EventID>1074</EventID>\
<TimeCreated SystemTime='2025-05-13T10:30:00Z'/><Channel>System</Channel><Computer>ws07.example.com\
</Computer></System><EventData><Data Name='param5'>restart</Data><Data Name='param7'>EXAMPLE\\alice</Data></EventData>\
</Event></Events>
"""
TRACE = {
    "@timestamp": "2018-05-11T10:29:47Z",
    "event.code": "1",
    "event.action": "trace-session-problem",
    "log.level": "warning",
}
COLUMNS = (
    "@timestamp",
    "event.code",
    "event.action",
    "event.outcome",
    "user.name",
    "source.ip",
    "log.level",
    "service.name",
)


@cache
def reader(zone: str) -> Reader:
    return make_reader(Settings(timezone=zone))


def read(path: Path, zone: str = "UTC") -> list[dict[str, Any]]:
    batches = list(read_paths([path], reader(zone), Settings(data=path.parent / "data")))
    assert all(batch.rejects.is_empty() for batch in batches)
    events = pl.concat([batch.events for batch in batches], how="diagonal")
    events = events.filter(pl.col("event.dataset").str.starts_with("windows."))
    shown = events.select(name for name in COLUMNS if name in events.columns)
    rows = shown.with_columns(pl.col("@timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).rows(named=True)
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@pytest.mark.mission("S72", "S75", "S80")
@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_english_export(tmp_path: Path, separator: str, encoding: str) -> None:
    path = tmp_path / "security.csv"
    path.write_bytes(ENGLISH.format(separator).replace("\n", "\r\n").encode(encoding))
    first, second = read(path, "Asia/Tokyo")
    assert first == {
        "@timestamp": "2025-05-13T01:29:47Z",
        "event.code": "4625",
        "event.action": "logon-failed",
        "event.outcome": "failure",
        "user.name": "bob",
        "source.ip": "192.0.2.15",
        "log.level": "information",
    }
    assert second == {
        "@timestamp": "2025-05-12T01:29:40Z",
        "event.code": "4624",
        "event.action": "logged-in",
        "event.outcome": "success",
        "user.name": "alice",
        "log.level": "information",
    }


@pytest.mark.mission("S74", "S75")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp932"])
def test_japanese_export(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "system.csv"
    path.write_bytes(JAPANESE.replace("\n", "\r\n").encode(encoding))
    crash, stop, trace = read(path)
    assert crash == {
        "@timestamp": "2025-05-13T10:29:47Z",
        "event.code": "7034",
        "event.action": "service-terminated-unexpectedly",
        "event.outcome": "failure",
        "log.level": "error",
    }
    assert stop["event.action"] == "service-stopped"
    assert stop["service.name"] == "Print Spooler"
    assert trace == TRACE


@pytest.mark.mission("S71", "S73", "S75")
def test_xml_export(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    path.write_text(XML, encoding="utf-8")
    install, restart = read(path)
    assert (install["event.action"], install["event.outcome"]) == ("product-installed", "success")
    assert (restart["event.action"], restart["user.name"]) == ("shutdown-initiated", "alice")


@pytest.mark.mission("S75")
def test_the_line_the_mission_shows(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("Warning - 5/11/2018 10:29:47 AM Kernel-Event Tracing - 1 Logging\n", encoding="utf-8")
    assert read(path) == [TRACE]


@pytest.mark.mission("S70")
def test_splunk_text(tmp_path: Path) -> None:
    path = tmp_path / "splunk.txt"
    one = (
        "05/13/2025 10:29:47 AM\nLogName=System\nEventCode=7036\nSourceName=Service Control Manager\nType=Information\n"
    )
    path.write_text((one + "Message=The x service entered the stopped state.\n\nMore.\n") * 2, encoding="utf-8")
    assert [event["event.action"] for event in read(path)] == ["service-stopped", "service-stopped"]


@pytest.mark.mission("S76")
def test_audit_policy(tmp_path: Path) -> None:
    path = tmp_path / "security.csv"
    path.write_text(ENGLISH.format(","), encoding="utf-8")
    Place(tmp_path / "data").take(path)
    asked = CliRunner().invoke(
        make_app(), ["--json", "sources", "audit-policy"], env={"MIHARU_DATA": str(tmp_path / "data")}
    )
    assert asked.exit_code == 0, asked.output
    found = {row["subcategory"]: row for row in map(json.loads, asked.stdout.splitlines())}
    assert found["Logon"] == {
        "category": "Logon/Logoff",
        "subcategory": "Logon",
        "state": "on",
        "events": 2,
        "success": 1,
        "failure": 1,
        "hosts": 1,
        "last": "2025-05-13T10:29:47Z",
        "blind_rules": 0,
        "event_ids": ["4624", "4625"],
        "per_host": [{"host": "", "events": 2, "last": "2025-05-13T10:29:47Z"}],
        "blind": [],
    }
    assert found["Kerberos Authentication Service"]["state"] == "never seen"
    assert found["Kerberos Authentication Service"]["blind"] == ["Ticket Given Without Proof Of A Password"]
