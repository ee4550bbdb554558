"""The attack of `bench.day.story` → records in every log that saw it, with the same times, names and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bench.day import desks, firewall, linux, mail, story, sysmon, vpn, web, winlogbeat
from bench.day.company import ADDRESS, ATTACKER, CONTROL, HOST, PEOPLE, PERSON, SID
from bench.day.desks import OFFICE, POWERSHELL, SIDS, SYSTEM32
from bench.day.lines import HOUR, MINUTE, SECOND, Ints, Template, column, quoted
from bench.day.rhythm import Day, guids

EXCEL: Final = OFFICE + r"\EXCEL.EXE"
RUNDLL: Final = SYSTEM32 + r"\rundll32.exe"
SPECIAL_BUILD: Final = {"version": "-", "about": "-", "product": "-", "maker": "-", "original": "-"}
SYSTEM: Final = "NT AUTHORITY\\SYSTEM"
STOLEN: Final = {"by_sid": f"{SID}1148", "by": story.STOLEN, "by_domain": "EXAMPLE", "by_logon": story.STOLEN_LOGON}


def ms(clock: str) -> int:
    """Return the instant of `HH:MM:SS`."""
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * HOUR + minutes * MINUTE + seconds * SECOND


@dataclass(frozen=True)
class Running:
    """A process that others refer to."""

    image: str
    command: str
    pid: int
    guid: str


@dataclass(frozen=True)
class Scene:
    """Adds single records."""

    day: Day
    rng: np.random.Generator

    def add(self, log: str, template: Template, host: str, at: int | Ints, **values: Any) -> None:
        self.day.archive.add(log, template, host, at, **values)

    def windows(self, template: Template, host: str, at: int | Ints, **values: Any) -> None:
        self.add(winlogbeat.LOG, template, host, at, **values)

    def running(self, image: str, command: str, pid: int) -> Running:
        return Running(image, command, pid, str(guids(self.rng, 1)[0]))

    def process(self, host: str, clock: str, made: Running, parent: Running, account: str) -> Running:
        """Add the start of a process."""
        system = account == SYSTEM
        known = made.image.startswith(("C:\\Windows\\", "C:\\Program Files\\"))
        base = made.image.rpartition("\\")[2]
        about = {"version": "10.0.22621.1", "about": base, "product": desks.MICROSOFT[0], "maker": desks.MICROSOFT[1]}
        texts = {
            "image": made.image,
            "command": made.command,
            "parent": parent.image,
            "parent_command": parent.command,
            "user": account,
            "folder": "C:\\Windows\\System32\\" if system else f"C:\\Users\\{story.VICTIM}\\",
        }
        who = PERSON[story.VICTIM]
        logon = "0x3e7" if system else self.day.logon[who]
        acting = {"by_sid": "S-1-5-18" if system else SIDS[who], "by": "SYSTEM" if system else story.VICTIM}
        desks.started(
            self.day,
            self.rng,
            np.array([HOST[host]]),
            np.array([ms(clock)]),
            **({**about, "original": base} if known else SPECIAL_BUILD),
            **{name: quoted(text) for name, text in texts.items()},
            pid=np.array([made.pid]),
            guid=made.guid,
            parent_pid=np.array([parent.pid]),
            parent_guid=parent.guid,
            hash=sysmon.hash_of(made.image),
            integrity="System" if system else "Medium",
            logon=logon,
            by_logon=logon,
            by_domain="EXAMPLE",
            **acting,
        )
        return made

    def seen(self, template: Template, host: str, clock: str | Ints, by: Running, account: str, **values: Any) -> None:
        """Add one of Sysmon's other events."""
        at = ms(clock) if isinstance(clock, str) else clock
        who = {"guid": by.guid, "pid": by.pid, "image": quoted(by.image), "user": quoted(account)}
        self.add(sysmon.LOG, template, host, at, **who, **values)

    def call(self, host: str, at: Ints, by: Running, account: str, **values: Any) -> None:
        """Add connections out to the attacker's server; give `port`, `service`, `seconds` and `size`."""
        self.seen(sysmon.CONNECTION, host, at, by, account, peer=CONTROL, site="-", **values)
        firewall.outbound(self.day, self.rng, at, 7, peer=CONTROL, ip=ADDRESS[host], end="TCP FINs", **values)


def happen(day: Day, rng: np.random.Generator) -> None:
    """Add the whole attack, step by step."""
    scene = Scene(day, rng)
    phishing(scene)
    agent = foothold(scene)
    discovery(scene, agent)
    credentials(scene, agent)
    passwords(scene)
    service = lateral(scene)
    night(scene)
    exfiltration(scene, service)


