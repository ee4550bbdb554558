"""Anything at all sent to each listener of a running system: no part falls, memory stays, and it works as before.

`MIHARU_FUZZ_SECONDS` says how long each listener is tried (6 if it does not). What is sent comes from a fixed seed.
"""

from __future__ import annotations

import gzip
import os
import random
import socket
import string
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from miharu.pipeline import read_vitals
from tests.journey import loading
from tests.journey.loading import HttpSender, sending
from tests.journey.serving import Served, serving, until

SECONDS = float(os.environ.get("MIHARU_FUZZ_SECONDS", "6"))
SEED = 20260303
GROWTH_BYTES = {"intake": 96 << 20, "api": 96 << 20, "supervisor": 32 << 20, "worker": 384 << 20}
"""More than this no part's memory may grow. The worker's is what a full batch of the oddest records needs: it goes up
and down by that much and stays there, however many follow.
"""

PIECES = [
    b"<34>", b"<999999999999>", b"<>", b"<38>1 ", b"2026-03-01T12:00:00Z ", b"Mar  1 12:00:00 ", b"\n", b"\r\n", b"\0",
    b"12 ", b"0 ", b"00000000000 ", b"99999999999999999999 ", b"-1 ", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80",
    b'[x@1 a="b\\]"]', b"[", b"]", b"{", b"}", b'{"a":', b"[" * 300, b'{"a":' * 300, b"1e999", b"null", b"\\u0000",
    b"\\ud800", b'"', b"\\", b"%n%s", b"A" * 5000, b"a=b ", b"CEF:0|", b"sshd[1]: Failed password for root from ",
    "監査".encode(), b"192.0.2.1", b"::", b"\x1b[31m", b"\x16\x03\x01\x02\x00\x01", b"\x1f\x8b\x08\x00", b"(\xb5/\xfd",
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("fuzzed"), request_bytes=str(4 << 20)) as running:
        warm_up(running)
        yield running


def warm_up(served: Served) -> None:
    """Let every part load what it needs under some load, so that what it grows by later is what it keeps."""
    senders = [HttpSender.of(served, f"warm-{way.rpartition('/')[2]}", path=way, batch=200) for way in loading.WAYS]
    with sending(*senders):
        until(lambda: all(sender.acknowledged >= 4000 for sender in senders), 60)
    until(lambda: sum(loading.stored(served, sender.mark) for sender in senders) >= 12_000, 60)


def memory(served: Served) -> dict[str, int]:
    """Return the bytes each part has in memory."""
    page = os.sysconf("SC_PAGE_SIZE")
    vitals = read_vitals(served.data)
    return {
        name: int(Path(f"/proc/{vitals[name].pid}/statm").read_text().split()[1]) * page
        for name in ("intake", "worker", "api", "supervisor")
    }


def junk(chance: random.Random, most: int = 40) -> bytes:
    """Return pieces that mean something somewhere, with bytes that mean nothing between them."""
    made = bytearray()
    for _ in range(chance.randrange(1, most)):
        made += chance.choice(PIECES) if chance.random() < 0.7 else chance.randbytes(chance.randrange(1, 40))
    return bytes(made)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """Return data with some of it changed, doubled, moved or gone."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(made) + 1)
        size = chance.randrange(1, 20)
        match chance.randrange(5):
            case 0:
                made[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[place : place + size]
            case 2:
                made[place:place] = made[place : place + size] * chance.randrange(1, 30)
            case 3:
                made[place:place] = chance.choice(PIECES)
            case _:
                other = chance.randrange(len(made) + 1)
                made[place : place + size] = made[other : other + size]
    return bytes(made)


def tcp(served: Served, chance: random.Random) -> None:
    """Send one connection's worth, whole or in pieces, and go in one of several ways."""
    with socket.create_connection(("127.0.0.1", served.port("syslog_tcp")), timeout=10) as out:
        for _ in range(chance.randrange(1, 8)):
            text = junk(chance)
            out.sendall(
                b"%d %s" % (len(text) + chance.choice([0, 0, 0, -1, 1, 999]), text) if chance.random() < 0.3 else text
            )
            if chance.random() < 0.1:
                out.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the end is a reset


