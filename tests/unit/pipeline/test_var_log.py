"""A whole /var/log, as an import finds it → every file's records under their own names, on one time line."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand
from tests.unit.sources.login_writer import faillog, lastlog, logins, refused

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
KEY = "0123456789abcdef" * 2
AUDIT = "type=USER_LOGIN msg=audit(1749888920.5:77): pid=9 uid=0 auid=1000 ses=3 msg='op=login id=1000"
KILLED = "Jun 14 08:15:06 web1 kernel: [ 1.5] Out of memory: Killed process 9 (frobd) total-vm:1kB\n"
DROPPED = "Jun 14 08:15:07 web1 kernel: DROP IN=eth0 OUT= SRC=192.0.2.9 DST=192.0.2.1 LEN=40 PROTO=TCP SPT=1 DPT=22\n"
STARTED = "Jun 14 08:15:01 web1 systemd[1]: Started Frob.\n"
PULLED = "Jun 14 08:15:02 web1 kernel: usb 1-1: USB disconnect, device number 7\n"
FILES: Mapping[str, tuple[str, set[str]]] = {
    "messages": (STARTED + PULLED, {"system.syslog", "linux.kernel"}),
    "syslog.1": ("Jun 14 08:15:03 web1 rsyslogd: rsyslogd was HUPed\n", {"system.syslog"}),
    "secure": (
        "Jun 14 08:15:04 web1 sshd[9]: Failed password for root from 192.0.2.9 port 4022 ssh2\n",
        {"system.auth"},
    ),
    "boot.log": ("[  OK  ] Started Frob.\n[FAILED] Failed to start Frob Two.\n", {"linux.boot"}),
    "maillog": (
        "Jun 14 08:15:05 mail1 postfix/smtpd[9]: connect from mail.example.com[192.0.2.25]\n",
        {"postfix.mail"},
    ),
    "kern.log": (KILLED + DROPPED, {"linux.kernel", "iptables.log"}),
    "dmesg": ("[    0.000000] Linux version 6.1.0\n[    1.500000] usb 1-1: Product: Frob\n", {"linux.kernel"}),
    "cron": ("Jun 14 08:15:08 web1 CROND[9]: (root) CMD (run-parts /etc/cron.hourly)\n", {"linux.cron"}),
    "Xorg.0.log": ('[    21.041] X.Org X Server 1.21.1.7\n[    21.043] (II) LoadModule: "glx"\n', {"linux.xorg"}),
    "audit/audit.log": (f"{AUDIT} hostname=192.0.2.9 addr=192.0.2.9 terminal=ssh res=failed'\n", {"auditd.log"}),
}


@cache
def stages() -> tuple[Parser, Normaliser]:
    sources = load_logsources()
    return Parser(sources), Normaliser(sources, load_fields())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a folder as a Linux host has it, one of its files rotated and compressed."""
    folder = tmp_path / "log"
    (folder / "audit").mkdir(parents=True)
    for name, (text, _) in FILES.items():
        (folder / name).write_text(text)
    (folder / "syslog.2.gz").write_bytes(gzip.compress(b"Jun 13 08:15:03 web1 systemd[1]: Stopped Frob.\n"))
    (folder / "wtmp").write_bytes(b"".join(login.packed() for login in logins(1, 20)))
    (folder / "btmp").write_bytes(b"".join(login.packed() for login in refused(1, 5)))
    (folder / "lastlog").write_bytes(lastlog({1000: (1_749_888_900, "pts/1", "192.0.2.7")}, 1001))
    (folder / "faillog").write_bytes(faillog({0: (3, 5, "tty1", 1_749_888_900)}, 5))
    return folder


def events(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the events of each file by its name."""
    parser, normaliser = stages()
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in expand([folder], joins=parser.joins):
        for chunk in file.chunks(KEY):
            assert chunk.rejects.is_empty()
            rows = normaliser.run(parser.read(chunk.format, chunk.records).fields, CREATED).to_dicts()
            found[Path(file.path).name] += [{n: v for n, v in row.items() if v is not None} for row in rows]
    return found


@pytest.mark.mission("S90", "S91", "S92", "S93", "S94", "S95", "S96", "S97", "S98", "S99", "S100")
def test_every_file_of_var_log_is_known(log: Path):
    found = events(log)
    for name, (text, datasets) in FILES.items():
        own = found[Path(name).name]
        assert {event["event.dataset"] for event in own} == datasets
        assert len(own) == text.count("\n")
    binary = {
        name: {event["event.dataset"] for event in found[name]} for name in ("wtmp", "btmp", "lastlog", "faillog")
    }
    assert binary == {
        "wtmp": {"linux.utmp"},
        "btmp": {"linux.utmp"},
        "lastlog": {"linux.lastlog"},
        "faillog": {"linux.faillog"},
    }
    assert {event["event.action"] for event in found["btmp"]} == {"failed_login"}


@pytest.mark.mission("S90")
def test_all_of_it_lies_on_one_time_line(log: Path):
    found = events(log)
    told = {
        name: found[name][0]["@timestamp"].replace(year=2025)
        for name in ("messages", "syslog.1", "secure", "maillog", "kern.log", "cron", "audit.log")
    }
    assert [name for name, _ in sorted(told.items(), key=lambda pair: pair[1])] == [
        "messages", "syslog.1", "secure", "maillog", "kern.log", "cron", "audit.log",
    ]  # fmt: skip
    assert told["audit.log"] - told["messages"] == timedelta(seconds=19.5)


@pytest.mark.mission("S95", "S97", "S98")
def test_what_boot_and_kernel_tell(log: Path):
    found = events(log)
    assert [(event["service.name"], event["event.outcome"]) for event in found["boot.log"]] == [
        ("Frob", "success"), ("Frob Two", "failure"),
    ]  # fmt: skip
    killed, dropped = found["kern.log"]
    assert (killed["event.action"], killed["process.name"], killed["process.pid"]) == ("oom_kill", "frobd", 9)
    assert (dropped["event.action"], dropped["source.ip"], dropped["destination.port"]) == ("drop", "192.0.2.9", 22)
    assert [event["event.action"] for event in found["dmesg"]] == ["booted", "usb_product"]
