"""What happens at desks and on Windows servers: programs, files, the registry, scripts, the web."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.day import firewall, sysmon, winlogbeat
from bench.day.company import ADMINS, DESKS, PEOPLE, PERSON, SID, SITES, WINDOWS
from bench.day.lines import Ints, Texts, column, quoted
from bench.day.rhythm import Day, flat, guids, hexes, pick, ports

SYSTEM32: Final = r"C:\Windows\System32"
PROGRAMS: Final = r"C:\Program Files"
EXPLORER: Final = r"C:\Windows\explorer.exe"
CHROME: Final = PROGRAMS + r"\Google\Chrome\Application\chrome.exe"
OFFICE: Final = PROGRAMS + r"\Microsoft Office\root\Office16"
SVCHOST: Final = SYSTEM32 + r"\svchost.exe"
POWERSHELL: Final = SYSTEM32 + r"\WindowsPowerShell\v1.0\powershell.exe"
INDEXER: Final = SYSTEM32 + r"\SearchIndexer.exe"
COLLECT: Final = r"-NoProfile -ExecutionPolicy RemoteSigned -File C:\ProgramData\Inventory\collect.ps1"
MICROSOFT: Final = ("Microsoft Windows Operating System", "Microsoft Corporation")


@dataclass(frozen=True)
class Program:
    """A program as it is usually started."""

    image: str
    arguments: str
    parent: str
    about: str
    often: int

    @property
    def base(self) -> str:
        return self.image.rpartition("\\")[2]

    @property
    def command(self) -> str:
        return f'"{self.image}" {self.arguments}'.rstrip()

    @property
    def made_by(self) -> tuple[str, str]:
        return ("Google Chrome", "Google LLC") if "Google" in self.image else MICROSOFT


OPENED: Final = tuple(
    Program(*row)
    for row in (
        (CHROME, "--type=renderer --lang=en-GB", CHROME, "Google Chrome", 40),
        (CHROME, "", EXPLORER, "Google Chrome", 5),
        (OFFICE + r"\OUTLOOK.EXE", "", EXPLORER, "Microsoft Outlook", 4),
        (OFFICE + r"\EXCEL.EXE", r'"S:\Projects\plan.xlsx"', EXPLORER, "Microsoft Excel", 7),
        (OFFICE + r"\WINWORD.EXE", '/n "offer.docx"', EXPLORER, "Microsoft Word", 6),
        (PROGRAMS + r"\7-Zip\7zFM.exe", "", EXPLORER, "7-Zip File Manager", 2),
        (PROGRAMS + r"\Adobe\Acrobat DC\Acrobat\Acrobat.exe", '"invoice.pdf"', EXPLORER, "Adobe Acrobat", 5),
        (SYSTEM32 + r"\notepad.exe", "", EXPLORER, "Notepad", 3),
        (SYSTEM32 + r"\cmd.exe", "/c copy report.csv S:\\Accounts", EXPLORER, "Windows Command Processor", 1),
        (SYSTEM32 + r"\RuntimeBroker.exe", "-Embedding", SVCHOST, "Runtime Broker", 12),
        (SYSTEM32 + r"\backgroundTaskHost.exe", "-ServerName:App.AppX", SVCHOST, "Background Task Host", 12),
        (OFFICE + r"\SDXHelper.exe", "", SVCHOST, "Microsoft Office SDX Helper", 3),
    )
)  # fmt: skip
"""What people start, knowingly or not."""
KEPT: Final = tuple(
    Program(*row)
    for row in (
        (SVCHOST, "-k netsvcs -p -s Schedule", SYSTEM32 + r"\services.exe", "Host Process for Windows Services", 10),
        (SYSTEM32 + r"\taskhostw.exe", "KEYROAMING", SVCHOST, "Host Process for Windows Tasks", 10),
        (SYSTEM32 + r"\SearchProtocolHost.exe", "Global\\UsGthrFltPipe", INDEXER, "Search Protocol Host", 12),
        (SYSTEM32 + r"\wbem\WmiPrvSE.exe", "-secured -Embedding", SVCHOST, "WMI Provider Host", 8),
        (SYSTEM32 + r"\conhost.exe", "0xffffffff -ForceV1", SYSTEM32 + r"\cmd.exe", "Console Window Host", 5),
        (PROGRAMS + r"\Google\Update\GoogleUpdate.exe", "/ua /installsource scheduler", SVCHOST, "Google Installer", 3),
        (PROGRAMS + r"\Windows Defender\MpCmdRun.exe", "SignatureUpdate -ScheduleJob", SVCHOST, "Defender", 3),
        (POWERSHELL, COLLECT, SVCHOST, "Windows PowerShell", 2),
    )
)  # fmt: skip
"""What the machines start by themselves."""
DLLS: Final = (
    "ntdll.dll",
    "kernel32.dll",
    "KernelBase.dll",
    "user32.dll",
    "advapi32.dll",
    "ws2_32.dll",
    "bcrypt.dll",
    "rpcrt4.dll",
)
FILES: Final = (
    (OFFICE + r"\EXCEL.EXE", r"S:\Projects\~$plan.xlsx"),
    (OFFICE + r"\WINWORD.EXE", r"S:\Sales\offer.docx"),
    (CHROME, r"C:\Users\%s\Downloads\catalogue.pdf"),
    (CHROME, r"C:\Users\%s\AppData\Local\Google\Chrome\User Data\Default\Cache\f_0012.tmp"),
    (OFFICE + r"\OUTLOOK.EXE", r"C:\Users\%s\AppData\Local\Microsoft\Outlook\mail.ost.tmp"),
)
KEYS: Final = (
    (EXPLORER, r"HKU\%s\Software\Microsoft\Windows\CurrentVersion\Explorer\RecentDocs\MRUListEx", "Binary Data"),
    (CHROME, r"HKU\%s\Software\Google\Chrome\BLBeacon\state", "DWORD (0x00000001)"),
    (OFFICE + r"\EXCEL.EXE", r"HKU\%s\Software\Microsoft\Office\16.0\Excel\File MRU\Item 1", r"S:\Projects\plan.xlsx"),
    (SVCHOST, r"HKLM\System\CurrentControlSet\Services\W32Time\Config\Status", "DWORD (0x00000002)"),
)
LOOKS: Final = (
    (SYSTEM32 + r"\wbem\WmiPrvSE.exe", "0x1400"),
    (r"C:\ProgramData\Microsoft\Windows Defender\Platform\MsMpEng.exe", "0x1000"),
    (SYSTEM32 + r"\csrss.exe", "0x1000"),
)
SCRIPTS: Final = (
    "Get-ADUser -Filter * -Properties LastLogonDate | Export-Csv C:\\ProgramData\\Inventory\\users.csv",
    "Get-CimInstance Win32_LogicalDisk | Select-Object DeviceID, FreeSpace",
    "Get-Service | Where-Object Status -eq 'Stopped'",
    "prompt",
)
LOGINS: Final = column(person.login for person in PEOPLE)
ACCOUNTS: Final = column(quoted(f"EXAMPLE\\{person.login}") for person in PEOPLE)
SIDS: Final = column(f"{SID}{1101 + number}" for number in range(len(PEOPLE)))
DESK_IPS: Final = column(desk.ip for desk in DESKS)
STATIONS: Final = column(desk.name for desk in DESKS)
SYSTEM: Final = {"by_sid": "S-1-5-18", "by_domain": "EXAMPLE", "by_logon": "0x3e7"}


def acting(day: Day, people: Ints) -> dict[str, Any]:
    """Return who acts, for Windows' own channels."""
    return {"by_sid": SIDS[people], "by": LOGINS[people], "by_domain": "EXAMPLE", "by_logon": day.logon[people]}


