"""How `miharu serve` ends, does not begin, watches itself, and tells of an alert while others send."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miharu.pipeline import read_vitals
from tests.journey import loading
from tests.journey.loading import HttpSender, TcpSender, alive, check_stored, numbers, sending
from tests.journey.serving import FREE, Served, serving, until

SERVE = [sys.executable, "-c", "from miharu.cli import main; main()"]
PARTS = {"intake", "worker", "api", "store"}
TRIES = 20


def refused(data: Path, **settings: str) -> str:
    """Run `miharu serve`, which must end by itself with exit code 1; return what it said last."""
    given = {f"MIHARU_{name.upper()}": value for name, value in settings.items()}
    done = subprocess.run(
        [*SERVE, "--data", str(data), "serve"],
        env={**os.environ, **FREE, **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    return done.stderr.splitlines()[-1]


def told(figure: str) -> None:
    """Show a figure that was measured (`pytest -s`)."""
    sys.stdout.write(f"\n{figure}\n")


def test_killed_or_ended_under_load(tmp_path: Path):
    senders: list[HttpSender] = []
    with serving(tmp_path, -signal.SIGKILL) as served:
        pids = {name: each.pid for name, each in read_vitals(tmp_path).items() if name in PARTS}
        assert pids.keys() == PARTS
        senders += [HttpSender.of(served, f"killed-{way.rpartition('/')[2]}", path=way) for way in loading.WAYS]
        with sending(*senders):
            until(lambda: all(sender.acknowledged > 200 for sender in senders))
            os.kill(served.process.pid, signal.SIGKILL)
            served.process.wait()
    began = time.monotonic()
    # Begun while the parts of the killed one may still be ending.
    with serving(tmp_path) as served:
        assert not any(alive(pid) for name, pid in pids.items() if name != "store")
        until(lambda: not alive(pids["store"]) or read_vitals(tmp_path)["store"].pid == pids["store"])
        told(f"after a kill the next one served after {time.monotonic() - began:.1f} s")
        senders += [HttpSender.of(served, f"ended-{way.rpartition('/')[2]}", path=way) for way in loading.WAYS]
        pids = {name: each.pid for name, each in read_vitals(tmp_path).items() if name in PARTS}
        stream = TcpSender("ended-stream", served.port("syslog_tcp"), 10**9, rate=5000)
        with sending(*senders[3:]), ending(stream):
            until(lambda: all(sender.acknowledged > 200 for sender in senders[3:]) and stream.sent > 1000)
            began = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(45) == 0
            told(f"under load it ended after {time.monotonic() - began:.1f} s")
            assert not any(alive(pid) for name, pid in pids.items() if name != "store")
    until(lambda: not alive(pids["store"]), 10, "the store ends after its last client")
    with serving(tmp_path) as served:
        check_stored(served, senders)
        assert sum(sender.acknowledged for sender in senders) > 1000
        found = numbers(served, stream.mark)
        assert found == list(range(len(found))), "a stream is stored up to where it was read"


@contextmanager
def ending(stream: TcpSender) -> Iterator[None]:
    """Let a stream run whose connection the other side will end."""

    def run() -> None:
        try:
            stream.run()
        except OSError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stream.stop.set()
        thread.join(60)


def test_a_killed_supervisor_leaves_nobody_behind(tmp_path: Path):
    with serving(tmp_path, -signal.SIGKILL) as served:
        pids = {name: each.pid for name, each in read_vitals(tmp_path).items() if name in PARTS}
        began = time.monotonic()
        os.kill(served.process.pid, signal.SIGKILL)
        until(lambda: not any(map(alive, pids.values())), 15, f"{pids} end by themselves")
        told(f"everything had ended {time.monotonic() - began:.1f} s after the supervisor was killed")


@pytest.mark.parametrize("name", ["api", "http", "syslog_udp"])
def test_an_address_that_is_taken_is_said_once(name: str, tmp_path: Path):
    kind = socket.SOCK_DGRAM if name == "syslog_udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(tmp_path, **{f"{name}_address": address})
    assert re.match(rf"miharu: .*cannot listen on {re.escape(address)}", said)
    assert f"{name}_address" in said


def test_content_that_cannot_be_read_is_said_once(tmp_path: Path):
    content = tmp_path / "content"
    (content / "ecs").mkdir(parents=True)
    (content / "ecs" / "fields.tsv").write_text("nonsense\n")
    said = refused(tmp_path / "data", content=str(content))
    assert said.startswith("miharu: ")


@pytest.fixture(scope="module")
def itself(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("itself"), watch_itself="true") as running:
        yield running


def test_a_second_one_on_the_folder_is_refused(itself: Served):
    said = refused(itself.data)
    assert said.startswith("miharu: miharu serves ")
    assert f"(process {itself.process.pid})" in said
    assert loading.health(itself)["status"] == "ok"


def test_it_watches_itself_and_does_not_hear_its_own_echo(itself: Served):
    query = "event.dataset : miharu.log and process.name : worker"
    found = until(lambda: itself.events(query), what="events of our own log")
    assert "started" in {each.get("event.action") for each in found}
    lines = until(lambda: (now := len(itself.log())) == own(itself) and now, what="every line is an event")
    time.sleep(4)
    assert len(itself.log()) <= lines + 1
    assert own(itself) <= lines + 1


def own(served: Served) -> int:
    return served.count("`event.dataset` = 'miharu.log'")


def test_alerts_are_told_while_others_send(itself: Served):
    """Each matching line brings an event on the stream of alerts while 5,000 other lines a second come."""
    others = TcpSender("others", itself.port("syslog_tcp"), 10**9, padding=60, rate=5000)
    sent: dict[str, float] = {}
    heard: dict[str, float] = {}
    listening = threading.Event()

    def listen() -> None:
        with itself.api() as api, api.stream("GET", "/alerts/stream", timeout=60) as stream:
            assert stream.status_code == 200
            listening.set()
            for line in stream.iter_lines():
                for address in re.findall(r"203\.0\.113\.\d+", line if line.startswith("data:") else ""):
                    heard.setdefault(address, time.monotonic())
                if len(heard) == TRIES:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(30)
    with sending(others), socket.create_connection(("127.0.0.1", itself.port("syslog_tcp"))) as out:
        until(lambda: loading.stored(itself, others.mark) > 5000)
        for number in range(TRIES):
            address = f"203.0.113.{number + 1}"
            sent[address] = time.monotonic()
            out.sendall(
                f"<38>Mar  1 12:00:00 web01 sshd[9]: Failed password for root from {address} port 4711 ssh2\n".encode()
            )
            time.sleep(0.35)
        thread.join(30)
    assert heard.keys() == sent.keys(), "each is told"
    # What is judged together is told together; what came later is told later.
    assert all(heard[a] <= heard[b] for a in sent for b in sent if sent[b] - sent[a] > 2)
    delays = [heard[address] - begun for address, begun in sent.items()]
    told(f"alert after a line: median {statistics.median(delays):.2f} s, longest {max(delays):.2f} s")
    assert min(delays) > 0
    assert max(delays) < 10


@pytest.mark.parametrize("moment", ["early", "late"])
def test_an_interrupt_says_nothing_ugly(moment: str, tmp_path: Path):
    """Ctrl-C reaches all processes of the terminal's group, while it begins or when it runs."""
    process = subprocess.Popen(
        [*SERVE, "--data", str(tmp_path), "--json", "serve"],
        env={**os.environ, **FREE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        if moment == "early":
            until(lambda: (tmp_path / "serve.lock").exists() or process.poll() is not None)
        else:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["addresses"]
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode in ({0, 130} if moment == "early" else {0})
    assert b"Traceback" not in said
    assert b"rror" not in said
