"""Symantec Endpoint Protection's logs → one event each, whether the manager sends a line or writes it to a text file.

The lines are made from the vendor's list of fields (https://knowledge.broadcom.com/external/article?legacyId=tech171741).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.journey.reading import events_of, write_files

SHA256 = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
MD5 = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

POLICY = (
    "Site: Berlin,Server Name: sepm1,Domain Name: Default,Admin: root-admin,"
    "Event Description: Policy has been edited: Edited shared Firewall policy,Laptops"
)
CONTROL = (
    f"PC-ALICE,192.0.2.15,Blocked,[AC1-1.1] Scripts in downloads - Caller MD5={MD5},File Write,Begin: "
    "2025-06-14 08:15:01,"
    "End Time: 2025-06-14 08:15:02,Rule: Scripts | Downloads,9552,C:/Windows/System32/wscript.exe,0,No Module Name,"
    "C:/Users/alice/Downloads/a.js,User Name: alice,Domain Name: EXAMPLE,Action Type: ,File size (bytes): 1403,"
    "Device ID: SCSI\\Disk&Ven_EXAMPLE"
)
INTEGRITY = (
    "PC-ALICE,Event Description: Host Integrity check failed   Requirement: 'Antivirus is on' failed,"
    "Local Host IP: 192.0.2.15,Local Host MAC: 001122334455,Remote Host Name: ,Remote Host IP: 192.0.2.15,"
    "Remote Host MAC: 000000000000,Unknown,OTHERS,,Begin: 2025-06-14 08:15:01,End Time: 2025-06-14 08:15:01,"
    "Occurrences: 1,Application: ,Location: Office,User Name: alice,Domain Name: EXAMPLE,Local Port: 0,Remote Port: 0,"
    "CIDS Signature ID: 0,CIDS Signature string: ,CIDS Signature SubID: 0,Intrusion URL: ,Intrusion Payload URL: ,"
    "SHA-256: ,MD-5: "
)
STATUS = (
    "Site: Berlin,Server Name: sepm1,Domain Name: Default,The client has registered with the server,"
    "PC-ALICE,alice,EXAMPLE"
)
DECEPTION = (
    f"PC-ALICE,192.0.2.15,Blocked,Deceptor file was read - Caller MD5={MD5},File Read,Begin: 2025-06-14 08:15:01,"
    "End Time: 2025-06-14 08:15:01,Rule: Deception | Decoy passwords,4711,C:/Temp/tool.exe,0,No Module Name,"
    "C:/Users/alice/passwords.xlsx,User Name: alice,Domain Name: EXAMPLE,Action Type: ,File size "
    "(bytes): 10,Device ID: "
)
INTRUSION = (
    "PC-ALICE,Event Description: [SID: 30001] Web Attack: Example Kit attack blocked. Traffic has "
    "been blocked for this "
    "application: C:\\APPS\\BROWSER.EXE,Local Host IP: 192.0.2.15,Local Host MAC: 001122334455,Remote Host Name: ,"
    "Remote Host IP: 203.0.113.9,Remote Host MAC: 000000000000,Outbound,TCP,Intrusion ID: 0,Begin: 2025-06-14 08:15:01,"
    "End Time: 2025-06-14 08:15:01,Occurrences: 1,Application: C:/APPS/BROWSER.EXE,Location: Office,User Name: alice,"
    "Domain Name: EXAMPLE,Local Port: 50001,Remote Port: 443,CIDS Signature ID: 30001,"
    "CIDS Signature string: Web Attack: Example Kit,CIDS Signature SubID: 70001,Intrusion URL: www.example.com/a,"
    f"Intrusion Payload URL: ,SHA-256: {SHA256.upper()},MD-5: "
)
SCAN = (
    "Scan ID: 1749888901,Begin: 2025-06-14 08:15:01,End Time: 2025-06-14 08:45:01,Completed,Duration (seconds): 1800,"
    "User1: alice,User2: SYSTEM,Scan started on selected drives and folders and all extensions.,"
    "Scan Complete:  Risks: 1   Scanned: 916   Files/Folders/Drives Omitted: 0 Trusted Files Skipped: 0,"
    "Command: Not a command scan (),Threats: 1,Infected: 1,Total files: 916,Omitted: 0,Computer: PC-ALICE,"
    "IP Address: 192.0.2.15,Domain Name: Default,Group Name: My Company\\Desktops,Server Name: sepm1,"
    "Scan Type: Full Scan"
)
RISK = (
    "Security risk found,IP Address: 192.0.2.15,Computer name: PC-ALICE,Source: Auto-Protect scan,"
    "Risk name: EICAR Test String,Occurrences: 1,File path: C:\\Users\\alice\\eicar.com,Description: ,"
    "Actual action: Left alone,Requested action: Cleaned,Secondary action: Quarantined,Event time: 2025-06-14 08:15:01,"
    "Event Insert Time: 2025-06-14 08:16:00,End Time: 2025-06-14 08:15:01,Last update time: 2025-06-14 08:16:00,"
    "Domain Name: Default,Group Name: My Company\\Desktops,Server Name: sepm1,User Name: alice,Source Computer Name: ,"
    f"Source Computer IP: ,Disposition: Bad,Application hash: {SHA256.upper()},Hash type: SHA2,"
    "Application name: eicar.com,"
    "File size (bytes): 68,Category set: Malware,Category type: Virus"
)
SYSTEM = (
    "PC-ALICE,Category: 2,LiveUpdate Manager,Event Description: An update for Intrusion Prevention "
    "Signatures failed to "
    "install.  Error: Content patching failure (0xE0010005),Event time: 2025-06-14 08:15:01,"
    "Group Name: My Company\\Desktops"
)

LINES = {
    "policy": POLICY,
    "control": CONTROL,
    "compliance": INTEGRITY,
    "status": STATUS,
    "deception": DECEPTION,
    "intrusion": INTRUSION,
    "scan": SCAN,
    "risk": RISK,
    "system": SYSTEM,
}
STATUS_TABLE = """\
"Computer Name","Group Name","IP Address","Operating System","Current User","Virus Definitions","Last Check-in Time"
"PC-ALICE","My Company\\Desktops","192.0.2.15","Windows 11","alice","2025-06-13 r2","6/14/2025 8:15:01 AM"
"""
ALICE = {"host.name": "PC-ALICE", "user.name": "alice"}
KINDS = [
    pytest.param(
        "policy",
        {
            "symantec_endpoint.log.type": "policy",
            "event.action": "policy-edited",
            "event.category": ["configuration"],
            "user.name": "root-admin",
            "rule.name": "Laptops",
            "host.name": "sepm1",
        },
        marks=pytest.mark.mission("S118"),
        id="policy",
    ),
    pytest.param(
        "control",
        {
            **ALICE,
            "symantec_endpoint.log.type": "behavior",
            "event.action": "blocked",
            "event.category": ["process", "file"],
            "event.type": ["denied"],
            "process.executable": "C:/Windows/System32/wscript.exe",
            "process.pid": 9552,
            "process.hash.md5": MD5,
            "file.path": "C:/Users/alice/Downloads/a.js",
            "rule.name": "Scripts | Downloads",
            "@timestamp": datetime(2025, 6, 14, 8, 15, 1, tzinfo=UTC),
        },
        marks=pytest.mark.mission("S119"),
        id="application-and-device-control",
    ),
    pytest.param(
        "compliance",
        {
            **ALICE,
            "symantec_endpoint.log.type": "compliance",
            "event.action": "host-integrity-checked",
            "event.outcome": "failure",
            "host.ip": ["192.0.2.15"],
        },
        marks=pytest.mark.mission("S120"),
        id="compliance",
    ),
    pytest.param(
        "status",
        {
            **ALICE,
            "symantec_endpoint.log.type": "activity",
            "event.action": "client-registered",
            "user.domain": "EXAMPLE",
        },
        marks=pytest.mark.mission("S121"),
        id="computer-status",
    ),
    pytest.param(
        "deception",
        {
            **ALICE,
            "symantec_endpoint.log.type": "deception",
            "event.action": "deceptor-touched",
            "event.kind": "alert",
            "process.executable": "C:/Temp/tool.exe",
            "file.path": "C:/Users/alice/passwords.xlsx",
        },
        marks=pytest.mark.mission("S122"),
        id="deception",
    ),
    pytest.param(
        "intrusion",
        {
            **ALICE,
            "symantec_endpoint.log.type": "security",
            "event.action": "intrusion-blocked",
            "event.kind": "alert",
            "source.ip": "192.0.2.15",
            "source.port": 50001,
            "destination.ip": "203.0.113.9",
            "destination.port": 443,
            "network.transport": "tcp",
            "network.direction": "egress",
            "rule.id": "30001",
            "process.hash.sha256": SHA256,
        },
        marks=pytest.mark.mission("S123"),
        id="network-and-host-exploit-mitigation",
    ),
    pytest.param(
        "scan",
        {
            **ALICE,
            "symantec_endpoint.log.type": "scan",
            "event.action": "scan-completed",
            "event.outcome": "success",
            "event.duration": 1_800_000_000_000,
        },
        marks=pytest.mark.mission("S124"),
        id="scan",
    ),
    pytest.param(
        "risk",
        {
            **ALICE,
            "symantec_endpoint.log.type": "risk",
            "event.category": ["malware", "file"],
            "event.action": "left alone",
            "event.outcome": "failure",
            "threat.indicator.name": "EICAR Test String",
            "file.path": "C:\\Users\\alice\\eicar.com",
            "file.hash.sha256": SHA256,
            "file.size": 68,
        },
        marks=pytest.mark.mission("S125"),
        id="risk",
    ),
    pytest.param(
        "system",
        {
            "host.name": "PC-ALICE",
            "symantec_endpoint.log.type": "agent-system",
            "event.action": "content-update",
            "event.outcome": "failure",
        },
        marks=pytest.mark.mission("S126"),
        id="system",
    ),
]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The events of a file of syslog, of one as the manager writes it, and of a table that its console exports."""
    folder = tmp_path_factory.mktemp("sep")
    files = {
        "syslog": "".join(f"<54>Jun 14 08:20:00 sepm1 SymantecServer: {line}\n" for line in LINES.values()),
        "dump": "".join(f"2025-06-14 08:20:00,Info,{line}\n" for line in LINES.values()),
        "status.csv": STATUS_TABLE,
    }
    return {path.name: events for path, events in events_of(*write_files(folder, files)).items()}


