"""Accounts at work: people and machines log on, open shares, mistype; an administrator looks after it all."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day import winlogbeat
from bench.day.company import ADDRESS, ADMINS, DESKS, HOST, PEOPLE, PERSON, SID
from bench.day.desks import DESK_IPS, LOGINS, SIDS, STATIONS, acting, logon_numbers
from bench.day.lines import HOUR, LAST, MINUTE, SECOND, Ints, Template, column, quoted
from bench.day.rhythm import Day, flat, guids, pick, ports

SHARES: Final = (
    ("Projects", r"D:\Projects"),
    ("Sales", r"D:\Sales"),
    ("Accounts", r"D:\Accounts"),
    ("Public", r"D:\Public"),
)
FILES_SID: Final = f"{SID}1010"
ADMIN: Final = {"by_sid": f"{SID}1150", "by": "adm-daniel", "by_domain": "EXAMPLE", "by_logon": "0x4c2a91"}
MACHINES: Final = column(f"{desk.name}$" for desk in DESKS)
MACHINE_SIDS: Final = column(f"{SID}{1200 + number}" for number in range(len(DESKS)))
_BOTH: Final = np.array((HOST["dc01"], HOST["dc02"]))


def add(day: Day, template: Template, host: str | Ints, at: Any, **values: Any) -> None:
    day.archive.add(winlogbeat.LOG, template, host, at, **values)


def presence(day: Day, rng: np.random.Generator) -> None:
    """Add each person's arrival, the return from lunch and the way home."""
    count = len(PEOPLE)
    who = np.arange(count)
    person = {"user": LOGINS, "sid": SIDS, "logon": day.logon, "ip": "127.0.0.1", "port": 0, "station": STATIONS[who]}
    machine = {"by_sid": "S-1-5-18", "by": MACHINES[who], "by_domain": "EXAMPLE", "by_logon": "0x3e7"}
    local = {"process": "User32 ", "package": "Negotiate", **machine}
    asking = {"ip": DESK_IPS[who], "port": ports(rng, count), "cipher": "0x12", "options": "0x40810010"}
    add(day, winlogbeat.TICKET_GRANTING, rng.choice(_BOTH, count), day.come - 60, **{**person, **asking})
    add(day, winlogbeat.LOGON, who, day.come, kind=2, **person, **local)
    back = (rng.normal(13.1, 0.2, count) * HOUR).astype(np.int64)
    add(day, winlogbeat.LOGON, who, back, kind=7, **person, **local)
    add(day, winlogbeat.LOGOFF, who, day.go, kind=2, **person)
    admins = np.array([PERSON[login] for login in ADMINS])
    add(day, winlogbeat.SPECIAL, admins, day.come[admins] + 1, **acting(day, admins))