def described(programs: tuple[Program, ...], chosen: Ints) -> dict[str, Texts]:
    """Return what a record tells of the chosen programs."""
    columns = {
        "image": (program.image for program in programs),
        "command": (program.command for program in programs),
        "about": (program.about for program in programs),
        "product": (program.made_by[0] for program in programs),
        "maker": (program.made_by[1] for program in programs),
        "original": (program.base for program in programs),
        "hash": (sysmon.hash_of(program.image) for program in programs),
        "parent": (program.parent for program in programs),
        "parent_command": (f'"{program.parent}"' for program in programs),
    }
    return {name: column(map(quoted, texts))[chosen] for name, texts in columns.items()}


def started(day: Day, rng: np.random.Generator, host: Ints, at: Ints, **values: Any) -> None:
    """Add a process in Sysmon's and the Security channel's words, and two libraries that it loads."""
    count = len(at)
    values = {
        "guid": guids(rng, count),
        "parent_guid": guids(rng, count),
        "version": "10.0.22621.1",
        "hex_pid": column(f"0x{pid:x}" for pid in values["pid"].tolist()),
        "hex_parent": column(f"0x{pid:x}" for pid in values["parent_pid"].tolist()),
        **values,
    }
    day.archive.add(sysmon.LOG, sysmon.PROCESS, host, at, **values)
    day.archive.add(winlogbeat.LOG, winlogbeat.PROCESS, host, at + 1, **values)
    for late in (3, 5):
        chosen = rng.integers(0, len(DLLS), count)
        loaded = {
            "dll": column(quoted(f"{SYSTEM32}\\{name}") for name in DLLS)[chosen],
            "original": column(DLLS)[chosen],
            "hash": column(map(sysmon.hash_of, DLLS))[chosen],
            "about": "Windows library",
        }
        day.archive.add(sysmon.LOG, sysmon.LOADED, host, at + late, **{**values, **loaded})


