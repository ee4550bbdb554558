"""The Linux hosts' `auth.log`: timed jobs, administrators, the backup at night, and who knocks from outside."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bench.day import firewall
from bench.day.company import ADDRESS, ADMINS, HOST, LINUX, NOISE, PERSON
from bench.day.desks import DESK_IPS, LOGINS
from bench.day.lines import HOUR, SECOND, Ints, Template, column
from bench.day.rhythm import Day, bursts, pick, ports, ticks

LOG: Final = "auth.log"


def line(program: str, text: str, *, pid: bool = True) -> Template:
    """Return a line as rsyslog's traditional format has it (RFC 3164 without the priority)."""
    return Template(f"%(bsd)s %(clock)s %(short)s {program}{'[%(pid)s]' if pid else ''}: {text}")


CRON_OPENED: Final = line("CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)")
CRON_RAN: Final = line("CRON", "(root) CMD (%(job)s)")
CRON_CLOSED: Final = line("CRON", "pam_unix(cron:session): session closed for user root")
WITH_KEY: Final = line("sshd", "Accepted publickey for %(user)s from %(ip)s port %(port)s ssh2: ED25519 SHA256:%(key)s")
WITH_PASSWORD: Final = line("sshd", "Accepted password for %(user)s from %(ip)s port %(port)s ssh2")
OPENED: Final = line("sshd", "pam_unix(sshd:session): session opened for user %(user)s(uid=%(uid)s) by (uid=0)")
CLOSED: Final = line("sshd", "pam_unix(sshd:session): session closed for user %(user)s")
LEFT: Final = line("sshd", "Disconnected from user %(user)s %(ip)s port %(port)s")
WRONG: Final = line("sshd", "Failed password for %(user)s from %(ip)s port %(port)s ssh2")
UNKNOWN: Final = line("sshd", "Invalid user %(user)s from %(ip)s port %(port)s")
WRONG_UNKNOWN: Final = line("sshd", "Failed password for invalid user %(user)s from %(ip)s port %(port)s ssh2")
CUT_UNKNOWN: Final = line("sshd", "Connection closed by invalid user %(user)s %(ip)s port %(port)s [preauth]")
PAM_FAILED: Final = line(
    "sshd",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%(ip)s  user=%(user)s",
)
CUT: Final = line("sshd", "Connection closed by authenticating user %(user)s %(ip)s port %(port)s [preauth]")
SUDO: Final = line(
    "sudo",
    "  %(user)s : TTY=pts/0 ; PWD=/home/%(user)s ; USER=root ; COMMAND=%(command)s",
    pid=False,
)
SUDO_OPENED: Final = line(
    "sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by %(user)s(uid=%(uid)s)", pid=False
)
SUDO_CLOSED: Final = line("sudo", "pam_unix(sudo:session): session closed for user root", pid=False)
JOBS: Final = (
    "/usr/lib/sysstat/debian-sa1 1 1",
    "cd / && run-parts --report /etc/cron.hourly",
    "/usr/local/bin/collect-metrics",
    "test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily",
)
COMMANDS: Final = (
    "/usr/bin/apt update", "/usr/bin/systemctl status nginx", "/usr/bin/journalctl -n 50", "/usr/sbin/postqueue -p",
    "/usr/bin/systemctl reload postfix", "/usr/bin/tail -f /var/log/syslog",
)  # fmt: skip
GUESSED: Final = (
    "admin",
    "test",
    "oracle",
    "git",
    "postgres",
    "ubuntu",
    "ftp",
    "support",
    "deploy",
    "user",
    "pi",
    "minecraft",
)


def uid(people: Ints) -> Ints:
    return 1001 + people


