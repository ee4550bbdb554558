"""Logs of iOS and macOS, as files and from senders → one event for each crash and each entry, alike in every form."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.journey.reading import events_of, write_files
from tests.journey.serving import serving, until
from tests.unit.sources.asl_writer import Message, asl_file

MOMENT = datetime(2025, 6, 14, 8, 15, 2, 500_000, tzinfo=UTC)
INCIDENT = "A0000000-0000-4000-8000-000000000001"
HEADER = (
    '{"app_name":"Ledger","timestamp":"2025-06-14 08:15:03.00 +0000","app_version":"2.4","build_version":"241",'
    '"bundleID":"com.example.ledger","bug_type":"%s","os_version":"%s",'
    '"incident_id":"A0000000-0000-4000-8000-000000000001","name":"Ledger"}\n'
)
TEXT = """\
Incident Identifier: A0000000-0000-4000-8000-000000000001
CrashReporter Key:   00112233445566778899aabbccddeeff00112233
Hardware Model:      iPhone12,1
Process:             Ledger [4711]
Path:                /private/var/containers/Bundle/Application/Ledger.app/Ledger
Identifier:          com.example.ledger
Version:             241 (2.4)
Code Type:           ARM-64 (Native)
Parent Process:      launchd [1]

Date/Time:           2025-06-14 17:15:02.5000 +0900
OS Version:          iPhone OS 14.8 (18H17)
Report Version:      104

Exception Type:  EXC_BAD_ACCESS (SIGSEGV)
Exception Codes: 0x0000000000000001, 0x0000000000000008
Termination Reason: Segmentation fault: 11
Triggered by Thread:  1

Thread 0:
0   libsystem_kernel.dylib        0x0000000180001000 mach_msg_trap + 8

Thread 1 name:  books
Thread 1 Crashed:
0   Ledger                        0x0000000100001234 close_books + 52

Jun 14 08:15:02 is no line of a log here
"""
BODY = {
    "pid": 4711,
    "procName": "Ledger",
    "procPath": "/private/var/containers/Bundle/Application/Ledger.app/Ledger",
    "parentProc": "launchd",
    "parentPid": 1,
    "modelCode": "iPhone12,1",
    "cpuType": "ARM-64",
    "captureTime": "2025-06-14 17:15:02.5000 +0900",
    "incident": INCIDENT,
    "crashReporterKey": "00112233445566778899aabbccddeeff00112233",
    "osVersion": {"train": "iPhone OS 14.8", "build": "18H17"},
    "bundleInfo": {
        "CFBundleShortVersionString": "2.4",
        "CFBundleVersion": "241",
        "CFBundleIdentifier": "com.example.ledger",
    },
    "exception": {
        "codes": "0x0000000000000001, 0x0000000000000008",
        "type": "EXC_BAD_ACCESS",
        "signal": "SIGSEGV",
    },
    "termination": {"namespace": "SIGNAL", "code": 11, "indicator": "Segmentation fault: 11"},
    "faultingThread": 1,
    "threads": [
        {"id": 1, "frames": []},
        {"id": 2, "name": "books", "frames": [{"imageIndex": 0, "imageOffset": 4660, "symbol": "close_books"}]},
    ],
    "usedImages": [{"name": "Ledger", "base": 4294967296}],
}
HEADED = HEADER % ("309", "iPhone OS 14.8 (18H17)")
IPS = HEADED + orjson.dumps(BODY, option=orjson.OPT_INDENT_2).decode() + "\n"
IPS_TEXT = HEADER % ("109", "iPhone OS 14.8 (18H17)") + TEXT
PANIC = HEADER % ("210", "macOS 14.5 (23F79)") + orjson.dumps({
    "panicString": "panic(cpu 1 caller 0xfffffe00): watchdog timeout\nDebugger message: panic",
    "product": "Mac14,2",
    "date": "2025-06-14 08:15:02.50 +0000",
    "incident": INCIDENT,
    "kernel": "Darwin Kernel Version 23.5.0",
}).decode()  # fmt: skip
JETSAM = HEADER % ("298", "iPhone OS 15.5 (19F77)") + orjson.dumps({
    "largestProcess": "Ledger",
    "product": "iPhone13,2",
    "date": "2025-06-14 08:15:02.50 +0000",
    "incident": INCIDENT,
    "processes": [{"name": "logd", "pid": 3}, {"name": "Ledger", "pid": 4711, "reason": "per-process-limit"}],
}).decode()  # fmt: skip
HANG = """\
Date/Time:        2025-06-14 08:15:02.500 +0000
End time:         2025-06-14 08:15:07.000 +0000
OS Version:       macOS 13.6 (22G120)
Report Version:   35

