"""A Linux machine's /var/log → one timeline: each file is read by the log sources that know it, nothing by guess."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.journey.importing import Place
from tests.journey.reading import events_of, write_files

SYSLOG = """\
Jun 14 08:15:01 web1 systemd[1]: Started Daily apt download activities.
Jun 14 08:15:02 web1 NetworkManager[700]: <info>  [1749888902.1] device (eth0): state change: activated
Jun 14 08:15:03 web1 rsyslogd: imuxsock lost 12 messages from pid 3
"""
AUTH = """\
Jun 14 08:16:01 web1 sshd[4711]: Failed password for invalid user admin from 203.0.113.9 port 52311 ssh2
Jun 14 08:16:02 web1 sshd[4712]: Accepted publickey for alice from 192.0.2.7 port 40000 ssh2: ED25519 SHA256:abc
Jun 14 08:16:03 web1 sudo:    alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/cat /etc/shadow
"""
BOOT = """\
[  OK  ] Started Network Manager.
[FAILED] Failed to start MariaDB database server.
"""
MAIL = """\
Jun 14 08:17:01 web1 postfix/smtpd[4711]: connect from mx.example.net[198.51.100.25]
Jun 14 08:17:02 web1 dovecot: imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, mpid=7, TLS
"""
KERN = """\
Jun 14 08:18:01 web1 kernel: [12345.678901] usb 1-1: New USB device found, \
idVendor=0781, idProduct=5581, bcdDevice= 1.00
Jun 14 08:18:02 web1 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.9 DST=192.0.2.1 \
LEN=40 PROTO=TCP SPT=52311 DPT=22 WINDOW=1 SYN
Jun 14 08:18:03 web1 kernel: Out of memory: Killed process 4242 (mysqld) total-vm:1kB, anon-rss:1kB, file-rss:0kB
"""
DMESG = """\
[    0.000000] Linux version 6.8.0-31-generic (builder@example.com) (gcc 13.2.0) #31 SMP
[    3.456789] EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.
"""
CRON = """\
Jun 14 08:19:01 web1 CRON[5000]: (root) CMD (/usr/local/bin/backup)
Jun 14 08:19:02 web1 crond[5001]: (alice) RELOAD (/var/spool/cron/alice)
"""
YUM = """\
Jun 14 08:20:01 Installed: nmap-7.92-1.el8.x86_64
Jun 14 08:20:02 Erased: telnet-0.17-76.el8.x86_64
"""
DPKG = """\
2025-06-14 08:20:03 install nmap:amd64 <none> 7.94+git20230807-3
2025-06-14 08:20:04 status installed nmap:amd64 7.94+git20230807-3
"""
ACCESS = """\
192.0.2.7 - - [14/Jun/2025:08:21:01 +0000] "GET /index.html HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64)"
203.0.113.9 - - [14/Jun/2025:08:21:02 +0000] "GET /../../etc/passwd HTTP/1.1" 400 226 "-" "curl/8.5.0"
"""
ERROR = """\
[Sat Jun 14 08:21:03.123456 2025] [core:error] [pid 4711:tid 140] [client 203.0.113.9:52311] \
AH00126: Invalid URI in request
"""
MYSQL = """\
2025-06-14T08:22:01.123456Z 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.36'
2025-06-14T08:22:02.123456Z 12 [Note] [MY-010926] [Server] \
Access denied for user 'root'@'203.0.113.9' (using password: YES)
"""
XORG = """\
[    42.100] (II) LoadModule: "glx"
[    42.200] (EE) Failed to load module "nvidia" (module does not exist, 0)
"""

FILES: dict[str, tuple[str, set[str], str]] = {
    "syslog": (SYSLOG, {"system.syslog"}, "S93"),
    "auth.log": (AUTH, {"system.auth"}, "S94"),
    "boot.log": (BOOT, {"linux.boot"}, "S95"),
    "mail.log": (MAIL, {"postfix.mail", "dovecot.login"}, "S96"),
    "kern.log": (KERN, {"linux.kernel", "iptables.log"}, "S97"),
    "dmesg": (DMESG, {"linux.kernel"}, "S98"),
    "cron": (CRON, {"linux.cron"}, "S100"),
    "yum.log": (YUM, {"packages.yum"}, "S101"),
    "dpkg.log": (DPKG, {"packages.dpkg"}, "S101"),
    "apache2/access.log": (ACCESS, {"apache.access"}, "S102"),
    "apache2/error.log": (ERROR, {"apache.error"}, "S102"),
    "mysql/error.log": (MYSQL, {"mysql.error"}, "S103"),
    "Xorg.0.log": (XORG, {"linux.xorg"}, "S92"),
}
"""What stands in which file, the log sources that must read it, and the item of the mission it is."""


@pytest.fixture(scope="module")
def var_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("var") / "log"
    write_files(folder, {name: text for name, (text, _, _) in FILES.items()})
    return folder


@pytest.fixture(scope="module")
def read(var_log: Path) -> dict[str, list[dict[str, Any]]]:
    """The events of each file."""
    return {str(path.relative_to(var_log)): events for path, events in events_of(var_log).items()}


def the(events: list[dict[str, Any]], **wanted: object) -> dict[str, Any]:
    """Return the one event that has these values (`user_name` for `user.name`)."""
    (event,) = [
        one for one in events if all(one.get(name.replace("_", ".")) == value for name, value in wanted.items())
    ]
    return event


def datasets(events: list[dict[str, Any]]) -> set[str]:
    return {str(event["event.dataset"]) for event in events}


@pytest.mark.mission("S91")
def test_every_file_is_read_by_the_sources_that_know_it(read: dict[str, list[dict[str, Any]]]) -> None:
    assert {name: datasets(events) for name, events in read.items()} == {
        name: sources for name, (_, sources, _) in FILES.items()
    }


@pytest.mark.mission("S92")
def test_system_kernel_packages_boot_x_and_services_say_what_happened(read: dict[str, list[dict[str, Any]]]) -> None:
    told = {name: sum("event.category" in event for event in events) for name, events in read.items()}
    assert told == {name: len(events) for name, events in read.items()} | {"syslog": 2}
    assert the(read["Xorg.0.log"], log_level="error")


@pytest.mark.mission("S93")
def test_syslog(read: dict[str, list[dict[str, Any]]]) -> None:
    event = the(read["syslog"], process_name="systemd")
    assert (event["host.name"], event["process.pid"]) == ("web1", 1)
    assert event["@timestamp"] == datetime(2025, 6, 14, 8, 15, 1, tzinfo=UTC)


@pytest.mark.mission("S94")
def test_auth_log(read: dict[str, list[dict[str, Any]]]) -> None:
    failed = the(read["auth.log"], source_ip="203.0.113.9")
    assert (failed["event.outcome"], failed["user.name"]) == ("failure", "admin")
    assert the(read["auth.log"], source_ip="192.0.2.7")["event.outcome"] == "success"
    assert the(read["auth.log"], process_name="sudo")["user.effective.name"] == "root"


@pytest.mark.mission("S95")
def test_boot_log(read: dict[str, list[dict[str, Any]]]) -> None:
    assert [event.get("event.outcome") for event in read["boot.log"]] == ["success", "failure"]


@pytest.mark.mission("S96")
def test_mail_log(read: dict[str, list[dict[str, Any]]]) -> None:
    assert the(read["mail.log"], event_dataset="postfix.mail")["source.ip"] == "198.51.100.25"
    assert the(read["mail.log"], user_name="bob")["event.outcome"] == "success"


@pytest.mark.mission("S97")
def test_kern_log(read: dict[str, list[dict[str, Any]]]) -> None:
    blocked = the(read["kern.log"], event_dataset="iptables.log")
    assert (blocked["source.ip"], blocked["destination.port"]) == ("203.0.113.9", 22)
    killed = [event for event in read["kern.log"] if "Killed process" in event["event.original"].decode()]
    assert "mysqld" in str(killed[0])


@pytest.mark.mission("S98")
def test_dmesg(read: dict[str, list[dict[str, Any]]]) -> None:
    assert all(event["process.name"] == "kernel" for event in read["dmesg"])


@pytest.mark.mission("S100")
def test_cron(read: dict[str, list[dict[str, Any]]]) -> None:
    assert the(read["cron"], user_name="root")["process.command_line"] == "/usr/local/bin/backup"


@pytest.mark.mission("S101")
def test_packages(read: dict[str, list[dict[str, Any]]]) -> None:
    assert the(read["yum.log"], package_name="nmap")["event.type"] == ["installation"]
    assert the(read["yum.log"], package_name="telnet")["event.type"] == ["deletion"]
    assert {event["package.name"] for event in read["dpkg.log"]} == {"nmap"}


@pytest.mark.mission("S102")
def test_httpd(read: dict[str, list[dict[str, Any]]]) -> None:
    outcomes = [(event["http.response.status_code"], event["event.outcome"]) for event in read["apache2/access.log"]]
    assert outcomes == [(200, "success"), (400, "failure")]
    assert read["apache2/error.log"][0]["source.ip"] == "203.0.113.9"


@pytest.mark.mission("S103")
def test_mysql(read: dict[str, list[dict[str, Any]]]) -> None:
    denied = [event for event in read["mysql/error.log"] if event.get("user.name") == "root"]
    assert [event["event.outcome"] for event in denied] == ["failure"]


@pytest.mark.mission("S90")
def test_all_logs_are_one_timeline(var_log: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.take(var_log)
    rows = place.ask(
        "SELECT `@timestamp` AS time, `log.file.path` AS path FROM events "
        "WHERE `host.name` = 'web1' OR path LIKE '%apache2%' ORDER BY time, path"
    )
    told = rows.with_columns(pl.col("path").str.extract(r"/log/(.+)$"))
    story = ["syslog"] * 3 + ["auth.log"] * 3 + ["mail.log"] * 2 + ["kern.log"] * 3 + ["cron"] * 2
    story += ["apache2/access.log"] * 2 + ["apache2/error.log"]
    assert told["path"].to_list() == story
    assert told["time"].is_sorted()
