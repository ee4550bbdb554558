"""A command → its wall time, the processor time and peak memory of all its processes, read from /proc."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PERIOD = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds of wall and processor time, peak resident bytes of all processes together, and what was printed."""

    wall: float
    processor: float
    peak: int
    output: str


@dataclass
class Watch:
    """Sums what the processes of one command use while they live.

    `mark` is a text in the command line of processes that belong to it though their parent has gone (a store process
    that stays behind).
    """

    root: int
    mark: str
    peak: int = 0
    processor: dict[int, float] = field(default_factory=dict)
    known: dict[int, bool] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.done.wait(PERIOD):
            self.look()

    def look(self) -> None:
        resident = 0
        for pid in self.members():
            pages, seconds = usage(pid)
            resident += pages * PAGE
            self.processor[pid] = max(seconds, self.processor.get(pid, 0.0))
        self.peak = max(self.peak, resident)

    def members(self) -> Iterator[int]:
        """Yield the processes; each is asked once whether it is one, for to ask takes time from what is measured."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        if any(pid not in self.known for pid in pids):
            parents = {pid: parent_of(pid) for pid in pids}
            for pid in pids:
                if pid not in self.known:
                    mine = self.root in lineage(pid, parents)
                    self.known[pid] = mine or (bool(self.mark) and self.mark in command_line(pid))
        yield from (pid for pid in pids if self.known[pid])


def run(command: Sequence[str], mark: str = "", more: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, with `more` in its environment. Raises CalledProcessError if it fails."""
    environment = {**os.environ, **(more or {})}
    begin = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        watch = Watch(process.pid, mark)
        thread = threading.Thread(target=watch.run, daemon=True)
        thread.start()
        output, faults = process.communicate()
        wall = time.perf_counter() - begin
        watch.done.set()
        thread.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output, faults)
    return Cost(wall, sum(watch.processor.values()), watch.peak, output)


def wait_for_end(mark: str, seconds: float = 30.0) -> None:
    """Wait until no process has `mark` in its command line (a store process leaves a little after its last client)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(mark in command_line(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()):
            return
        time.sleep(PERIOD)


def lineage(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid:
        yield pid
        pid = parents.get(pid, 0)


def parent_of(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[1]) if fields else 0


def usage(pid: int) -> tuple[int, float]:
    """Return resident pages and processor seconds (own and of reaped children are not mixed: own only)."""
    fields = stat_fields(pid)
    return (int(fields[21]), (int(fields[11]) + int(fields[12])) / TICK) if fields else (0, 0.0)


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command's name (proc(5)); empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
