"""Windows events in words are read as the events they are: exports of Event Viewer, Splunk, Snare, OSSEC."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from miharu.parse.text import with_text
from miharu.parse.windows_forms import looks_like_windows_text
from miharu.parse.windows_text import read_windows_text
from tests.unit.parse.windows_samples import records

LOGON = """An account was successfully logged on.

Subject:
\tSecurity ID:\t\tSYSTEM
\tAccount Name:\t\tWS07$
\tAccount Domain:\t\tEXAMPLE
\tLogon ID:\t\t0x3E7

Logon Information:
\tLogon Type:\t\t3
\tElevated Token:\t\tNo

New Logon:
\tSecurity ID:\t\tEXAMPLE\\alice
\tAccount Name:\t\talice
\tAccount Domain:\t\tEXAMPLE
\tLogon ID:\t\t0x51A2C

Network Information:
\tWorkstation Name:\tWS11
\tSource Network Address:\t192.0.2.15
\tSource Port:\t\t50712

This event is generated when a logon session is created.
Account Name: not a value"""

JAPANESE_FAILURE = """アカウントがログオンに失敗しました。

サブジェクト:
\tセキュリティ ID:\t\tNULL SID
\tアカウント名:\t\t-

ログオン タイプ:\t\t\t3

ログオンを失敗したアカウント:
\tセキュリティ ID:\t\tNULL SID
\tアカウント名:\t\thanako
\tアカウント ドメイン:\t\tEXAMPLE

エラー情報:
\t失敗の原因:\t\tパスワードが違います。
\t状態:\t\t\t0xC000006D

ネットワーク情報:
\tソース ネットワーク アドレス:\t192.0.2.15
\tソース ポート:\t\t50712
"""

SERVICE = """A service was installed in the system.