Command:          Ledger
Identifier:       com.example.ledger
PID:              4711

Event:            hang
Duration:         4.50s

Hardware model:   Mac14,2
------------------------------------------------------------
Process:          Ledger [4711]
"""

STAMP = "2025-06-14 08:15:02.500000+0000"
REMARK = 'Filtering the log data using "process == "agentd""\n'
ENTRY = {
    "timestamp": STAMP,
    "messageType": "Error",
    "eventType": "logEvent",
    "subsystem": "com.example.agent",
    "category": "net",
    "threadID": 499,
    "machTimestamp": 7,
    "processImagePath": "/usr/libexec/agentd",
    "processID": 812,
    "eventMessage": "no answer\n\tfrom 192.0.2.7",
}
STYLES = {
    "ndjson": orjson.dumps(ENTRY).decode() + "\n",
    "json": REMARK + "[" + orjson.dumps(ENTRY, option=orjson.OPT_INDENT_2).decode() + "]\n",
    "default": REMARK + "Timestamp                       Thread     Type        Activity             PID    TTL  \n"
    f"{STAMP} 0x1f3      Error       0x0                  812    14   "
    "agentd: (libexample.dylib) [com.example.agent:net] no answer\n\tfrom 192.0.2.7\n"
    "--------------------------------\nLog      - Default: 0, Info: 0, Error: 1\n",
    "compact": "Timestamp               Ty Process[PID:TID]\n"
    "2025-06-14 08:15:02.500 E  agentd[812:1f3] [com.example.agent:net] no answer\n\tfrom 192.0.2.7\n",
    "syslog": "Timestamp                       (process)[PID]    \n"
    f"{STAMP}  localhost agentd[812]: (libexample.dylib) [com.example.agent:net] no answer\n\tfrom 192.0.2.7\n",
}


def read(folder: Path, **files: str | bytes) -> list[dict[str, Any]]:
    """Return the events of files; a name's last `_` stands for the dot."""
    paths = write_files(folder, {".".join(name.rsplit("_", 1)): content for name, content in files.items()})
    found = events_of(*paths)
    return [event for path in paths for event in found[path]]


def told(event: dict[str, Any], name: str) -> Any:
    """Return what is kept of a vendor's field."""
    return orjson.loads(event["fields"])[f"{event['event.dataset']}.{name}"]


@pytest.mark.mission("S86")
@pytest.mark.parametrize("content", [IPS, IPS_TEXT, TEXT], ids=["ips", "ips of text", "crash"])
def test_a_crash_is_one_event_in_every_form(tmp_path: Path, content: str) -> None:
    (event,) = read(tmp_path, Ledger_ips=content)
    assert event["event.original"] == content.strip().encode()
    assert (event["event.dataset"], event["event.action"]) == ("apple.diagnostic_report", "application_crash")
    assert event["@timestamp"] == MOMENT
    assert (event["process.name"], event["process.pid"]) == ("Ledger", 4711)
    assert event["process.executable"] == BODY["procPath"]
    assert (event["process.parent.name"], event["process.parent.pid"]) == ("launchd", 1)
    assert (event["package.name"], event["package.version"]) == ("com.example.ledger", "2.4")
    assert event["package.build_version"] == "241"
    assert (event["host.os.full"], event["host.os.type"]) == ("iPhone OS 14.8 (18H17)", "ios")
    assert (event["host.os.version"], event["device.model.identifier"]) == ("14.8", "iPhone12,1")
    assert (event["error.type"], told(event, "signal")) == ("EXC_BAD_ACCESS", "SIGSEGV")
    assert event["error.code"] == "0x0000000000000001, 0x0000000000000008"
    assert (event["error.message"], event["error.id"]) == ("Segmentation fault: 11", INCIDENT)
    assert (told(event, "faulting_thread"), event["process.thread.name"]) == ("1", "books")
    assert "close_books" in event["error.stack_trace"]


@pytest.mark.mission("S86")
@pytest.mark.parametrize(
    ("content", "action", "message", "name"),
    [
        pytest.param(
            PANIC, "kernel_panic", "panic(cpu 1 caller 0xfffffe00): watchdog timeout", "panic-full", id="panic"
        ),
        pytest.param(JETSAM, "memory_pressure_kill", "per-process-limit", "JetsamEvent", id="jetsam"),
        pytest.param(HANG, "application_hang", None, "Ledger-hang", id="hang"),
    ],
)
def test_panics_memory_and_hangs_are_told_apart(
    tmp_path: Path, content: str, action: str, message: str | None, name: str
) -> None:
    (event,) = read(tmp_path, **{f"{name}_ips": content})
    assert (event["event.action"], event.get("error.message")) == (action, message)
    assert event["@timestamp"] == MOMENT
    if action != "kernel_panic":
        assert (event["process.name"], event["process.pid"]) == ("Ledger", 4711)
    assert event["host.os.name"] in {"macOS", "iPhone OS"}