def shares(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add visits to the file server: a ticket, a logon, the share, the end."""
    who, at = day.working(rng, count)
    chosen = rng.choice(len(SHARES), count, p=(0.45, 0.25, 0.1, 0.2))
    number = logon_numbers(rng, count)
    person = {"user": LOGINS[who], "sid": SIDS[who], "ip": DESK_IPS[who], "port": ports(rng, count), "logon": number}
    ticket = {"service": "FILE01$", "service_sid": FILES_SID, "guid": guids(rng, count), **winlogbeat.AES}
    add(day, winlogbeat.TICKET, rng.choice(_BOTH, count), np.maximum(at - 20, 0), **person, **ticket)
    add(day, winlogbeat.LOGON, "file01", at, **person, **winlogbeat.KERBEROS)
    opened = {
        **acting(day, who),
        "by_logon": number,
        "share": column(share for share, _ in SHARES)[chosen],
        "path": column(quoted(path) for _, path in SHARES)[chosen],
    }
    add(day, winlogbeat.SHARE, "file01", at + 15, **person, **opened)
    add(day, winlogbeat.LOGOFF, "file01", at + rng.integers(5, 900, count) * SECOND, kind=3, **person)


def machines(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add the machines' own accounts at the domain controllers, where they look for new policies."""
    which, at = rng.integers(0, len(DESKS), count), flat(rng, count)
    host = rng.choice(_BOTH, count)
    machine = {
        "user": MACHINES[which],
        "sid": MACHINE_SIDS[which],
        "ip": DESK_IPS[which],
        "port": ports(rng, count),
        "logon": logon_numbers(rng, count),
    }
    ticket = {"service": pick(rng, ("DC01$", "DC02$"), count), "service_sid": f"{SID}1001", "guid": guids(rng, count)}
    add(day, winlogbeat.TICKET, host, np.maximum(at - 15, 0), **machine, **ticket, **winlogbeat.AES)
    add(day, winlogbeat.LOGON, host, at, **machine, **winlogbeat.KERBEROS)
    add(day, winlogbeat.LOGOFF, host, at + rng.integers(1, 30, count) * SECOND, kind=3, **machine)


def printers(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add what old devices do: they scan to a share and know NTLM only."""
    names = pick(rng, ("PRINTER1", "PRINTER2", "SCALE3"), count)
    add(day, winlogbeat.CHECKED, "dc01", day.working(rng, count)[1], user="svc-scan", station=names, status="0x0")


def mistakes(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add passwords that were mistyped, at the desk and therefore at a domain controller."""
    who, at = day.working(rng, count)
    mistyped(day, rng, who, at)


def mistyped(day: Day, rng: np.random.Generator, who: Ints, at: Ints) -> None:
    count = len(at)
    wrong = {"user": LOGINS[who], "sid": SIDS[who], "status": "0xc000006d", "substatus": "0xc000006a", "kind": 2}
    whence = {"ip": "127.0.0.1", "port": 0, "station": STATIONS[who], "process": "User32 ", "package": "Negotiate"}
    machine = {"by_sid": "S-1-5-18", "by": MACHINES[who], "by_domain": "EXAMPLE", "by_logon": "0x3e7"}
    add(day, winlogbeat.LOGON_FAILED, who, at, **wrong, **whence, **machine)
    asked = {**wrong, "status": "0x18", "ip": DESK_IPS[who], "port": ports(rng, count)}
    add(day, winlogbeat.PREAUTH_FAILED, "dc01", np.maximum(at - 30, 0), **asked)


def lockout(day: Day, rng: np.random.Generator) -> None:
    """Add the one who came back from leave and knew the password no more, and how the account was opened again."""
    who = np.full(6, PERSON["ben"])
    begin = int(day.come[PERSON["ben"]])
    mistyped(day, rng, who, np.maximum(begin - 4 * MINUTE + np.arange(6) * 17 * SECOND, 0))
    ben = {"user": "ben", "sid": SIDS[PERSON["ben"]]}
    system = {"by_sid": "S-1-5-18", "by": "DC01$", "by_domain": "EXAMPLE", "by_logon": "0x3e7"}
    add(day, winlogbeat.LOCKED, "dc01", begin - 4 * MINUTE + 86 * SECOND, **ben, domain="WS02", **system)
    add(day, winlogbeat.UNLOCKED, "dc01", begin - MINUTE, **ben, domain="EXAMPLE", **ADMIN)
    add(day, winlogbeat.PASSWORD_RESET, "dc01", begin - MINUTE + 9 * SECOND, **ben, domain="EXAMPLE", **ADMIN)


def administration(day: Day, rng: np.random.Generator) -> None:
    """Add what an administrator rightly does: a new colleague, an agent on a server, an account of its own."""
    desk, sven = "ws04", acting(day, np.array([PERSON["daniel"]]))
    runas = {"user": "adm-daniel", "server": "localhost", "image": quoted(r"C:\Windows\System32\svchost.exe")}
    at = int(rng.integers(10 * HOUR, 10 * HOUR + 20 * MINUTE))
    add(day, winlogbeat.EXPLICIT, desk, at, **runas, ip="::1", port=0, **sven)
    logon = {
        "user": "adm-daniel",
        "sid": ADMIN["by_sid"],
        "logon": ADMIN["by_logon"],
        "ip": ADDRESS[desk],
        "port": 50211,
    }
    add(day, winlogbeat.LOGON, "dc01", at + 2 * SECOND, **logon, **winlogbeat.KERBEROS)
    add(day, winlogbeat.SPECIAL, "dc01", at + 2 * SECOND, **ADMIN)
    new = {"user": "newton", "sid": f"{SID}1160", "domain": "EXAMPLE", "shown": "Isaac Newton"}
    add(day, winlogbeat.ACCOUNT_MADE, "dc01", at + 3 * MINUTE, **new, **ADMIN)
    member = {"member": "CN=Isaac Newton,OU=Staff,DC=example,DC=com", "member_sid": new["sid"]}
    staff = {"user": "Staff", "sid": f"{SID}1120", "domain": "EXAMPLE"}
    add(day, winlogbeat.JOINED_GLOBAL, "dc01", at + 4 * MINUTE, **member, **staff, **ADMIN)
    remote = {"user": "Remote Desktop Users", "sid": "S-1-5-32-555", "domain": "Builtin"}
    add(day, winlogbeat.JOINED_LOCAL, "file01", at + 9 * MINUTE, **member, **remote, **ADMIN)
    agent = quoted(r'"C:\Program Files\Monitoring Agent\agent.exe" --service')
    add(
        day,
        winlogbeat.SERVICE_MADE,
        "file01",
        at + 14 * MINUTE,
        service="Monitoring Agent",
        image=agent,
        start="auto start",
    )
    add(day, winlogbeat.LOGOFF, "dc01", min(at + 50 * MINUTE, LAST), kind=3, **logon)
