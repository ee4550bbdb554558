"""A failed logon whose data come as text only, or by position, is the event that its XML gives, as far as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.unit.parse import windows_samples as samples
from tests.unit.parse.test_windows_same_event import normalised

PROVIDER: Final = "Microsoft-Windows-Security-Auditing"
MESSAGE: Final = """An account failed to log on.

Subject:
\tSecurity ID:\t\tNULL SID
\tAccount Name:\t\t-
\tAccount Domain:\t\t-
\tLogon ID:\t\t0x0

Logon Type:\t\t\t3

Account For Which Logon Failed:
\tSecurity ID:\t\tNULL SID
\tAccount Name:\t\talice
\tAccount Domain:\t\tEXAMPLE

Failure Information:
\tFailure Reason:\t\tUnknown user name or bad password.
\tStatus:\t\t\t0xC000006D
\tSub Status:\t\t0xC000006A

Network Information:
\tWorkstation Name:\tWS11
\tSource Network Address:\t192.0.2.15
\tSource Port:\t\t50712

This event is generated when a logon request fails."""
INSERTS: Final = ["S-1-0-0", "-", "-", "0x0", "S-1-0-0", "alice", "EXAMPLE", "0xc000006d"]
SAME: Final = (
    *("@timestamp", "event.action", "event.category", "event.type", "event.outcome", "event.code", "event.provider"),
    *("event.dataset", "host.name", "user.name", "user.domain", "source.ip", "source.port", "source.domain"),
    *("winlog.channel", "winlog.computer_name", "winlog.logon.type", "winlog.event_data.SubStatus", "log.level"),
)
"""What every sender tells."""


def splunk() -> str:
    return (
        "06/14/2025 08:15:02 AM\nLogName=Security\nEventCode=4625\nEventType=0\nComputerName=ws07.example.com\n"
        "SourceName=Microsoft Windows security auditing.\nType=Information\nRecordNumber=4711\nKeywords=Audit Failure\n"
        f"TaskCategory=Logon\nOpCode=Info\nMessage={MESSAGE}"
    )


def snare() -> str:
    text = MESSAGE.replace("\n", " ").replace("\t", " ")
    fields = ["<13>Jun 14 08:15:02 relay MSWinEventLog", "2", "Security", "1", "Sat Jun 14 08:15:02 2025", "4625"]
    fields += [PROVIDER, "N/A", "N/A", "Failure Audit", samples.COMPUTER, "Logon", "", text, "4711"]
    return "\t".join(fields)


def fluentd() -> str:
    return json.dumps(
        {
            "channel": "security",
            "record_number": "4711",
            "time_generated": "2025-06-14 08:15:02 +0000",
            "time_written": "2025-06-14 08:15:02 +0000",
            "event_id": "4625",
            "event_type": "audit_failure",
            "event_category": "12544",
            "source_name": PROVIDER,
            "computer_name": samples.COMPUTER,
            "user": "",
            "description": MESSAGE,
            "string_inserts": INSERTS,
        }
    )


def fluentd_second() -> str:
    return json.dumps(
        {
            "ProviderName": PROVIDER,
            "ProviderGUID": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
            "EventID": "4625",
            "Level": "0",
            "Task": "12544",
            "Opcode": "Info",
            "Keywords": "0x8010000000000000",
            "TimeCreated": "2025/06/14 08:15:02.000000000",
            "EventRecordID": "4711",
            "Channel": "Security",
            "Computer": samples.COMPUTER,
            "Message": MESSAGE,
            "StringInserts": INSERTS,
        }
    )


def fluent_bit() -> str:
    return json.dumps(
        {
            "date": 1749888902.0,
            "RecordNumber": 4711,
            "TimeGenerated": "2025-06-14 08:15:02 +0000",
            "TimeWritten": "2025-06-14 08:15:02 +0000",
            "EventID": 4625,
            "Qualifiers": 0,
            "EventType": "FailureAudit",
            "EventCategory": 12544,
            "Channel": "Security",
            "SourceName": PROVIDER,
            "ComputerName": samples.COMPUTER,
            "Data": "",
            "Sid": "",
            "Message": MESSAGE,
            "StringInserts": INSERTS,
        }
    )


def viewer() -> str:
    return f'Audit Failure\t6/14/2025 8:15:02 AM\t{PROVIDER}\t4625\tLogon\t"{MESSAGE}"'


def get_winevent() -> str:
    return json.dumps(
        {
            "Id": 4625,
            "Version": 0,
            "Qualifiers": None,
            "Level": 0,
            "Task": 12544,
            "Opcode": 0,
            "Keywords": -9218868437227405312,
            "RecordId": 4711,
            "ProviderName": PROVIDER,
            "LogName": "Security",
            "ProcessId": 3208,
            "ThreadId": 1724,
            "MachineName": samples.COMPUTER,
            "UserId": None,
            "TimeCreated": "/Date(1749888902000)/",
            "TaskDisplayName": "Logon",
            "LevelDisplayName": "Information",
            "KeywordsDisplayNames": ["Audit Failure"],
            "Properties": [{"Value": "S-1-0-0"}],
            "Message": MESSAGE,
        }
    )


SENDERS: Final[dict[str, Callable[[], str]]] = {
    "splunk": splunk,
    "snare": snare,
    "fluentd": fluentd,
    "fluentd_second": fluentd_second,
    "fluent_bit": fluent_bit,
    "viewer": viewer,
    "get_winevent": get_winevent,
}
LEFT_OUT: Final[dict[str, set[str]]] = {"viewer": {"host.name", "winlog.computer_name"}}
"""Event Viewer's text does not name the computer."""


