"""Sysmon's records as NXLog ships them: the header's fields and the event's in one flat object."""

from __future__ import annotations

import hashlib
from typing import Final

from bench.day.lines import Template

LOG: Final = "sysmon.json"
_MOMENT: Final = "%(iso)s %(clock)s"


def record(code: int, task: str, **data: str) -> Template:
    """Return the template of an event of this code."""
    return Template.of(
        {
            "EventTime": _MOMENT,
            "Hostname": "%(computer)s",
            "Keywords": -9223372036854775808,
            "EventType": "INFO",
            "SeverityValue": 2,
            "Severity": "INFO",
            "EventID": code,
            "SourceName": "Microsoft-Windows-Sysmon",
            "ProviderGuid": "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}",
            "Version": 5,
            "Task": code,
            "OpcodeValue": 0,
            "RecordNumber": "%(number)d",
            "ProcessID": 3120,
            "ThreadID": 4408,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Domain": "NT AUTHORITY",
            "AccountName": "SYSTEM",
            "UserID": "S-1-5-18",
            "AccountType": "User",
            "Category": f"{task} (rule: {task})",
            "Opcode": "Info",
            "RuleName": "-",
            "UtcTime": f"{_MOMENT}.%(ms)s",
            **data,
            "EventReceivedTime": _MOMENT,
            "SourceModuleName": "sysmon",
            "SourceModuleType": "im_msvistalog",
        }
    )


_WHO: Final = {"ProcessGuid": "%(guid)s", "ProcessId": "%(pid)s", "Image": "%(image)s"}

PROCESS: Final = record(
    1,
    "Process Create",
    **_WHO,
    FileVersion="%(version)s",
    Description="%(about)s",
    Product="%(product)s",
    Company="%(maker)s",
    OriginalFileName="%(original)s",
    CommandLine="%(command)s",
    CurrentDirectory="%(folder)s",
    User="%(user)s",
    LogonId="%(logon)s",
    TerminalSessionId="1",
    IntegrityLevel="%(integrity)s",
    Hashes="SHA256=%(hash)s",
    ParentProcessGuid="%(parent_guid)s",
    ParentProcessId="%(parent_pid)s",
    ParentImage="%(parent)s",
    ParentCommandLine="%(parent_command)s",
    ParentUser="%(user)s",
)
CONNECTION: Final = record(
    3,
    "Network connection detected",
    **_WHO,
    User="%(user)s",
    Protocol="tcp",
    Initiated="true",
    SourceIsIpv6="false",
    SourceIp="%(host_ip)s",
    SourceHostname="%(computer)s",
    SourcePort="%(port)s",
    SourcePortName="-",
    DestinationIsIpv6="false",
    DestinationIp="%(peer)s",
    DestinationHostname="%(site)s",
    DestinationPort="%(service)s",
    DestinationPortName="-",
)
LOADED: Final = record(
    7,
    "Image loaded",
    **_WHO,
    ImageLoaded="%(dll)s",
    FileVersion="10.0.22621.1",
    Description="%(about)s",
    Product="Microsoft Windows Operating System",
    Company="Microsoft Corporation",
    OriginalFileName="%(original)s",
    Hashes="SHA256=%(hash)s",
    Signed="true",
    Signature="Microsoft Windows",
    SignatureStatus="Valid",
    User="%(user)s",
)
REACHED: Final = record(
    10,
    "Process accessed",
    SourceProcessGUID="%(guid)s",
    SourceProcessId="%(pid)s",
    SourceThreadId="%(thread)s",
    SourceImage="%(image)s",
    TargetProcessGUID="%(target_guid)s",
    TargetProcessId="%(target_pid)s",
    TargetImage="%(target)s",
    GrantedAccess="%(access)s",
    CallTrace="%(trace)s",
    SourceUser="%(user)s",
    TargetUser="NT AUTHORITY\\SYSTEM",
)
MADE_FILE: Final = record(
    11, "File created", **_WHO, TargetFilename="%(file)s", CreationUtcTime=f"{_MOMENT}.%(ms)s", User="%(user)s"
)
SET_VALUE: Final = record(
    13,
    "Registry value set",
    EventType="SetValue",
    **_WHO,
    TargetObject="%(key)s",
    Details="%(details)s",
    User="%(user)s",
)
ASKED: Final = record(
    22, "Dns query", **_WHO, QueryName="%(site)s", QueryStatus="0", QueryResults="::ffff:%(peer)s;", User="%(user)s"
)


def hash_of(image: str) -> str:
    """Return a fingerprint that is always the same for a program."""
    return hashlib.sha256(image.lower().encode()).hexdigest().upper()