Service Name:  updater
Service File Name:  C:\\upd.exe
Service Type:  user mode service
Service Start Type:  demand start
Service Account:  LocalSystem"""

DATA = {
    "SubjectUserSid": "S-1-5-18",
    "SubjectUserName": "WS07$",
    "SubjectDomainName": "EXAMPLE",
    "SubjectLogonId": "0x3e7",
    "LogonType": "3",
    "ElevatedToken": "No",
    "TargetUserName": "alice",
    "TargetDomainName": "EXAMPLE",
    "TargetLogonId": "0x51a2c",
    "WorkstationName": "WS11",
    "IpAddress": "192.0.2.15",
    "IpPort": "50712",
}


def read(text: str | bytes) -> dict[str, Any]:
    frames, rest = read_windows_text(with_text(records(text)), "UTC")
    assert rest.is_empty()
    (frame,) = frames
    row = frame.row(0, named=True)
    return {name: value for name, value in row.items() if value is not None and not name.startswith("record.")}


def data(event: dict[str, Any]) -> dict[str, Any]:
    return {key.removeprefix("EventData."): value for key, value in event.items() if key.startswith("EventData.")}


def one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").partition(" This event")[0]


@pytest.mark.mission("S75")
def test_the_form_the_mission_shows() -> None:
    event = read("Warning - 5/11/2018 10:29:47 AM Kernel-Event Tracing - 1 Logging")
    assert event["System.TimeCreated"].isoformat() == "2018-05-11T10:29:47+00:00"
    del event["System.TimeCreated"]
    assert event == {
        "System.Provider": "Microsoft-Windows-Kernel-EventTracing",
        "System.Channel": "Microsoft-Windows-Kernel-EventTracing/Admin",
        "System.EventID": "1",
        "System.Level": "3",
        "Rendering.Task": "Logging",
    }


@pytest.mark.mission("S75")
@pytest.mark.parametrize(("separator", "level"), [("\t", "Audit Success"), (",", "Audit Success"), (",", "成功の監査")])
def test_an_export_of_the_security_log(separator: str, level: str) -> None:
    date = "2018/05/11 10:29:47" if level == "成功の監査" else "5/11/2018 10:29:47 AM"
    quoted = '"' + LOGON.replace('"', '""') + '"'
    event = read(separator.join([level, date, "Microsoft-Windows-Security-Auditing", "4624", "Logon", quoted]))
    assert data(event) == DATA
    assert event["Message"] == LOGON
    assert event["System.Keywords"] == "0x8020000000000000"
    assert event["System.Level"] == "0"
    assert event["System.Channel"] == "Security"
    assert event["System.TimeCreated"].isoformat() == "2018-05-11T10:29:47+00:00"


@pytest.mark.mission("S75")
@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_japanese_labels(encoding: str) -> None:
    row = "失敗の監査,2018/05/11 10:29:47,Microsoft-Windows-Security-Auditing,4625,ログオン"
    event = read(f'{row},"{JAPANESE_FAILURE}"'.encode(encoding))
    assert data(event) == {
        "SubjectUserSid": "S-1-0-0",
        "SubjectUserName": "-",
        "LogonType": "3",
        "TargetUserSid": "S-1-0-0",
        "TargetUserName": "hanako",
        "TargetDomainName": "EXAMPLE",
        "FailureReason": "パスワードが違います。",
        "Status": "0xc000006d",
        "IpAddress": "192.0.2.15",
        "IpPort": "50712",
    }
    assert event["System.Keywords"] == "0x8010000000000000"


def test_german_labels() -> None:
    text = (
        "Fehler.\n\nKonto, für das die Anmeldung fehlgeschlagen ist:\n\tKontoname:\t\tbob\n\nNetzwerkinformationen:\n"
    )
    text += "\tQuellnetzwerkadresse:\t192.0.2.15\n\tQuellport:\t\t50712"
    head = "Überwachung gescheitert\t11.05.2018 10:29:47\tMicrosoft-Windows-Security-Auditing\t4625\tAnmelden"
    event = read(f'{head}\t"{text}"'.encode("cp1252"))
    assert data(event) == {"TargetUserName": "bob", "IpAddress": "192.0.2.15", "IpPort": "50712"}
    assert event["System.Keywords"] == "0x8010000000000000"


@pytest.mark.parametrize(
    ("word", "level"),
    [("Critical", "1"), ("Error", "2"), ("重大", "1"), ("エラー", "2"), ("警告", "3"), ("情報", "4"), ("Warnung", "3")],
)
def test_levels(word: str, level: str) -> None:
    event = read(f"{word}\t2018-05-11 10:29:47\tExample\t7\tNone\tIt happened.")
    assert event["System.Level"] == level
    assert "Rendering.Task" not in event


def test_columns_in_another_order() -> None:
    rows = records('Information,7,2018-05-11 10:29:47,ws07.example.com,Example,"One, ""two"""')
    header = "Level,Event ID,Date and Time,Computer,Source"
    text = with_text(rows).with_columns(pl.lit(header).alias("record.header"))
    ((frame,), rest) = read_windows_text(text, "UTC")
    assert rest.is_empty()
    assert frame["System.EventID"][0] == "7"
    assert frame["System.Computer"][0] == "ws07.example.com"
    assert frame["Message"][0] == 'One, "two"'


def test_splunk() -> None:
    event = read(
        "05/11/2018 10:29:47 AM\nLogName=Security\nEventCode=4624\nEventType=0\nComputerName=ws07.example.com\n"
        "SourceName=Microsoft Windows security auditing.\nType=Information\nRecordNumber=99\nKeywords=Audit Success\n"
        f"TaskCategory=Logon\nOpCode=Info\nMessage={LOGON}"
    )
    assert data(event) == DATA
    assert event["System.Provider"] == "Microsoft-Windows-Security-Auditing"
    assert event["System.EventRecordID"] == "99"
    assert event["System.Keywords"] == "0x8020000000000000"