def cron(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add timed jobs, the same every few minutes on every host."""
    host, at = np.array(LINUX)[np.arange(count) % len(LINUX)], ticks(count, SECOND)
    pid = rng.integers(1000, 60000, count)
    day.archive.add(LOG, CRON_OPENED, host, at, pid=pid)
    day.archive.add(
        LOG, CRON_RAN, host, at + 8, pid=pid + 1, job=column(JOBS)[np.arange(count) // len(LINUX) % len(JOBS)]
    )
    day.archive.add(LOG, CRON_CLOSED, host, at + rng.integers(60, 900, count), pid=pid)


def session(day: Day, rng: np.random.Generator, host: str | Ints, at: Ints, **values: Any) -> None:
    """Add a session opened with a key, from its beginning to its end; give `user`, `uid`, `ip` and `seconds`."""
    count = len(at)
    values = {"pid": rng.integers(1000, 60000, count), "port": ports(rng, count), **values}
    end = at + values["seconds"] * SECOND
    fingerprint = column(rng.bytes(24).hex()[:43] for _ in range(count))
    day.archive.add(LOG, WITH_KEY, host, at, key=fingerprint, **values)
    day.archive.add(LOG, OPENED, host, at + 40, **values)
    day.archive.add(LOG, LEFT, host, end, **values)
    day.archive.add(LOG, CLOSED, host, end + 4, **values)


def administration(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add administrators, who come over the jump host and now and then need root's rights."""
    who, at = day.working(rng, count, [PERSON[login] for login in ADMINS])
    seconds = rng.integers(60, 1800, count)
    person = {"user": LOGINS[who], "uid": uid(who)}
    session(day, rng, "jump01", at, **person, ip=DESK_IPS[who], seconds=seconds)
    inner = rng.choice(np.array([HOST[name] for name in ("web01", "mail01", "vpn01", "intra01", "backup01")]), count)
    session(day, rng, inner, at + 9 * SECOND, **person, ip=ADDRESS["jump01"], seconds=np.maximum(seconds - 15, 1))
    told = {**person, "command": pick(rng, COMMANDS, count)}
    day.archive.add(LOG, SUDO, inner, at + 25 * SECOND, **told)
    day.archive.add(LOG, SUDO_OPENED, inner, at + 25 * SECOND + 3, **told)
    day.archive.add(LOG, SUDO_CLOSED, inner, at + 26 * SECOND, **told)


def backup(day: Day, rng: np.random.Generator) -> None:
    """Add the nightly fetch at two o'clock."""
    hosts = np.array([HOST[name] for name in ("web01", "mail01", "vpn01", "intra01", "jump01")])
    at = 2 * HOUR + np.arange(len(hosts)) * 400 * SECOND
    session(
        day, rng, hosts, at, user="backup", uid=34, ip=ADDRESS["backup01"], seconds=rng.integers(120, 380, len(hosts))
    )


def knocks(day: Day, rng: np.random.Generator, count: int) -> None:
    """Add guesses of passwords from outside, at any hour, and the connections that bring them."""
    burst, at = bursts(rng, count, 9)
    peers = pick(rng, NOISE, int(burst.max(initial=0)) + 1)[burst]
    host = np.where(burst % 3 == 0, HOST["web01"], HOST["jump01"])
    pid, port, root = rng.integers(1000, 60000, count), ports(rng, count), rng.random(count) < 0.4
    steps = ((PAM_FAILED, WRONG, CUT), (UNKNOWN, WRONG_UNKNOWN, CUT_UNKNOWN))
    for rows, templates in zip((root, ~root), steps, strict=True):
        number = int(rows.sum())
        values: dict[str, Any] = {"pid": pid[rows], "ip": peers[rows], "port": port[rows]}
        values["user"] = "root" if templates[0] is PAM_FAILED else pick(rng, GUESSED, number)
        for late, template in zip((300, 2200, 2600), templates, strict=True):
            day.archive.add(LOG, template, host[rows], at[rows] + late, **values)
    for slot, server in enumerate(("web01", "jump01"), start=2):
        rows = host == HOST[server]
        seconds = rng.integers(2, 5, int(rows.sum()))
        values = {"service": port[rows], "peer": peers[rows], "port": 22, "seconds": seconds}
        firewall.inbound(day, rng, at[rows], slot, server=server, **values)