def programs(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what people start at their desks."""
    who, at = day.working(rng, count)
    chosen = rng.choice(len(OPENED), count, p=_shares(OPENED))
    values = {
        "pid": rng.integers(400, 6000, count) * 4,
        "parent_pid": day.explorer[who],
        "user": ACCOUNTS[who],
        "folder": column(quoted(f"C:\\Users\\{person.login}\\") for person in PEOPLE)[who],
        "logon": day.logon[who],
        "integrity": "Medium",
    }
    started(day, rng, who, at, **described(OPENED, chosen), **values, **acting(day, who))


def upkeep(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what Windows machines start by themselves, at any hour."""
    host, at = rng.choice(np.array(WINDOWS), count), flat(rng, count)
    chosen = rng.choice(len(KEPT), count, p=_shares(KEPT))
    values = {
        "pid": rng.integers(400, 6000, count) * 4,
        "parent_pid": rng.integers(100, 400, count) * 4,
        "user": quoted(r"NT AUTHORITY\SYSTEM"),
        "folder": quoted(SYSTEM32 + "\\"),
        "logon": "0x3e7",
        "integrity": "System",
        "by": pick(rng, ("LOCAL SERVICE", "NETWORK SERVICE", "SYSTEM"), count),
    }
    started(day, rng, host, at, **described(KEPT, chosen), **values, **SYSTEM)


def _shares(pool: tuple[Program, ...]) -> list[float]:
    return [program.often / sum(each.often for each in pool) for program in pool]


def traces(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add files, registry values and looks at other processes."""
    who, at = day.working(rng, count)
    kinds = rng.choice(3, count, p=(0.4, 0.4, 0.2))
    for kind, template in enumerate((sysmon.MADE_FILE, sysmon.SET_VALUE, sysmon.REACHED)):
        people, when = who[kinds == kind], at[kinds == kind]
        number = len(when)
        values = {"guid": guids(rng, number), "pid": rng.integers(400, 6000, number) * 4, "user": ACCOUNTS[people]}
        day.archive.add(sysmon.LOG, template, people, when, **values, **_trace(rng, kind, people))


def _trace(rng: np.random.Generator, kind: int, people: Ints) -> dict[str, Any]:
    count = len(people)
    if kind == 0:
        chosen = rng.integers(0, len(FILES), count)
        names = _filled([file for _, file in FILES], [person.login for person in PEOPLE], chosen, people)
        return {"image": column(quoted(image) for image, _ in FILES)[chosen], "file": names}
    if kind == 1:
        chosen = rng.integers(0, len(KEYS), count)
        names = _filled([key for _, key, _ in KEYS], SIDS.tolist(), chosen, people)
        return {
            "image": column(quoted(image) for image, *_ in KEYS)[chosen],
            "key": names,
            "details": column(quoted(details) for *_, details in KEYS)[chosen],
        }
    chosen = rng.integers(0, len(LOOKS), count)
    return {
        "image": column(quoted(image) for image, _ in LOOKS)[chosen],
        "access": column(access for _, access in LOOKS)[chosen],
        "thread": rng.integers(1000, 9000, count),
        "target": quoted(SYSTEM32 + r"\lsass.exe"),
        "target_pid": 684,
        "target_guid": "{5E7F3A11-0C2D-69AF-0C00-000000001A00}",
        "trace": quoted(SYSTEM32 + r"\ntdll.dll+9d4c4|" + SYSTEM32 + r"\KERNELBASE.dll+2c13e"),
    }


def _filled(patterns: list[str], names: list[str], chosen: Ints, people: Ints) -> Texts:
    """Return each pattern with the name of the one whose it is."""
    table = [quoted(pattern.replace("%s", name)) for pattern in patterns for name in names]
    filled: Texts = column(table)[chosen * len(names) + people]
    return filled


def browsing(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add visits to web sites: the question for the name, the browser's connection, what the firewall says of it."""
    who, at = day.working(rng, count)
    chosen = np.minimum(rng.geometric(0.15, count) - 1, len(SITES) - 1)
    values = {
        "guid": guids(rng, len(PEOPLE))[who],
        "pid": day.browser[who],
        "image": quoted(CHROME),
        "user": ACCOUNTS[who],
        "site": column(name for name, _ in SITES)[chosen],
        "peer": column(address for _, address in SITES)[chosen],
        "service": 443,
        "port": ports(rng, count),
    }
    asked = np.flatnonzero(np.arange(count) % 5 < 3)
    question = {name: value[asked] if isinstance(value, np.ndarray) else value for name, value in values.items()}
    day.archive.add(sysmon.LOG, sysmon.ASKED, who[asked], np.maximum(at[asked] - 12, 0), **question)
    day.archive.add(sysmon.LOG, sysmon.CONNECTION, who, at, **values)
    firewall.outbound(day, rng, at, 0, ip=DESK_IPS[who], **{name: values[name] for name in ("peer", "service", "port")})


def scripts(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what administrators run in PowerShell."""
    who, at = day.working(rng, count, [PERSON[login] for login in ADMINS])
    texts = pick(rng, [quoted(script) for script in SCRIPTS], count)
    day.archive.add(winlogbeat.LOG, winlogbeat.SCRIPT, who, at, script=texts, guid=guids(rng, count), path="")


def services(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add services that start and stop."""
    names = pick(rng, ("Windows Update", "Background Intelligent Transfer Service", "Windows Modules Installer"), count)
    states = pick(rng, ("running", "stopped"), count)
    host = rng.choice(np.array(WINDOWS), count)
    day.archive.add(winlogbeat.LOG, winlogbeat.SERVICE_STATE, host, flat(rng, count), service=names, state=states)


def logon_numbers(rng: np.random.Generator, count: int) -> Texts:
    return hexes(rng, count, 1 << 24, 1 << 30)
