"""One process start and one failed logon → the record each kind of sender would make of it."""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl

from tests.unit.parse import record_frames

NAMESPACE: Final = "http://schemas.microsoft.com/win/2004/08/events/event"
SYSMON: Final = {
    "provider": "Microsoft-Windows-Sysmon",
    "guid": "5770385f-c22a-43e0-bf4c-06f5698ffbd9",
    "channel": "Microsoft-Windows-Sysmon/Operational",
    "event": 1,
    "version": 5,
    "level": 4,
    "task": 1,
    "words": "Process Create (rule: ProcessCreate)",
    "keywords": 0x8000000000000000,
    "record": 86918,
    "user": "S-1-5-18",
    "data": {
        "RuleName": "-",
        "UtcTime": "2025-06-14 08:15:02.496",
        "ProcessGuid": "{0a1b2c3d-0001-684d-0100-000000001a00}",
        "ProcessId": "6700",
        "Image": r"C:\Windows\System32\whoami.exe",
        "CommandLine": "whoami /all & echo <done>",
        "User": r"EXAMPLE\alice",
        "Hashes": "MD5=0123456789ABCDEF0123456789ABCDEF,IMPHASH=FEDCBA9876543210FEDCBA9876543210",
        "ParentImage": r"C:\Windows\System32\cmd.exe",
    },
}
LOGON: Final = {
    "provider": "Microsoft-Windows-Security-Auditing",
    "guid": "54849625-5478-4994-a5ba-3e3b0328c30d",
    "channel": "Security",
    "event": 4625,
    "version": 0,
    "level": 0,
    "task": 12544,
    "words": "Logon",
    "keywords": 0x8010000000000000,
    "record": 4711,
    "user": None,
    "data": {
        "TargetUserName": "alice",
        "TargetDomainName": "EXAMPLE",
        "Status": "0xc000006d",
        "SubStatus": "0xc000006a",
        "LogonType": "3",
        "WorkstationName": "WS11",
        "IpAddress": "::ffff:192.0.2.15",
        "IpPort": "50712",
    },
}
COMPUTER: Final = "ws07.example.com"
PROCESS, THREAD = 3208, 1724
MESSAGE: Final = "What Windows would say.\r\nIn two lines."


def records(*raws: str | bytes) -> pl.DataFrame:
    """Return a chunk of records."""
    return record_frames.records([raw.encode() if isinstance(raw, str) else raw for raw in raws])


def evtx(event: dict[str, Any]) -> str:
    """The event as the `evtx` package renders it: bare GUIDs in capitals, numbers as numbers."""
    data = {
        name: value.strip("{}").upper() if name.endswith("Guid") else int(value) if value.isdecimal() else value
        for name, value in event["data"].items()
    }
    system = {
        "Provider": {"#attributes": {"Name": event["provider"], "Guid": event["guid"].upper()}},
        "EventID": event["event"],
        "Version": event["version"],
        "Level": event["level"],
        "Task": event["task"],
        "Opcode": 0,
        "Keywords": f"0x{event['keywords']:x}",
        "TimeCreated": {"#attributes": {"SystemTime": "2025-06-14T08:15:02.000000Z"}},
        "EventRecordID": event["record"],
        "Correlation": None,
        "Execution": {"#attributes": {"ProcessID": PROCESS, "ThreadID": THREAD}},
        "Channel": event["channel"],
        "Computer": COMPUTER,
        "Security": {"#attributes": {"UserID": event["user"]}} if event["user"] else None,
    }
    return json.dumps({"Event": {"#attributes": {"xmlns": NAMESPACE}, "System": system, "EventData": data}})


def plain_json(event: dict[str, Any]) -> str:
    """The event's tree as JSON without marks for attributes, below no `Event`."""
    system = {
        "Provider": {"Name": event["provider"], "Guid": f"{{{event['guid']}}}"},
        "EventID": event["event"],
        "Version": event["version"],
        "Level": event["level"],
        "Task": event["task"],
        "Opcode": 0,
        "Keywords": f"0x{event['keywords']:x}",
        "TimeCreated": "2025-06-14T08:15:02.0000000Z",
        "EventRecordID": event["record"],
        "Execution": {"ProcessID": PROCESS, "ThreadID": THREAD},
        "Channel": event["channel"],
        "Computer": COMPUTER,
        "Security": {"UserID": event["user"]} if event["user"] else {},
    }
    return json.dumps({"System": system, "EventData": event["data"]})


