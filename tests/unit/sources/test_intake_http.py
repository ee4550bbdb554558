"""`/logs`, tokens, limits, retries: what every request over HTTP meets."""

import asyncio
import base64
import gzip
import json
import random
import zlib

import pytest
import zstandard

from miharu.core.identity import hash_parts
from miharu.sources import IntakeFullError, SenderCounts
from tests.unit.sources.intake_gate import BEARER, Server, until


@pytest.mark.parametrize(
    ("body", "kind", "format_", "expected"),
    [
        (b'{"a":1}\n{"b":2}\n', "", "json", [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}{"b":2} {"c":3}', "", "json", [b'{"a":1}', b'{"b":2}', b'{"c":3}']),
        (b'{"a":1}{"b":2}\n{"c":3}{"d":4}\n', "", "json", [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}']),
        (b'[{"a":1}, {"b":2}]', "application/json", "json", [b'{"a":1}', b'{"b":2}']),
        (b'\xef\xbb\xbf{\n "a": 1\n}\n', "", "json", [b'{\n "a": 1\n}']),
        (b'{"a":1}\n{"b" broken}\n{"c":"\n', "", "lines", [b'{"a":1}', b'{"b" broken}', b'{"c":"']),
        (
            b'{"a":1}\n{"b":"unclosed}\n{"c":3}\n',
            "application/x-ndjson",
            "json",
            [b'{"a":1}', b'{"b":"unclosed}', b'{"c":3}'],
        ),
        (b"one\ntwo\r\n\n three", "", "lines", [b"one", b"two", b" three"]),
        (b'{"a":1}\n{"b":2}\n', "text/plain; charset=utf-8", "lines", [b'{"a":1}', b'{"b":2}']),
        (b"[main] INFO started\n[main] INFO ended\n", "", "lines", [b"[main] INFO started", b"[main] INFO ended"]),
        (b"\xff\xfe\x00\n", "", "lines", [b"\xff\xfe\x00"]),
    ],
)
def test_a_body_is_cut_into_records(body, kind, format_, expected):
    server = Server()
    answer = server.ask("POST", "/logs", body, content_type=kind)
    assert (answer.status_code, answer.json()) == (200, {"accepted": len(expected), "repeated": False})
    (frame,) = server.gate.frames
    assert server.gate.records == expected
    assert (frame.format, frame.channel, frame.sender, frame.first) == (format_, "http-json", "192.0.2.7", 0)
    assert frame.received == server.clock.now
    received = int(frame.received.timestamp()) * 10**9
    assert frame.key == hash_parts(frame.digest, str(received))
    assert (len(frame.key), len(frame.digest)) == (32, 32)


@pytest.mark.parametrize("path", ["/logs/json", "/logs"])
def test_what_was_announced_as_json_and_is_none_is_refused_with_its_place(path):
    server = Server()
    answer = server.ask("POST", path, b'{"a":1}\nplain text\n', content_type="application/json")
    assert answer.status_code == 400
    assert "byte 8" in answer.json()["error"]
    assert "text/plain" in answer.json()["error"]
    assert server.gate.frames == []
    assert server.counts.totals()["refused"] == 1


def test_an_empty_body_is_no_records():
    server = Server()
    assert server.ask("POST", "/logs", b" \n").json() == {"accepted": 0, "repeated": False}
    assert server.gate.frames == []
    assert server.ask("POST", "/logs", b"[]").json() == {"accepted": 0, "repeated": False}


@pytest.mark.parametrize(
    "header",
    [
        "Bearer open-sesame",
        "bearer  open-sesame ",
        "Splunk open-sesame",
        "Basic " + base64.b64encode(b"anybody:open-sesame").decode(),
        "ApiKey " + base64.b64encode(b"some-id:open-sesame").decode(),
    ],
)
def test_a_token_is_taken_as_agents_send_it(header):
    assert Server().ask("POST", "/logs", b"x", authorization=header).status_code == 200


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Bearer wrong", "unknown"),
        ("", "send a token"),
        ("Digest abc", "'Digest'"),
        ("Basic !!!", "not Base64"),
        ("ApiKey " + base64.b64encode(b"nocolon").decode(), "before a colon"),
        ("ApiKey " + base64.b64encode(b"\xff\xfe:x").decode(), "not Base64"),
    ],
)
def test_a_wrong_token_is_refused_and_counted(header, said):
    server = Server()
    answer = server.ask("POST", "/logs", b"x", authorization=header)
    assert answer.status_code == 401
    assert said in answer.json()["error"]
    assert "Bearer" in answer.headers["www-authenticate"]
    (count,) = server.counts.snapshot()
    assert (count["sender"], count["refused"], count["records"]) == ("192.0.2.7", 1, 0)
    assert server.gate.asked == 0