@pytest.mark.parametrize("tab", ["\t", "#011"])
def test_snare(tab: str) -> None:
    fields = ["MSWinEventLog", "1", "Security", "1234", "Fri May 11 10:29:47 2018", "4624"]
    fields += ["Microsoft-Windows-Security-Auditing", "EXAMPLE\\alice", "N/A", "Success Audit", "ws07.example.com"]
    fields += ["Logon", "", one_line(LOGON), "5678"]
    event = read(f"<14>May 11 10:29:47 relay {tab.join(fields)}")
    assert data(event) == DATA
    assert event["System.Computer"] == "ws07.example.com"
    assert event["System.EventRecordID"] == "5678"
    assert (event["User.Domain"], event["User.Name"]) == ("EXAMPLE", "alice")
    assert event["log.syslog.severity.code"] == 6
    assert event["System.TimeCreated"].isoformat() == "2018-05-11T10:29:47+00:00"


@pytest.mark.parametrize(
    "head",
    [
        "2018 May 11 10:29:47 WinEvtLog: Security: AUDIT_SUCCESS(4624): Security-Auditing: bob: none: ws07: ",
        "<37>May 11 10:29:47 ws07 Security-Auditing: 4624: AUDIT_SUCCESS ",
        "<14>May 11 10:29:47 ws07 Microsoft-Windows-Security-Auditing[640]: ",
    ],
)
def test_other_agents(head: str) -> None:
    event = read(head + one_line(LOGON))
    assert data(event) == DATA
    assert (event["System.EventID"], event["System.Channel"]) == ("4624", "Security")
    assert event["System.Computer"] == "ws07"
    assert event["System.TimeCreated"].strftime("%m-%d %H:%M:%S") == "05-11 10:29:47"


@pytest.mark.parametrize(
    ("provider", "code", "text", "expected"),
    [
        (
            "Service Control Manager",
            "7036",
            "The Print Spooler service entered the stopped state.",
            {"param1": "Print Spooler", "param2": "stopped"},
        ),
        (
            "Service Control Manager",
            "7036",
            "Print Spooler サービスは 停止 状態に移行しました。",
            {"param1": "Print Spooler", "param2": "停止"},
        ),
        (
            "Service Control Manager",
            "7045",
            SERVICE,
            {
                "ServiceName": "updater",
                "ImagePath": "C:\\upd.exe",
                "ServiceType": "user mode service",
                "StartType": "demand start",
                "AccountName": "LocalSystem",
            },
        ),
        (
            "Microsoft-Windows-Sysmon",
            "1",
            "Process Create:\nRuleName: -\nProcessId: 6700\nImage: C:\\tool.exe\nCommandLine: tool.exe -v: x",
            {"RuleName": "-", "ProcessId": "6700", "Image": "C:\\tool.exe", "CommandLine": "tool.exe -v: x"},
        ),
        ("Example", "7", "The x service entered the stopped state.", {}),
    ],
)
def test_what_texts_tell(provider: str, code: str, text: str, expected: dict[str, str]) -> None:
    assert data(read(f'Information,2018-05-11 10:29:47,{provider},{code},None,"{text}"')) == expected


def test_unreadable_date_is_kept() -> None:
    event = read("Information,2018-13-41 10:29:47,Example,7,None,Text")
    assert event["System.TimeCreatedText"] == "2018-13-41 10:29:47"
    assert "System.TimeCreated" not in event


@pytest.mark.parametrize(
    "line",
    [
        "Error: 5 things failed",
        "error - 404 not found",
        "Information about 2018-05-11 10:29:47",
        "The MSWinEventLog is no event",
        "x WinEvtLog: nothing",
        "LogName=Security",
    ],
)
def test_lines_of_others_are_left(line: str) -> None:
    rows = with_text(records(line))
    marked = rows.filter(looks_like_windows_text(rows["record.text"]))
    frames, rest = read_windows_text(marked, "UTC")
    assert not frames
    assert rest.height == marked.height