def phishing(scene: Scene) -> None:
    """Step 1: a mail."""
    mail.deliver(
        scene.day,
        scene.rng,
        np.array([ms("08:52:04") - 390]),
        client="mx.example-com.example.net",
        ip=column(["203.0.113.68"]),
        sender=story.SENDER,
        message="20260310.invoice@example-com.example.net",
        to=f"{story.VICTIM}@example.com",
        size=np.array([148_213]),
    )


def foothold(scene: Scene) -> Running:
    """Step 2: the workbook starts PowerShell, which fetches and drops a program. Step 3: that it may stay."""
    desk, who = story.DESK, f"EXAMPLE\\{story.VICTIM}"
    number = PERSON[story.VICTIM]
    explorer = scene.running(desks.EXPLORER, desks.EXPLORER, int(scene.day.explorer[number]))
    outlook = scene.running(OFFICE + r"\OUTLOOK.EXE", f'"{OFFICE}\\OUTLOOK.EXE"', 6120)
    scene.process(desk, "09:12:40", outlook, explorer, who)
    scene.seen(sysmon.MADE_FILE, desk, "09:16:58", outlook, who, file=quoted(story.BOOK))
    excel = scene.running(EXCEL, f'"{EXCEL}" "{story.BOOK}"', 7044)
    scene.process(desk, "09:17:04", excel, outlook, who)
    shell = scene.process(desk, "09:17:31", scene.running(POWERSHELL, story.HIDDEN, 8116), excel, who)
    scene.seen(sysmon.ASKED, desk, "09:17:33", shell, who, site=story.LURE, peer=CONTROL)
    script = {"path": "", "guid": "9c1e6b44-5a0d-4f0e-8b57-2f3c1d7e6a10"}
    scene.windows(winlogbeat.SCRIPT, desk, ms("09:17:33"), script=quoted(story.FETCH), **script)
    scene.call(desk, np.array([ms("09:17:34")]), shell, who, port=53110, service=80, seconds=np.array([2]), size=21_904)
    script["guid"] = "d07f2a18-31c2-4b6d-9d2e-70a4be51c933"
    scene.windows(winlogbeat.SCRIPT, desk, ms("09:18:17"), script=quoted(story.SAVE), **script)
    scene.call(
        desk, np.array([ms("09:18:18")]), shell, who, port=53114, service=80, seconds=np.array([2]), size=912_404
    )
    scene.seen(sysmon.MADE_FILE, desk, "09:18:20", shell, who, file=quoted(story.DROPPED))
    key = rf"HKU\{SIDS[number]}\Software\Microsoft\Windows\CurrentVersion\Run\Updater"
    scene.seen(sysmon.SET_VALUE, desk, "09:19:02", shell, who, key=quoted(key), details=quoted(story.DROPPED))
    agent = scene.process(desk, "09:19:30", scene.running(story.DROPPED, f"{story.DROPPED} -m", 7312), shell, who)
    at = ms("09:20:00") + np.arange(23) * 20 * MINUTE
    beacon(scene, desk, at, agent, who)
    return agent


def beacon(scene: Scene, host: str, at: Ints, by: Running, account: str) -> None:
    count = len(at)
    drawn = {"port": scene.rng.integers(49152, 65535, count), "size": scene.rng.integers(2100, 2900, count)}
    scene.call(host, at, by, account, service=443, seconds=np.full(count, 1), **drawn)


def discovery(scene: Scene, agent: Running) -> None:
    """Step 3: stay and look around."""
    desk, who = story.DESK, f"EXAMPLE\\{story.VICTIM}"
    commands = (
        ("09:21:40", "schtasks.exe", f"/create /sc onlogon /tn Updater /tr {story.DROPPED}"),
        ("09:24:10", "whoami.exe", "/all"),
        ("09:24:31", "net.exe", 'group "Domain Admins" /domain'),
        ("09:24:50", "net.exe", "user svc-backup /domain"),
        ("09:25:05", "nltest.exe", "/domain_trusts /all_trusts"),
        ("09:25:33", "nltest.exe", "/dclist:example.com"),
    )
    for number, (clock, program, arguments) in enumerate(commands):
        image = f"{SYSTEM32}\\{program}"
        made = scene.running(image, f"{program.removesuffix('.exe')} {arguments}", 8400 + 36 * number)
        scene.process(desk, clock, made, agent, who)


