"""`python -m bench.live`: the running system under load from syslog-ng's `loggen`, on this machine, sender and all.

Three measures: lines a second over one TCP connection through to the store, datagrams sent against datagrams stored,
and the delay from sending a line to its alert arriving on the stream of alerts while other lines come in.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import usage
from miharu.pipeline import read_vitals

COUNTERPARTS = Path(sys.prefix) / "counterparts" / "usr"
PAGE = os.sysconf("SC_PAGE_SIZE")
PARTS = ("intake", "worker", "store", "api")
FREE = {f"MIHARU_{name}_ADDRESS": "127.0.0.1:0" for name in ("API", "HTTP", "SYSLOG_UDP", "SYSLOG_TCP")}


@dataclass(frozen=True)
class System:
    """A running `miharu serve`."""

    data: Path
    addresses: dict[str, str]

    def port(self, name: str) -> int:
        return int(self.addresses[name].rpartition(":")[2])

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer of the API; a stream where the path names one."""
        token = (self.data / "tokens" / "admin").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://{self.addresses['api']}/api/v1{path}", data, headers)
        return urllib.request.urlopen(request, timeout=60)  # noqa: S310 - loopback

    def stored(self) -> int:
        with self.ask("/sql", {"sql": "SELECT count() AS n FROM events"}) as answer:
            body = json.load(answer)
        return int((body.get("rows") or body.get("events"))[0]["n"])

    def resident(self) -> dict[str, int]:
        """Return megabytes of memory by part."""
        vitals = read_vitals(self.data)
        return {name: usage(vitals[name].pid)[0] * PAGE >> 20 for name in PARTS if name in vitals}


@contextlib.contextmanager
def system(folder: Path) -> Iterator[System]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from miharu.cli import main; main()", "--data", str(folder), "--json", "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **FREE},
    )
    assert process.stdout is not None
    try:
        yield System(folder, json.loads(process.stdout.readline())["addresses"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def loggen(*arguments: str) -> subprocess.Popen[bytes]:
    program = COUNTERPARTS / "bin" / "loggen"
    if not program.exists():
        sys.exit("loggen is not there; `make test` fetches it on Debian as root")
    paths = {"SYSLOGNG_PREFIX": str(COUNTERPARTS), "LD_LIBRARY_PATH": str(COUNTERPARTS / "lib" / "syslog-ng")}
    return subprocess.Popen([str(program), "--inet", *arguments], env={**os.environ, **paths}, stderr=subprocess.PIPE)


def load(running: System, transport: str, rate: int, seconds: int) -> dict[str, Any]:
    """Send for some seconds and wait until all of it is stored."""
    listener, option = ("syslog_udp", "--dgram") if transport == "udp" else ("syslog_tcp", "--stream")
    before, began = running.stored(), time.monotonic()
    sender = loggen(
        option,
        "--rate",
        str(rate),
        "--interval",
        str(seconds),
        "--size",
        "256",
        "127.0.0.1",
        str(running.port(listener)),
    )
    memory: list[dict[str, int]] = []
    while sender.poll() is None:
        time.sleep(1)
        memory.append(running.resident())
    said = sender.stderr.read().decode() if sender.stderr else ""
    sent = int(said.rpartition("count=")[2].partition(",")[0])
    sending = time.monotonic() - began
    while (stored := running.stored() - before) < sent and time.monotonic() - began < sending + 60:
        time.sleep(0.2)
    whole = time.monotonic() - began
    counters = read_vitals(running.data)["intake"].counters
    dropped = {name: counters.get(name, 0) for name in ("dropped_total", "kernel_drops_total")}
    half = memory[len(memory) // 2 :]
    return {
        "sent": sent,
        "stored": stored,
        "sent_per_second": round(sent / sending),
        "stored_per_second": round(stored / whole),
        "seconds": round(whole, 1),
        **(dropped if transport == "udp" else {}),
        "megabytes_first_half": most(memory[: len(memory) // 2]),
        "megabytes_second_half": most(half),
    }


def most(memory: list[dict[str, int]]) -> dict[str, int]:
    return {name: max((each.get(name, 0) for each in memory), default=0) for name in PARTS}


def delays(running: System, rate: int, tries: int) -> dict[str, Any]:
    """Measure from sending a line to its alert on the stream, with other lines coming in."""
    seen: dict[str, float] = {}

    def listen() -> None:
        with contextlib.suppress(OSError, ValueError), running.ask("/alerts/stream") as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    entity = json.loads(line[5:])["entity"]
                    seen[json.dumps(entity)] = time.monotonic()

    threading.Thread(target=listen, daemon=True).start()
    other = loggen(
        "--stream",
        "--rate",
        str(rate),
        "--interval",
        str(tries * 2),
        "--size",
        "256",
        "127.0.0.1",
        str(running.port("syslog_tcp")),
    )
    time.sleep(2)
    found: list[float] = []
    with socket.create_connection(("127.0.0.1", running.port("syslog_tcp"))) as connection:
        for number in range(tries):
            stamp = datetime.now(UTC).strftime("%b %e %H:%M:%S")
            host = f"delay{number}"
            line = f"<38>{stamp} {host} sshd[1]: Failed password for root from 203.0.113.9 port 40000 ssh2\n"
            sent = time.monotonic()
            connection.sendall(line.encode())
            deadline = sent + 10
            while time.monotonic() < deadline:
                times = [at for entity, at in seen.items() if host in entity.split('"')]
                if times:
                    found.append(times[0] - sent)
                    break
                time.sleep(0.005)
            time.sleep(0.37)
    other.terminate()
    other.wait()
    return {
        "tries": tries,
        "seen": len(found),
        "median_seconds": round(median(found), 3) if found else None,
        "most_seconds": round(max(found), 3) if found else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description="Measure the running system under load.")
    parser.add_argument("--seconds", type=int, default=60, help="how long to send")
    parser.add_argument("--tcp", type=int, default=100_000, help="lines a second over TCP")
    parser.add_argument("--udp", type=int, default=20_000, help="datagrams a second")
    parser.add_argument("--other", type=int, default=5_000, help="lines a second beside those that make an alert")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="miharu-live-", ignore_cleanup_errors=True) as folder,
        system(Path(folder)) as running,
    ):
        print("tcp   ", json.dumps(load(running, "tcp", options.tcp, options.seconds)))
        print("udp   ", json.dumps(load(running, "udp", options.udp, options.seconds)))
        print("alerts", json.dumps(delays(running, options.other, 20)))


if __name__ == "__main__":
    main()