def test_health_needs_no_token_and_unknown_paths_say_where_to_go():
    server = Server()
    assert server.ask("GET", "/health", authorization="").json() == {"status": "ok", "crowded": False}
    for path in ("/nowhere/at/all", "/single", "/_unknown"):
        answer = server.ask("GET", path)
        assert answer.status_code == 404
        assert "POST /logs" in answer.json()["error"]["reason"]
    answer = server.ask("GET", "/logs")
    assert (answer.status_code, "nothing at GET /logs; send logs to POST /logs" in answer.text) == (404, True)
    answer = server.ask("GET", "/services/collector/event")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "POST" in answer.json()["error"]["reason"]


ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


@pytest.mark.parametrize("encoding", ENCODERS)
def test_bodies_may_be_compressed(encoding):
    server = Server()
    lines = b"".join(b"line %d\n" % number for number in range(5000))
    packed = ENCODERS[encoding](lines)
    assert server.ask("POST", "/logs", packed, content_encoding=encoding).json()["accepted"] == 5000
    assert server.gate.records == lines.splitlines()
    assert server.counts.totals()["bytes"] == len(packed)


def test_odd_compressions_are_understood_too():
    bare = zlib.compressobj(wbits=-15)
    one, two = b"one\n" * 50_000, b"two\n" * 50_000
    bodies = [
        ("deflate", bare.compress(one + two) + bare.flush()),
        ("gzip", gzip.compress(one) + gzip.compress(two) + b"\0" * 512),
        ("zstd", ENCODERS["zstd"](one) + ENCODERS["zstd"](two)),
        ("deflate, gzip", gzip.compress(zlib.compress(one + two))),
    ]
    for encoding, body in bodies:
        server = Server()
        assert server.ask("POST", "/logs", body, content_encoding=encoding).json()["accepted"] == 100_000
        assert server.gate.frames[0].data == b"one" * 50_000 + b"two" * 50_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_refused_without_unpacking_it(encoding):
    server = Server(body=100_000)
    answer = server.ask("POST", "/logs", ENCODERS[encoding](b"\n" * 60_000_000), content_encoding=encoding)
    assert answer.status_code == 413
    assert "100000 bytes" in answer.json()["error"]
    assert server.gate.asked == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_broken_compression_is_refused(encoding):
    packed = ENCODERS[encoding](b"some lines\n" * 100)
    for body in (packed[:-6], b"garbage that is nothing", packed[: len(packed) // 2]):
        server = Server()
        answer = server.ask("POST", "/logs", body, content_encoding=encoding)
        assert (answer.status_code, server.gate.asked) == (400, 0)
        assert "Content-Encoding" in answer.json()["error"]


def test_thousands_of_tiny_streams_are_refused():
    answer = Server().ask("POST", "/logs", gzip.compress(b"") * 5000, content_encoding="gzip")
    assert (answer.status_code, "1000 compressed streams" in answer.text) == (400, True)


@pytest.mark.parametrize("encoding", ["br", "snappy", "gzip, gzip, gzip"])
def test_an_unknown_encoding_is_refused(encoding):
    answer = Server().ask("POST", "/logs", b"x", content_encoding=encoding)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate, zstd")


async def call(app, messages, headers=(), path="/logs"):
    """Speak ASGI to the application; return the status."""
    sent = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer open-sesame"), *headers],
        "client": ("192.0.2.7", 1),
        "server": ("logs.example.com", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }

    async def send(message):
        sent.append(message)

    await app(scope, messages, send)
    return sent[0]["status"]


def test_a_body_that_goes_on_and_on_is_cut_off():
    server, given = Server(body=10_000), []

    async def endless():
        given.append(1000)
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    assert asyncio.run(call(server.app, endless)) == 413
    assert len(given) == 11


def test_a_body_announced_too_long_is_not_read():
    async def never():
        raise AssertionError

    assert asyncio.run(call(Server(body=10_000).app, never, [(b"content-length", b"10001")])) == 413


def test_a_body_that_never_ends_costs_bounded_time():
    server = Server(seconds=0.05)

    async def slow():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert asyncio.run(call(server.app, slow)) == 408


def test_a_sender_that_hangs_up_leaves_nothing():
    server = Server()

    async def gone():
        return {"type": "http.disconnect"}

    asyncio.run(call(server.app, gone))
    assert server.gate.asked == 0
    assert server.counts.totals()["refused"] == 1


def test_all_bodies_together_have_bounded_memory_and_give_it_back():
    server = Server(memory=10_000, body=5_000)
    go_on = asyncio.Event()

    async def scenario():
        def half():
            parts = iter([b"x" * 4000, b""])

            async def receive():
                part = next(parts)
                if not part:
                    await go_on.wait()
                return {"type": "http.request", "body": part, "more_body": bool(part)}

            return receive

        waiting = [asyncio.create_task(call(server.app, half())) for _ in range(2)]
        await asyncio.sleep(0)
        async with server.client() as client:
            refused = await client.post("/logs", content=b"y" * 4000)
            go_on.set()
            done = await asyncio.gather(*waiting)
            after = await client.post("/logs", content=b"z" * 5000)
        return refused, done, after

    refused, done, after = asyncio.run(scenario())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert done == [200, 200]
    assert after.status_code == 200


def test_one_request_always_has_room_for_its_body_twice():
    server = Server(memory=1, body=100_000)
    lines = b"line of text\n" * 7_692
    assert server.ask("POST", "/logs", lines, content_encoding="identity").json()["accepted"] == 7_692


def test_a_record_beyond_the_limit_is_refused_by_its_number():
    answer = Server(record=100).ask("POST", "/logs", b"short\n" + b"x" * 101 + b"\n")
    assert (answer.status_code, "record 1 " in answer.json()["error"]) == (413, True)


def test_a_crowded_or_full_gate_is_said_to_the_sender():
    server = Server()
    server.gate.crowded = True
    answer = server.ask("POST", "/logs", b"x")
    assert (answer.status_code, answer.headers["retry-after"], server.gate.asked) == (429, "1", 0)
    server.gate.crowded, server.gate.full = False, True
    answer = server.ask("POST", "/logs", b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "make room" in answer.json()["error"]
    server.gate.full = False
    assert server.ask("POST", "/logs", b"x").json() == {"accepted": 1, "repeated": False}
    assert server.counts.totals()["refused"] == 2


def test_a_big_body_does_not_stop_the_loop_and_is_taken_whole():
    server = Server()
    body = b"".join(json.dumps({"n": number, "text": "x" * 80}).encode() + b"\n" for number in range(40_000))
    answer = server.ask("POST", "/logs", gzip.compress(body, 1), content_encoding="gzip")
    assert answer.json()["accepted"] == 40_000
    assert server.gate.records == body.splitlines()


# -- retries ---------------------------------------------------------------------------------------
def test_a_request_is_answered_only_when_it_is_durable():
    server = Server()
    server.gate.held = True

    async def scenario():
        async with server.client() as client:
            request = asyncio.create_task(client.post("/logs", content=b"x"))
            await until(lambda: server.gate.waiting == 1)
            for _ in range(20):
                await asyncio.sleep(0)
            early = request.done()
            server.gate.let_go()
            return early, await request

    early, answer = asyncio.run(scenario())
    assert not early
    assert answer.status_code == 200


def test_the_same_request_again_is_not_written_again():
    server = Server()
    first = server.ask("POST", "/logs", b"one\ntwo")
    again = server.ask("POST", "/logs", b"one\ntwo")
    assert first.json() == {"accepted": 2, "repeated": False}
    assert again.json() == {"accepted": 2, "repeated": True}
    assert len(server.gate.frames) == 1
    assert server.counts.totals()["repeated"] == 1
    for differing in (
        server.ask("POST", "/logs", b"one\ntwo\n"),
        server.ask("POST", "/logs?a=1", b"one\ntwo"),
        server.ask("POST", "/logs/json", b"one\ntwo"),
        server.ask("POST", "/logs", b"one\ntwo", authorization="Bearer other-token"),
    ):
        assert differing.json()["repeated"] is False
    server.clock.forward(minutes=10, seconds=1)
    assert server.ask("POST", "/logs", b"one\ntwo").json()["repeated"] is False
    assert len({frame.key for frame in server.gate.frames}) == 6


def test_another_sender_is_another_request():
    server = Server()

    async def scenario():
        for sender in ("192.0.2.7", "192.0.2.8", "::ffff:192.0.2.8"):
            async with server.client(sender) as client:
                yield (await client.post("/logs", content=b"x")).json()["repeated"]

    async def collect():
        return [repeated async for repeated in scenario()]

    assert asyncio.run(collect()) == [False, False, True]


def test_a_retry_while_the_first_is_under_way_waits_for_it():
    server = Server()
    server.gate.held = True

    async def scenario(error):
        async with server.client() as client:
            requests = [asyncio.create_task(client.post("/logs", content=b"x")) for _ in range(4)]
            await until(lambda: server.gate.waiting == 1)
            for _ in range(50):
                await asyncio.sleep(0)
            assert server.gate.asked == 1
            server.gate.let_go(error)
            if error:
                await until(lambda: server.gate.waiting == 1)
                server.gate.let_go()
            return [await request for request in requests]

    answers = asyncio.run(scenario(None))
    assert sorted(answer.json()["repeated"] for answer in answers) == [False, True, True, True]
    server.clock.forward(hours=1)
    server.gate.asked = 0
    answers = asyncio.run(scenario(IntakeFullError("full")))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429]
    assert server.gate.asked == 2
    assert len(server.gate.frames) == 2


def test_a_request_that_was_called_off_can_be_sent_again():
    server = Server()

    async def scenario():
        never = asyncio.Event()

        async def stuck():
            await never.wait()

        task = asyncio.create_task(call(server.app, stuck))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with server.client() as client:
            return await client.post("/logs", content=b"x")

    assert asyncio.run(scenario()).json() == {"accepted": 1, "repeated": False}


def test_what_was_durable_before_a_restart_is_known():
    before = Server()
    before.ask("POST", "/logs", b"x")
    (frame,) = before.gate.frames
    after = Server()
    after.repeats.load([(frame.digest, frame.key, frame.received)])
    assert after.ask("POST", "/logs", b"x").json() == {"accepted": 1, "repeated": True}
    assert after.gate.frames == []


def test_counts_are_bounded():
    counts = SenderCounts(limit=3)
    for number in range(10):
        counts.of("syslog-udp", f"192.0.2.{number}").records += 1
    assert {count["sender"]: count["records"] for count in counts.snapshot()} == {
        "192.0.2.0": 1,
        "192.0.2.1": 1,
        "192.0.2.2": 1,
        "other": 7,
    }
    assert counts.totals()["records"] == counts.by_channel()["syslog-udp"]["records"] == 10


@pytest.mark.parametrize("path", ["/logs", "/_bulk", "/services/collector", "/services/collector/raw", "/x/_doc"])
@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_get_an_answer(path, seed):
    chance, server = random.Random(seed), Server()

    async def scenario():
        async with server.client(headers=BEARER) as client:
            for _ in range(60):
                pieces = [
                    b'{"index":{"_index":"x"}}\n',
                    b'{"a":1}\n',
                    b'{"event":1}',
                    b"\n",
                    chance.randbytes(9),
                    b'{"',
                ]
                body = b"".join(chance.choices(pieces, k=chance.randrange(8)))
                packed = chance.choice(["", "", "gzip", "zstd"])
                answer = await client.post(path, content=body, headers={"content-encoding": packed})
                yield answer.status_code
                assert answer.json() is not None

    async def collect():
        return {status async for status in scenario()}

    statuses = asyncio.run(collect())
    assert statuses <= {200, 201, 400}
    assert 400 in statuses or path in ("/logs", "/services/collector/raw")