def credentials(scene: Scene, agent: Running) -> None:
    """Step 4: what LSASS knows. An administrator had helped at this desk in the morning."""
    desk, who = story.DESK, f"EXAMPLE\\{story.VICTIM}"
    helped = {"kind": 10, "process": "User32 ", "package": "Negotiate", "station": "WS07", "user": "daniel"}
    daniel = {"sid": SIDS[PERSON["daniel"]], "logon": "0x2f31b08", "ip": ADDRESS["ws04"], "port": 51877}
    machine = {"by_sid": "S-1-5-18", "by": "WS07$", "by_domain": "EXAMPLE", "by_logon": "0x3e7"}
    scene.windows(winlogbeat.LOGON, desk, ms("09:05:44"), **helped, **daniel, **machine)
    target = {"target": quoted(SYSTEM32 + r"\lsass.exe"), "target_pid": 684, "thread": 6604}
    target["target_guid"] = "{5E7F3A11-0C2D-69AF-0C00-000000001A00}"
    trace = quoted(SYSTEM32 + r"\ntdll.dll+9d4c4|" + SYSTEM32 + r"\KERNELBASE.dll+2c13e|UNKNOWN(00000226A3F8D410)")
    scene.seen(sysmon.REACHED, desk, "09:46:50", agent, who, access="0x1410", trace=trace, **target)
    command = rf"rundll32.exe C:\Windows\System32\comsvcs.dll, MiniDump 684 {story.DUMP} full"
    dump = scene.process(desk, "09:47:12", scene.running(RUNDLL, command, 9020), agent, who)
    trace = quoted(SYSTEM32 + r"\ntdll.dll+9d4c4|" + SYSTEM32 + r"\dbgcore.DLL+6ce1|" + SYSTEM32 + r"\comsvcs.dll+23b1")
    scene.seen(sysmon.REACHED, desk, "09:47:13", dump, who, access="0x1fffff", trace=trace, **target)
    scene.seen(sysmon.MADE_FILE, desk, "09:47:14", dump, who, file=quoted(story.DUMP))


def passwords(scene: Scene) -> None:
    """Step 5: tickets to crack at home, one password for everybody, and the account that gave way."""
    count, ip = len(story.ROASTED), ADDRESS[story.DESK]
    ticket = {"cipher": "0x17", "options": "0x40810000", "guid": guids(scene.rng, count), "ip": ip}
    services = {"service": column(story.ROASTED), "service_sid": column(f"{SID}{1144 + n}" for n in range(count))}
    at = ms("10:05:20") + np.arange(count) * 310
    port = 53200 + np.arange(count)
    scene.windows(winlogbeat.TICKET, "dc01", at, user=story.VICTIM, port=port, **ticket, **services)
    names = column([*(person.login for person in PEOPLE), *story.ROASTED])
    wrong = {"status": "0xc000006d", "substatus": "0xc000006a", **winlogbeat.NTLM, "station": "WS07"}
    at = ms("10:12:00") + np.arange(len(names)) * 1700
    port = 53300 + np.arange(len(names))
    scene.windows(winlogbeat.LOGON_FAILED, "dc01", at, user=names, ip=ip, port=port, **wrong)
    mika = desks.acting(scene.day, np.array([PERSON[story.VICTIM]]))
    used = {"user": story.STOLEN, "server": "FILE01.example.com", "image": quoted(story.DROPPED)}
    scene.windows(winlogbeat.EXPLICIT, story.DESK, ms("10:31:12"), **used, ip=ADDRESS["file01"], port=445, **mika)