@pytest.mark.mission("S70", "S80")
@pytest.mark.parametrize("sender", list(SENDERS))
def test_same_event(sender: str) -> None:
    expected = normalised(samples.xml(samples.LOGON))
    given = normalised(SENDERS[sender]())
    wanted = {name: expected[name] for name in SAME if name not in LEFT_OUT.get(sender, set())}
    assert {name: given.get(name) for name in wanted} == wanted


def test_text_does_not_overrule_data() -> None:
    record: dict[str, Any] = json.loads(samples.wazuh(samples.LOGON))
    record["win"]["system"]["message"] = MESSAGE.replace("alice", "mallory")
    assert normalised(json.dumps(record))["user.name"] == "alice"


def nxlog_ietf() -> str:
    data = {
        "Keywords": "-9218868437227405312",
        "EventType": "AUDIT_FAILURE",
        "EventID": "4625",
        "SourceName": PROVIDER,
        "ProviderGuid": "{54849625-5478-4994-A5BA-3E3B0328C30D}",
        "Version": "0",
        "Task": "12544",
        "OpcodeValue": "0",
        "RecordNumber": "4711",
        "ThreadID": "1724",
        "Channel": "Security",
        "Category": "Logon",
        "Opcode": "Info",
        "EventReceivedTime": "2025-06-14 17:15:04",
        "SourceModuleName": "in",
        **samples.LOGON["data"],
    }
    pairs = " ".join(f'{name}="{value}"' for name, value in data.items())
    head = f"<11>1 2025-06-14T17:15:02.000000+09:00 {samples.COMPUTER} {PROVIDER} 3208 -"
    return f"{head} [NXLOG@14506 {pairs}] An account failed to log on."


def snare_5424() -> str:
    return snare().replace("<13>Jun 14 08:15:02 relay ", "<13>1 2025-06-14T08:15:03Z relay - - - - ")


def splunk_by_http() -> str:
    return json.dumps({"time": 1749888902, "host": "ws07", "sourcetype": "WinEventLog", "event": splunk()})


@pytest.mark.mission("S70")
@pytest.mark.parametrize("sender", [nxlog_ietf, snare_5424, splunk_by_http])
def test_same_event_in_an_envelope(sender: Callable[[], str]) -> None:
    expected = normalised(samples.xml(samples.LOGON))
    given = normalised(sender())
    assert {name: given.get(name) for name in SAME} == {name: expected[name] for name in SAME}