@pytest.mark.mission("S117")
@pytest.mark.parametrize("form", ["syslog", "dump"])
def test_every_line_is_an_event_of_the_product(read: dict[str, list[dict[str, Any]]], form: str) -> None:
    events = read[form]
    assert [event["event.dataset"] for event in events] == ["symantec_endpoint.log"] * len(LINES)
    assert {event["observer.product"] for event in events} == {"Symantec Endpoint Protection"}
    assert len({event["symantec_endpoint.log.type"] for event in events}) == len(LINES)
    if form == "syslog":
        assert {event["log.syslog.hostname"] for event in events} == {"sepm1"}


@pytest.mark.parametrize("form", ["syslog", "dump"])
@pytest.mark.parametrize(("kind", "expected"), KINDS)
def test_kind(read: dict[str, list[dict[str, Any]]], form: str, kind: str, expected: dict[str, Any]) -> None:
    event = read[form][list(LINES).index(kind)]
    assert {name: event.get(name) for name in expected} == expected


@pytest.mark.mission("S121")
def test_status_of_computers_as_the_console_exports_it(read: dict[str, list[dict[str, Any]]]) -> None:
    (event,) = [one for one in read["status.csv"] if one.get("host.name")]
    expected = {
        "symantec_endpoint.log.type": "computer-status",
        "event.kind": "state",
        "host.name": "PC-ALICE",
        "host.ip": ["192.0.2.15"],
        "host.os.full": "Windows 11",
        "@timestamp": datetime(2025, 6, 14, 8, 15, 1, tzinfo=UTC),
    }
    assert {name: event.get(name) for name in expected} == expected