def udp(served: Served, chance: random.Random) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(20):
            out.sendto(
                junk(chance)[:60_000] if chance.random() < 0.95 else b"", ("127.0.0.1", served.port("syslog_udp"))
            )
    time.sleep(0.001)


BODIES = {
    "/logs": b'{"message": "m", "n": 1}\n{"message": "m", "n": 2}\n',
    "/_bulk": b'{"index":{"_index":"logs","_id":"1"}}\n{"message":"m"}\n{"create":{}}\n{"message":"m"}\n',
    "/logs/_bulk": b'{"create":{"_id":"x"}}\n{"message":"m"}\n{"delete":{"_id":"x"}}\n',
    "/logs/_doc": b'{"message":"m"}',
    "/services/collector/event": b'{"event":"m","time":1700000000.5,"fields":{"a":"b"}}{"event":{"a":[1]}}',
    "/services/collector/raw": b"a line\nanother\n",
    "/services/collector/ack": b'{"acks":[1]}',
    "/_cluster/health": b"",
    "/": b"",
}
HEADERS = {
    "content-type": ["application/json", "application/x-ndjson", "text/plain", "a/b; charset=utf-16", "\xff"],
    "content-encoding": ["gzip", "deflate", "zstd", "gzip, gzip", "br", "identity", ""],
    "x-splunk-request-channel": ["1", "0d3ac3d6-2c1d-4f60-9a70-6e3a51c4a003"],
    "transfer-encoding": ["chunked", "gzip"],
    "content-length": ["0", "7", "-1", "99999999999", "1e3"],
    "expect": ["100-continue"],
    "authorization": ["Basic !!!", "Splunk x", "ApiKey AAAA", "Bearer ", "Bearer \xff"],
    "connection": ["close", "upgrade", "keep-alive"],
    "upgrade": ["websocket", "h2c"],
}
ROUTES = [
    "/events", "/sql", "/alerts", "/alerts/x", "/rules", "/rules/x", "/sources", "/health", "/metrics", "/senders",
    "/version", "/nowhere", "/openapi.json",
]  # fmt: skip
PARAMETERS = ["q", "limit", "cursor", "from", "to", "since", "until", "state", "rule", "level", "fields", "sort", "x"]
WORDS = [
    "*", "user.name : root", "(((((", "a : b and not", '"', "event.id : /x/", "now-24h", "-1", "0", "1e9", "9" * 30,
    "\0", "%00", "\u202e", "open", "SELECT 1", "SELECT * FROM events", "DROP TABLE events", "' OR 1=1 --", "{}", "null",
    "SELECT sleep(3)", "SELECT repeat('x', 100000000)", "source.ip : 10.0.0.0/99", "a" * 3000,
]  # fmt: skip


