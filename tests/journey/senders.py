"""Real senders of logs, started for a test and ended after it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

COUNTERPARTS = Path(sys.prefix) / "counterparts" / "usr"
LOGGEN = COUNTERPARTS / "bin" / "loggen"

needs_rsyslog = pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="rsyslogd is not installed")
needs_loggen = pytest.mark.skipif(not LOGGEN.exists(), reason="syslog-ng's loggen is not there (make test fetches it)")


def loggen(*arguments: str) -> subprocess.Popen[bytes]:
    """Start syslog-ng's load generator."""
    return subprocess.Popen(
        [str(LOGGEN), *arguments],
        env={
            **os.environ,
            "SYSLOGNG_PREFIX": str(COUNTERPARTS),
            "LD_LIBRARY_PATH": str(COUNTERPARTS / "lib" / "syslog-ng"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@contextmanager
def rsyslog(folder: Path, action: str) -> Iterator[Path]:
    """Run rsyslogd with one action; yields the socket that `logger` writes to."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "log.socket"
    config = folder / "rsyslog.conf"
    config.write_text(
        f"""
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{place}" CreatePath="on" RateLimit.Interval="0"
  UseSysTimeStamp="off" UsePIDFromSystem="off")
template(name="seen" type="string" string="%timereported:::date-rfc3339%\\t%hostname%\\t%msg%\\n")
*.* action(type="omfile" file="{folder}/seen.log" template="seen")
{action}
"""
    )
    process = subprocess.Popen(
        ["rsyslogd", "-n", "-f", str(config), "-i", str(folder / "pid")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 20
        while not place.exists():
            assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
            assert time.monotonic() < deadline, "rsyslogd made no socket"
            time.sleep(0.05)
        yield place
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        if process.stderr is not None:
            process.stderr.close()


def logger(place: Path, lines: Sequence[str], *, tag: str = "sshd[4711]") -> None:
    """Write messages to a local log socket, as programs do."""
    subprocess.run(
        ["logger", "--socket", str(place), "--tag", tag, "--priority", "auth.info"],
        input="".join(f"{line}\n" for line in lines).encode(),
        check=True,
        timeout=60,
    )