def xml(event: dict[str, Any], *, rendered: bool = True, namespace: bool = True) -> str:
    """The event as Windows writes it in XML, with its words if `rendered`."""
    data = "".join(f"<Data Name='{name}'>{_escaped(value)}</Data>" for name, value in event["data"].items())
    security = f"<Security UserID='{event['user']}'/>" if event["user"] else "<Security/>"
    attribute = f" xmlns='{NAMESPACE}'" if namespace else ""
    rendering = (
        f"<RenderingInfo Culture='en-US'><Message>{_escaped(MESSAGE)}</Message><Level>Information</Level>"
        f"<Task>{event['words']}</Task><Opcode>Info</Opcode></RenderingInfo>"
    )
    return (
        f"<Event{attribute}><System>"
        f"<Provider Name='{event['provider']}' Guid='{{{event['guid']}}}'/><EventID>{event['event']}</EventID>"
        f"<Version>{event['version']}</Version><Level>{event['level']}</Level><Task>{event['task']}</Task>"
        f"<Opcode>0</Opcode><Keywords>0x{event['keywords']:x}</Keywords>"
        f"<TimeCreated SystemTime='2025-06-14T08:15:02.0000000Z'/><EventRecordID>{event['record']}</EventRecordID>"
        f"<Correlation/><Execution ProcessID='{PROCESS}' ThreadID='{THREAD}'/><Channel>{event['channel']}</Channel>"
        f"<Computer>{COMPUTER}</Computer>{security}</System><EventData>{data}</EventData>"
        f"{rendering if rendered else ''}</Event>"
    )


def winlogbeat(event: dict[str, Any]) -> str:
    """The event as Winlogbeat sends it: words instead of the numbers of level, task and keywords."""
    words = {0x8010000000000000: ["Audit Failure"]}.get(event["keywords"], [])
    winlog = {
        "channel": event["channel"],
        "provider_name": event["provider"],
        "provider_guid": f"{{{event['guid']}}}",
        "event_id": str(event["event"]),
        "record_id": event["record"],
        "computer_name": COMPUTER,
        "version": event["version"],
        "task": event["words"],
        "opcode": "Info",
        "keywords": words,
        "process": {"pid": PROCESS, "thread": {"id": THREAD}},
        "event_data": event["data"],
        "api": "wineventlog",
    }
    if event["user"]:
        winlog["user"] = {"identifier": event["user"]}
    return json.dumps(
        {
            "@timestamp": "2025-06-14T08:15:02.000Z",
            "event": {"code": str(event["event"]), "provider": event["provider"], "kind": "event"},
            "host": {"name": COMPUTER},
            "log": {"level": "information"},
            "message": MESSAGE,
            "winlog": winlog,
        }
    )


def nxlog(event: dict[str, Any]) -> str:
    """The event as NXLog sends it through Logstash: local time, keywords as a signed number."""
    audit = event["channel"] == "Security"
    signed = event["keywords"] - (1 << 64)
    return json.dumps(
        {
            "EventTime": "2025-06-14 17:15:02",
            "Hostname": COMPUTER,
            "Keywords": signed,
            "EventType": "AUDIT_FAILURE" if audit else "INFO",
            "SeverityValue": 4 if audit else 2,
            "Severity": "ERROR" if audit else "INFO",
            "EventID": event["event"],
            "SourceName": event["provider"],
            "ProviderGuid": f"{{{event['guid'].upper()}}}",
            "Version": event["version"],
            "Task": event["task"],
            "OpcodeValue": 0,
            "RecordNumber": event["record"],
            "ExecutionProcessID": PROCESS,
            "ThreadID": THREAD,
            "Channel": event["channel"].lower() if audit else event["channel"],
            "Category": event["words"],
            "Opcode": "Info",
            "Message": MESSAGE,
            **({"UserID": event["user"]} if event["user"] else {}),
            **event["data"],
            "EventReceivedTime": "2025-06-14 17:15:04",
            "SourceModuleName": "eventlog",
            "SourceModuleType": "im_msvistalog",
            "port": 51000,
            "@timestamp": "2025-06-14T08:15:05.733Z",
        }
    )


def wazuh(event: dict[str, Any]) -> str:
    """The event as a Wazuh agent gives it: small first letters, backslashes doubled, entities left."""
    data = {name[:1].lower() + name[1:]: _escaped(value).replace("\\", "\\\\") for name, value in event["data"].items()}
    system = {
        "providerName": event["provider"],
        "providerGuid": f"{{{event['guid']}}}",
        "eventID": str(event["event"]),
        "version": str(event["version"]),
        "level": str(event["level"]),
        "task": str(event["task"]),
        "opcode": "0",
        "keywords": f"0x{event['keywords']:x}",
        "systemTime": "2025-06-14T08:15:02.0000000Z",
        "eventRecordID": str(event["record"]),
        "processID": str(PROCESS),
        "threadID": str(THREAD),
        "channel": event["channel"],
        "computer": COMPUTER,
        "message": f'"{MESSAGE}"',
        **({"userID": event["user"]} if event["user"] else {}),
    }
    return json.dumps({"win": {"system": system, "eventdata": data}})


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