def request(chance: random.Random, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a request as bytes; now and then the head is damaged, too."""
    if chance.random() < 0.5:
        name = chance.choice(list(HEADERS))
        headers = {**headers, name: chance.choice(HEADERS[name])}
    if chance.random() < 0.8:
        headers = {"content-length": str(len(body)), **headers}
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n" + "".join(f"{key}: {headers[key]}\r\n" for key in headers)
    raw = head.encode("latin-1", "replace") + b"\r\n"
    return (mutated(chance, raw) if chance.random() < 0.2 else raw) + body


def packed(chance: random.Random, body: bytes) -> tuple[dict[str, str], bytes]:
    match chance.randrange(6):
        case 0:
            return {"content-encoding": "gzip"}, mutated(chance, gzip.compress(body))
        case 1:
            return {"content-encoding": "deflate"}, zlib.compress(body)
        case 2:
            return {"content-encoding": "gzip"}, gzip.compress(bytes(chance.randrange(1, 30) << 20))
        case _:
            return {}, body


def http(served: Served, chance: random.Random) -> None:
    path = chance.choice(list(BODIES))
    body = junk(chance) if chance.random() < 0.3 else mutated(chance, BODIES[path])
    headers, body = packed(chance, body)
    if chance.random() < 0.9:
        headers["authorization"] = f"Bearer {served.token('intake')}"
    if chance.random() < 0.1:
        path += "?" + "".join(chance.choices(string.printable.strip(), k=20))
    method = "POST" if chance.random() < 0.8 else chance.choice(["GET", "PUT", "DELETE", "OPTIONS", "BREW", "HEAD"])
    raw = junk(chance) if chance.random() < 0.1 else request(chance, method, path, headers, body)
    exchange(served.port("http"), raw, chance)


def api(served: Served, chance: random.Random) -> None:
    path = "/api/v1" + chance.choice(ROUTES)
    if chance.random() < 0.6:
        chosen = {chance.choice(PARAMETERS): chance.choice(WORDS) for _ in range(chance.randrange(1, 4))}
        path += "?" + str(httpx.QueryParams(chosen))
    body = b'{"sql": "SELECT count() FROM events", "state": "closed"}'
    body = junk(chance) if chance.random() < 0.2 else mutated(chance, body)
    headers = {"authorization": f"Bearer {served.token('admin')}"} if chance.random() < 0.9 else {}
    method = chance.choice(["GET", "GET", "GET", "POST", "PATCH", "DELETE", "HEAD"])
    raw = junk(chance) if chance.random() < 0.1 else request(chance, method, path, headers, body)
    exchange(served.port("api"), raw, chance)


def exchange(port: int, raw: bytes, chance: random.Random) -> None:
    """Send a request, with its answer read or not, and hang up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as out:
        out.sendall(raw)
        if chance.random() < 0.8:
            # Many a request never ends: it is the sender that gives up.
            out.settimeout(0.3)
            with suppress(TimeoutError):
                answer = out.recv(4096)
                assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:200]
                assert not answer.startswith(b"HTTP/1.1 500"), (raw, answer)


LISTENERS: dict[str, Callable[[Served, random.Random], None]] = {"tcp": tcp, "udp": udp, "http": http, "api": api}


@pytest.mark.timeout(300 + 2 * SECONDS)
@pytest.mark.parametrize("name", LISTENERS)
def test_anything_may_be_sent(name: str, served: Served):
    chance = random.Random(f"{SEED}-{name}")
    before, begun = memory(served), loading.starts(served)
    deadline, tries = time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        # A reset is an answer, too.
        with suppress(ConnectionError):
            LISTENERS[name](served, chance)
        tries += 1
    check_works(served, f"valid-{name}")
    growth = {part: size - before[part] for part, size in memory(served).items()}
    sys.stdout.write(
        f"\n{name}: {tries} tries; grown by MiB: { {part: size >> 20 for part, size in growth.items()} }\n"
    )
    assert all(size < GROWTH_BYTES[part] for part, size in growth.items()), growth
    assert loading.starts(served) == begun
    assert set(begun.values()) == {1}
    assert tries > 10


def check_works(served: Served, mark: str) -> None:
    """A valid record arrives by every way, and questions are answered."""
    until(lambda: read_vitals(served.data)["worker"].gauges["spool_backlog_bytes"] == 0, 120, "rubbish is worked off")
    with socket.create_connection(("127.0.0.1", served.port("syslog_tcp"))) as out:
        out.sendall(loading.line(f"{mark}-tcp", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(loading.line(f"{mark}-udp", 0), ("127.0.0.1", served.port("syslog_udp")))
    senders = [HttpSender.of(served, f"{mark}-{way.rpartition('/')[2]}", path=way) for way in loading.WAYS]
    for sender in senders:
        with httpx.Client(base_url=served.intake, auth=("", sender.token), timeout=30) as client:
            assert until(lambda sender=sender, client=client: sender.once(client))  # type: ignore[misc]
    for way in ("tcp", "udp"):
        until(lambda way=way: loading.numbers(served, f"{mark}-{way}") == [0], 60, f"the valid record over {way}")  # type: ignore[misc]
    loading.check_stored(served, senders)
    until(lambda: loading.health(served)["status"] == "ok")
