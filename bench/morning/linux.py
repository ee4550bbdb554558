"""The web server's own logs: `auth.log` as Debian's rsyslog writes it, and Apache's access log."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from bench.morning.story import ATTACKER, STAFF, WEB, Line, clock, moments

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0",
)  # fmt: skip
PAGES = ("/", "/catalogue", "/catalogue?page=2", "/item/1042", "/item/2210", "/basket", "/help", "/static/site.css")
SPRAYED = ("root", "admin", "test", "oracle", "backup", "git", "postgres", "ubuntu", "www", "ftp", "support", "deploy")
PROBES = (
    ("/.env", 404), ("/.git/config", 404), ("/phpinfo.php", 404), ("/wp-login.php", 404), ("/admin/", 403),
    ("/uploads/", 403), ("/uploads/shell.php?cmd=id", 404), ("/uploads/c99.php?cmd=whoami", 404),
    ("/item/..%2f..%2f..%2f..%2fetc%2fpasswd", 400), ("/download?file=../../../../etc/passwd", 200),
    ("/uploads/img_0417.php?cmd=id", 200), ("/uploads/img_0417.php?cmd=uname+-a", 200),
    ("/uploads/img_0417.php?cmd=cat+/var/www/shop/config.php", 200),
)  # fmt: skip


def syslog(at: datetime, program: str, pid: int, message: str) -> Line:
    return Line(at, f"{at.isoformat(timespec='microseconds')} {WEB} {program}[{pid}]: {message}")


def auth(rng: random.Random) -> list[Line]:
    """Return the lines of `auth.log`: cron and staff, then a spray over SSH that finds one weak password."""
    lines = cron(rng) + staff(rng) + spray(rng) + inside()
    return sorted(lines)


def cron(rng: random.Random) -> list[Line]:
    lines = []
    for minute in range(0, 300, 5):
        at, pid = clock("7:00:01") + timedelta(minutes=minute), rng.randrange(2000, 60000)
        lines.append(syslog(at, "CRON", pid, "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"))
        closed = at + timedelta(milliseconds=rng.randrange(80, 900))
        lines.append(syslog(closed, "CRON", pid, "pam_unix(cron:session): session closed for user root"))
    return lines


def staff(rng: random.Random) -> list[Line]:
    lines = []
    for at in moments(rng, 40):
        who, pid, port = rng.choice(STAFF[:3]), rng.randrange(2000, 60000), rng.randrange(40000, 65000)
        source = f"10.20.3.{rng.randrange(2, 40)}"
        key = f"ED25519 SHA256:{rng.randbytes(24).hex()[:43]}"
        lines.append(syslog(at, "sshd", pid, f"Accepted publickey for {who} from {source} port {port} ssh2: {key}"))
        opened = at + timedelta(milliseconds=40)
        message = f"pam_unix(sshd:session): session opened for user {who}(uid=1001) by (uid=0)"
        lines.append(syslog(opened, "sshd", pid, message))
        if rng.random() < 0.3:
            command = rng.choice(
                ("/usr/bin/apt update", "/usr/bin/systemctl status apache2", "/usr/bin/journalctl -n 50")
            )
            told = f"   {who} : TTY=pts/0 ; PWD=/home/{who} ; USER=root ; COMMAND={command}"
            lines.append(syslog(at + timedelta(seconds=20), "sudo", pid + 7, told))
        closed = at + timedelta(seconds=rng.randrange(60, 1800))
        lines.append(syslog(closed, "sshd", pid, f"pam_unix(sshd:session): session closed for user {who}"))
    return lines


def spray(rng: random.Random) -> list[Line]:
    lines, at = [], clock("9:10")
    for _ in range(9):
        for who in SPRAYED:
            at += timedelta(milliseconds=rng.randrange(700, 2600))
            pid, port = rng.randrange(2000, 60000), rng.randrange(30000, 65000)
            known = who in {"root", "backup", "deploy"}
            name = who if known else f"invalid user {who}"
            if not known:
                lines.append(syslog(at, "sshd", pid, f"Invalid user {who} from {ATTACKER} port {port}"))
            later = at + timedelta(milliseconds=300)
            lines.append(syslog(later, "sshd", pid, f"Failed password for {name} from {ATTACKER} port {port} ssh2"))
    return lines


def inside() -> list[Line]:
    """Return what follows once the password of `deploy` is guessed."""
    told = "  deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND="
    return [
        syslog(clock("9:14:31"), "sshd", 31337, f"Accepted password for deploy from {ATTACKER} port 50412 ssh2"),
        syslog(
            clock("9:14:31"),
            "sshd",
            31337,
            "pam_unix(sshd:session): session opened for user deploy(uid=1010) by (uid=0)",
        ),
        syslog(clock("9:16:02"), "sudo", 31402, told + "/usr/bin/cat /etc/shadow"),
        syslog(clock("9:17:40"), "sudo", 31410, told + "/usr/sbin/useradd -m -G sudo svc-mon"),
        syslog(
            clock("9:17:40"),
            "useradd",
            31411,
            "new user: name=svc-mon, UID=1011, GID=1011, home=/home/svc-mon, shell=/bin/sh, from=/dev/pts/2",
        ),
        syslog(clock("9:17:40"), "useradd", 31411, "add 'svc-mon' to group 'sudo'"),
        syslog(clock("9:32:10"), "sshd", 31337, "pam_unix(sshd:session): session closed for user deploy"),
    ]


def access(rng: random.Random) -> list[Line]:
    """Return the lines of Apache's combined log: customers, then one who looks for a way in and finds it."""
    lines = []
    for at in moments(rng, 1100):
        visitor = f"{rng.choice(('192.0.2', '203.0.113'))}.{rng.randrange(100, 250)}"
        page, status = rng.choice(PAGES), rng.choices((200, 304, 404, 500), (88, 8, 3, 1))[0]
        size = 0 if status == 304 else rng.randrange(400, 48000)
        lines.append(hit(at, visitor, page, (status, size), rng.choice(AGENTS)))
    at = clock("8:52")
    for page, status in PROBES:
        at += timedelta(seconds=rng.randrange(2, 25))
        lines.append(hit(at, ATTACKER, page, (status, rng.randrange(200, 1800)), "sqlmap/1.9 (https://example.com)"))
    return sorted(lines)


def hit(at: datetime, visitor: str, page: str, answer: tuple[int, int], agent: str) -> Line:
    status, size = answer
    stamp = at.strftime("%d/%b/%Y:%H:%M:%S %z")
    referrer = "https://shop.example.com/" if status == 200 and page != "/" else "-"
    return Line(at, f'{visitor} - - [{stamp}] "GET {page} HTTP/1.1" {status} {size or "-"} "{referrer}" "{agent}"')