def lateral(scene: Scene) -> Running:
    """Step 6: on to the file server."""
    server, ip = "file01", ADDRESS[story.DESK]
    logon = {"user": story.STOLEN, "sid": STOLEN["by_sid"], "logon": story.STOLEN_LOGON, "ip": ip, "port": 53402}
    scene.windows(winlogbeat.CHECKED, "dc01", ms("10:31:12") + 700, user=story.STOLEN, station="WS07", status="0x0")
    scene.windows(winlogbeat.LOGON, server, ms("10:31:13"), **logon, **winlogbeat.NTLM)
    scene.windows(winlogbeat.SPECIAL, server, ms("10:31:13") + 1, **STOLEN)
    for clock, share, path in (("10:42:03", "ADMIN$", r"C:\Windows"), ("10:42:05", "C$", "C:\\")):
        opened = {"share": share, "path": quoted(path), "ip": ip, "port": 53402}
        scene.windows(winlogbeat.SHARE, server, ms(clock), **opened, **STOLEN)
    system = scene.running("System", "System", 4)
    scene.seen(sysmon.MADE_FILE, server, "10:42:07", system, SYSTEM, file=quoted(story.DROPPED))
    image = quoted(f"{story.DROPPED} -svc")
    scene.windows(winlogbeat.SERVICE_MADE, server, ms("10:42:09"), service="UpdSvc", image=image, start="auto start")
    services = scene.running(SYSTEM32 + r"\services.exe", SYSTEM32 + r"\services.exe", 692)
    made = scene.running(story.DROPPED, f"{story.DROPPED} -svc", 5528)
    service = scene.process(server, "10:42:11", made, services, SYSTEM)
    beacon(scene, server, ms("10:43:00") + np.arange(25) * 30 * MINUTE, service, SYSTEM)
    planted = {"sid": "S-1-5-21-2118462001-3325917740-408221907-1004", "domain": "FILE01", "user": story.PLANTED}
    scene.windows(winlogbeat.ACCOUNT_MADE, server, ms("10:55:02"), **planted, shown="-", **STOLEN)
    member = {"member": "-", "member_sid": planted["sid"], "user": "Administrators", "domain": "Builtin"}
    scene.windows(winlogbeat.JOINED_LOCAL, server, ms("10:55:03"), sid="S-1-5-32-544", **member, **STOLEN)
    return service


def night(scene: Scene) -> None:
    """Step 7: the stolen passwords open the doors from outside."""
    day, rng = scene.day, scene.rng
    vpn.anyconnect(day, rng, np.array([ms("21:43:12")]), np.array([74]), user=story.VICTIM, ip=ATTACKER)
    begin, until = np.array([ms("21:47:10") - 9 * 90]), np.array([ms("23:36:48")])
    vpn.tunnel(day, rng, begin, until, slot=10, user=story.VICTIM, ip=ATTACKER, inner=story.TUNNELLED)
    hops = (("jump01", "21:52:30", story.TUNNELLED, 14881), ("web01", "21:54:02", ADDRESS["jump01"], 22710))
    for host, clock, ip, pid in hops:
        who = {"user": "daniel", "uid": 1004, "ip": ip, "port": 50412, "pid": pid}
        scene.add(linux.LOG, linux.WITH_PASSWORD, host, ms(clock), **who)
        scene.add(linux.LOG, linux.OPENED, host, ms(clock) + 30, **who)
        scene.add(linux.LOG, linux.CLOSED, host, ms("22:31:50"), **who)
    commands = (
        ("21:55:40", "/usr/bin/cat /etc/shadow"),
        ("22:03:15", f"/usr/bin/tee /var/www/shop{story.SHELL}"),
    )
    for clock, command in commands:
        for late, template in ((0, linux.SUDO), (2, linux.SUDO_OPENED), (60, linux.SUDO_CLOSED)):
            scene.add(linux.LOG, template, "web01", ms(clock) + late, user="daniel", uid=1004, command=command)
    at = np.array([ms("22:04:01")]) - 200
    firewall.inbound(day, rng, at, 8, server="web01", peer=ATTACKER, port=443, seconds=np.array([45]))
    request = {"client": ATTACKER, "user": "-", "method": "GET", "status": 200, "referrer": "-", "forwarded": "-"}
    for clock, command in (("22:04:01", "id"), ("22:04:12", "uname+-a"), ("22:04:40", "cat+/var/www/shop/config.php")):
        target = f"{story.SHELL}?cmd={command}"
        scene.add(web.SHOP, web.MAIN, "web01", ms(clock), **request, target=target, size=412, agent="curl/8.12.1")


def exfiltration(scene: Scene, service: Running) -> None:
    """Step 8: pack and carry away. Step 9: wipe the log."""
    server = "file01"
    packer = r"C:\Users\Public\7z.exe"
    command = rf"{packer} a -pW1nter -mhe=on {story.LOOT} D:\Accounts D:\Projects"
    pack = scene.process(server, "22:20:37", scene.running(packer, command, 6684), service, SYSTEM)
    scene.seen(sysmon.MADE_FILE, server, "22:20:38", pack, SYSTEM, file=quoted(story.LOOT))
    away = {"service": 443, "port": 55871, "size": story.LOOT_BYTES}
    lasting = np.array([(ms("23:21:40") - ms("22:38:04")) // SECOND])
    scene.call(server, np.array([ms("22:38:04")]), service, SYSTEM, seconds=lasting, **away)
    wipe = scene.running(SYSTEM32 + r"\wevtutil.exe", "wevtutil cl Security", 7216)
    scene.process(server, "23:31:08", wipe, service, SYSTEM)
    scene.windows(winlogbeat.CLEARED, server, ms("23:31:09"), **STOLEN)
