"""The page about Linux's logs: the statement that joins audit records gives one row for each call."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import text_of

PAGE = Path("docs/how-to/linux-logs.md")

RECORDS = """\
type=SYSCALL msg=audit(1749888902.123:4711): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=900 pid=901 \
auid=1000 uid=1000 gid=1000 euid=0 suid=0 egid=0 tty=pts0 ses=3 comm="sh" exe="/usr/bin/dash"
type=EXECVE msg=audit(1749888902.123:4711): argc=3 a0="sh" a1="-c" a2=6C73202D6C
type=CWD msg=audit(1749888902.123:4711): cwd="/home/alice"
type=PATH msg=audit(1749888902.123:4711): item=0 name="/bin/sh" inode=77 mode=0100755 ouid=0 nametype=NORMAL
type=PATH msg=audit(1749888902.123:4711): item=1 name="/lib/ld.so" inode=78 mode=0100755 ouid=0 nametype=NORMAL
type=PROCTITLE msg=audit(1749888902.123:4711): proctitle=7368002D63
type=SYSCALL msg=audit(1749888903.5:4712): arch=c000003e syscall=42 success=no exit=-111 items=0 ppid=901 pid=902 \
auid=1000 uid=33 gid=33 euid=33 suid=33 egid=33 tty=pts0 ses=3 comm="nc" exe="/usr/bin/nc"
type=SOCKADDR msg=audit(1749888903.5:4712): saddr=020001BBCB0071090000000000000000
"""


def miharu(data: Path, *words: str) -> str:
    command = [str(Path(sys.executable).with_name("miharu")), "--data", str(data), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.mission("S48", "S91")
def test_audit_records_of_one_call_are_seen_as_one(tmp_path: Path):
    log = tmp_path / "audit.log"
    log.write_text(RECORDS)
    miharu(tmp_path / "data", "import", str(log))
    (statement,) = re.findall(r"```sql\n(.*?)```", text_of(PAGE), re.DOTALL)
    answer = miharu(tmp_path / "data", "sql", "--format", "ndjson", statement)
    run, connected = [json.loads(line) for line in answer.splitlines()]
    assert run["records"] == ["CWD", "EXECVE", "PATH", "PROCTITLE", "SYSCALL"]
    assert (run["call"], run["outcome"], run["pid"]) == ("execve", "success", 901)
    assert (run["program"], run["command"]) == ("/usr/bin/dash", "sh -c ls -l")
    assert (run["login"], run["user"], run["effective"]) == ("1000", "1000", "0")
    assert sorted(run["files"]) == ["/bin/sh", "/lib/ld.so"]
    assert (connected["call"], connected["outcome"]) == ("connect", "failure")
    assert (connected["address"], connected["port"], connected["user"]) == ("203.0.113.9", 443, "33")
    assert miharu(tmp_path / "data", "sql", "--format", "ndjson", "SELECT count() AS n FROM events") == '{"n":8}\n'