@pytest.mark.mission("S87", "S88")
@pytest.mark.parametrize("style", STYLES)
def test_an_entry_of_the_unified_log_is_the_same_in_every_style(tmp_path: Path, style: str) -> None:
    events = read(tmp_path, unified_log=STYLES[style])
    (event,) = [one for one in events if one.get("process.name") == "agentd"]
    assert {one["event.dataset"] for one in events} <= {"macos.unified", "generic.line"}
    assert event["event.dataset"] == "macos.unified"
    assert (event["@timestamp"], event["process.pid"]) == (MOMENT, 812)
    assert event["message"] == "no answer\n\tfrom 192.0.2.7"
    assert (event["log.logger"], told(event, "category")) == ("com.example.agent", "net")
    if style != "syslog":
        assert (event["log.level"], event["process.thread.id"]) == ("error", 499)


@pytest.mark.mission("S88")
def test_logins_stand_out_whatever_the_style(tmp_path: Path) -> None:
    line = "Failed password for invalid user admin from 203.0.113.9 port 52311 ssh2"
    entry = {**ENTRY, "processImagePath": "/usr/sbin/sshd", "eventMessage": line}
    events = read(
        tmp_path,
        a_ndjson=orjson.dumps(entry) + b"\n",
        b_log=f"{STAMP} 0x1f3      Default     0x0                  902    0    sshd: {line}\n",
        c_log=f"2025-06-14 08:15:02.500 Df sshd-session[902:1f3] {line}\n",
        d_log=f"{STAMP}  localhost sshd[902]: {line}\n",
        e_asl=asl_file([Message(1, 1_749_888_902, line, nanos=500_000_000)]),
    )
    assert len(events) == 5
    for event in events:
        assert (event["@timestamp"], event["event.outcome"]) == (MOMENT, "failure")
        assert (event["source.ip"], event["user.name"]) == ("203.0.113.9", "admin")
        assert event["event.category"] == ["authentication"]


@pytest.mark.mission("S87")
def test_the_logs_beside_the_unified_one(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        install_log='2025-06-14 01:15:02-07 mac1 installd[456]: Installed "Example Agent" (7.1.2)\n',
        system_log="Jun 14 08:15:02 mac1 com.apple.xpc.launchd[1] (com.example.agent[813]): "
        "Service exited with abnormal code: 1\n",
        day_asl=asl_file([Message(7, 1_749_888_902, "disk0s2: I/O error.", level=3, sender="kernel", facility="kern")]),
    )
    assert {event["@timestamp"] for event in events} == {MOMENT.replace(microsecond=0)}
    assert {event["host.name"] for event in events} == {"mac1"}
    asl, install, system = sorted(events, key=lambda event: event["event.dataset"])
    assert (asl["event.dataset"], asl["log.level"], asl["message"]) == ("macos.asl", "error", "disk0s2: I/O error.")
    assert (install["package.name"], install["package.version"]) == ("Example Agent", "7.1.2")
    assert (system["service.name"], system["process.exit_code"]) == ("com.example.agent", 1)


@pytest.mark.mission("S89")
def test_they_come_from_senders_too(tmp_path: Path) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    stamp = f"{now:%Y-%m-%d %H:%M:%S}.500000+0000"
    with serving(tmp_path) as served:
        headers = {"Authorization": f"Bearer {served.token('intake')}"}
        for body in (IPS, IPS_TEXT, STYLES["json"].removeprefix(REMARK)):
            answer = httpx.post(f"{served.intake}/logs", content=body.encode(), headers=headers)
            assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        with socket.create_connection(("127.0.0.1", served.port("syslog_tcp"))) as connection:
            connection.sendall(
                f"<27>{stamp}  localhost agentd[812]: (libexample.dylib) [com.example.agent:net] relayed\n"
                f"<13>{now:%b %e %H:%M:%S} mac1 agentd: {orjson.dumps(ENTRY).decode()}\n".encode()
            )
        until(lambda: served.count() == 5, what="all five events")
        crashes = served.events("event.dataset : apple.diagnostic_report", **{"from": "2025-06-01"})
        assert [(one["error.id"], one["process.name"]) for one in crashes] == [(INCIDENT, "Ledger")] * 2
        entries = served.events("event.dataset : macos.unified", **{"from": "2025-06-01"})
        assert sorted(one["message"] for one in entries) == [ENTRY["eventMessage"]] * 2 + ["relayed"]
        assert {one["log.logger"] for one in entries} == {"com.example.agent"}
