"""Elasticsearch's API: what agents send and ask, answered as they expect."""

import asyncio
import base64
import json
import random

import numpy as np
import pytest

from miharu.core.identity import hash_parts, record_ids
from miharu.sources.intake.bulk import answer_items, cut_bulk
from miharu.sources.intake.refusal import Refusal
from tests.unit.sources.intake_gate import Server

CREATE = b'{"create":{"_index":"web"}}\n'


def bulk(*parts, end=b"\n"):
    return b"\n".join(parts) + end


def test_every_action_has_an_item_in_order():
    server = Server()
    body = bulk(
        b'{"create":{"_index":"web"}}',
        b'{"n":1}',
        b'{"index":{"_index":"web","_id":"a1","_type":"_doc","routing":"r"}}',
        b'{"n":2}',
        b"",
        b'{"delete":{"_index":"web","_id":"a1"}}',
        b'{"update":{"_index":"web","_id":7}}',
        b'{"doc":{"n":3}}',
        b'{"create":{"_index":"b\\u00fccher"}}\r',
        b'{"n":4}\r',
        b'{"create":{"_index":"web"}}',
        b'{"n":',
        b'{"create":{"_index":"web"}}',
        b"[1]",
        b'{"index":{"_index":"web"}}',
        b' {"n":5}',
    )
    answer = server.ask("POST", "/_bulk", body, content_type="application/x-ndjson")
    assert answer.status_code == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    content = answer.json()
    assert content["errors"] is True
    assert content["took"] >= 0
    items = [next(iter(item.items())) for item in content["items"]]
    assert [(operation, item["status"]) for operation, item in items] == [
        ("create", 201),
        ("index", 201),
        ("delete", 400),
        ("update", 400),
        ("create", 201),
        ("create", 400),
        ("create", 400),
        ("index", 201),
    ]
    assert [item["_index"] for _, item in items][4] == "bücher"
    assert [item["_id"] for _, item in items][1:4] == ["a1", "a1", "7"]
    assert "never changed or deleted" in items[2][1]["error"]["reason"]
    assert items[5][1]["error"]["type"] == "mapper_parsing_exception"
    assert "not a JSON object" in items[6][1]["error"]["reason"]
    assert all(item["result"] == "created" for _, item in items if item["status"] == 201)
    (frame,) = server.gate.frames
    assert server.gate.records == [b'{"n":1}', b'{"n":2}', b'{"n":4}', b' {"n":5}']
    assert frame.ids == (None, hash_parts("_id", "web", "a1"), None, None)
    assert (frame.format, frame.channel) == ("json", "http-bulk")
    made = record_ids(frame.key, np.arange(4, dtype="u8")).to_list()
    assert [items[at][1]["_id"] for at in (0, 4, 7)] == [made[0], made[2], made[3]]
    totals = server.counts.totals()
    assert (totals["records"], totals["refused"]) == (4, 4)


def test_a_repeated_request_is_answered_as_the_first_was():
    server = Server()
    body = bulk(b'{"create":{}}', b'{"n":1}', b'{"delete":{"_id":"x"}}')
    one, two = (server.ask("POST", "/web/_bulk", body).json() for _ in range(2))
    assert one["items"] == two["items"]
    assert one["items"][0]["create"]["_index"] == "web"
    assert len(server.gate.frames) == 1
    assert server.counts.totals()["repeated"] == 1


@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_last_line_end_may_be_missing(end):
    server = Server()
    assert server.ask("PUT", "/web/_bulk", bulk(b'{"index":{}}', b'{"n":1}', end=end)).json()["errors"] is False
    assert server.gate.records == [b'{"n":1}']
    assert server.gate.frames[0].ids is None


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (CREATE + b'{"n":1}\n{"make":{}}\n{"n":2}\n', 3),
        (CREATE + b'{"n":1}\nnot json\n', 3),
        (b'{"create":{"_index":"web"}\n{"n":1}\n', 1),
        (b'{"create":{}}\n{"n":1}\n', 1),
        (b'{"create":{"_index":"a"},"index":{"_index":"a"}}\n{"n":1}\n', 1),
        (b"[]\n{}\n", 1),
        (CREATE + b'{"n":1}\n\n\n' + CREATE.strip(), 5),
        (b'{"create":{"_index":5}}\n{"n":1}\n', 1),
    ],
)
def test_an_action_that_cannot_be_read_is_named_and_nothing_is_kept(body, line):
    server = Server()
    answer = server.ask("POST", "/_bulk", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == error["root_cause"][0]["type"] == "illegal_argument_exception"
    assert f"line [{line}]" in error["reason"]
    assert server.gate.asked == 0


def test_an_empty_body_is_refused():
    answer = Server().ask("POST", "/_bulk", b"\n")
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "action_request_validation_exception")


def test_only_refused_items_are_answered_without_a_frame():
    server = Server()
    content = server.ask("POST", "/_bulk", b'{"delete":{"_index":"a","_id":"1"}}\n').json()
    assert (content["errors"], content["items"][0]["delete"]["status"]) == (True, 400)
    assert server.gate.asked == 0
    assert server.counts.totals()["refused"] == 1


@pytest.mark.parametrize(
    ("accept", "kind", "expected"),
    [
        ("*/*", "application/json", "application/json"),
        (
            "application/vnd.elasticsearch+json;compatible-with=9",
            "application/vnd.elasticsearch+x-ndjson;compatible-with=9",
            "application/vnd.elasticsearch+json;compatible-with=9",
        ),
        (
            "*/*",
            "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
            "application/vnd.elasticsearch+json;compatible-with=8",
        ),
    ],
)
def test_the_answer_speaks_the_senders_media_type(accept, kind, expected):
    answer = Server().ask("POST", "/_bulk", CREATE + b"{}", accept=accept, content_type=kind)
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/web/_doc", None),
        ("PUT", "/web/_doc/a%2Fb", "a/b"),
        ("POST", "/web/_doc/1", "1"),
        ("PUT", "/web/_create/1", "1"),
    ],
)
def test_one_document(method, path, operation):
    server = Server()
    answer = server.ask(method, path, b'{\n "n": 1\n}\n')
    assert answer.status_code == 201
    content = answer.json()
    assert (content["_index"], content["result"]) == ("web", "created")
    (frame,) = server.gate.frames
    assert server.gate.records == [b'{\n "n": 1\n}']
    if operation is None:
        assert (frame.ids, len(content["_id"])) == (None, 32)
    else:
        assert content["_id"] == operation
        assert frame.ids == (hash_parts("_id", "web", operation),)
    assert server.ask(method, path, b"{").status_code == 400
    assert len(server.gate.frames) == 1


def test_a_full_gate_is_a_rejected_execution():
    server = Server()
    server.gate.full = True
    answer = server.ask("POST", "/_bulk", CREATE + b"{}\n")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["type"] == "es_rejected_execution_exception"
    assert answer.json()["status"] == 429
    assert answer.headers["x-elastic-product"] == "Elasticsearch"


def test_a_wrong_token_is_a_security_exception():
    server = Server()
    wrong = "ApiKey " + base64.b64encode(b"id:wrong").decode()
    for method, path in (("POST", "/_bulk"), ("GET", "/"), ("PUT", "/_index_template/x"), ("GET", "/_license")):
        answer = server.ask(method, path, CREATE + b"{}\n", authorization=wrong)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "security_exception")
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
    assert server.counts.totals()["refused"] == 4


@pytest.mark.parametrize(
    ("method", "path", "holds"),
    [
        ("GET", "/", lambda content: content["version"]["number"].startswith("8.")),
        ("GET", "/_license", lambda content: content["license"]["status"] == "active"),
        ("GET", "/_xpack", lambda content: "features" in content),
        ("GET", "/_cluster/health", lambda content: content["status"] == "green"),
        (
            "GET",
            "/_nodes/http",
            lambda content: content["nodes"]["miharu"]["http"]["publish_address"] == "logs.example.com",
        ),
        ("GET", "/_index_template/my-%22logs%22", lambda content: content["index_templates"][0]["name"] == 'my-"logs"'),
        ("PUT", "/_index_template/logs", lambda content: content == {"acknowledged": True}),
        ("PUT", "/_template/logs", lambda content: content["acknowledged"]),
        ("GET", "/_ilm/policy/logs", lambda content: "policy" in content["logs"]),
        ("PUT", "/_ilm/policy/logs", lambda content: content["acknowledged"]),
        ("GET", "/_ingest/pipeline/p", lambda content: content["p"]["processors"] == []),
        ("PUT", "/_data_stream/logs-x", lambda content: content["acknowledged"]),
        ("GET", "/_data_stream/logs-x", lambda content: content["data_streams"][0]["name"] == "logs-x"),
        ("PUT", "/web-000001", lambda content: content["index"] == "web-000001"),
        ("HEAD", "/", None),
        ("HEAD", "/web", None),
        ("HEAD", "/_index_template/logs", None),
        ("HEAD", "/_template/logs", None),
    ],
)
def test_what_agents_ask_before_they_send(method, path, holds):
    answer = Server().ask(method, path, b"{}" if method == "PUT" else b"")
    assert answer.status_code == 200
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    if holds is not None:
        assert holds(answer.json())


def test_deep_nesting_is_answered_item_by_item():
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    content = Server().ask("POST", "/_bulk", CREATE + deep + b"\n" + CREATE + b"{}\n").json()
    assert [item["create"]["status"] for item in content["items"]] == [400, 201]


def test_more_actions_than_allowed_are_refused():
    server = Server(records=10)
    assert server.ask("POST", "/_bulk", (CREATE + b"{}\n") * 11).status_code == 413
    assert server.ask("POST", "/_bulk", (CREATE + b"{}\n") * 10).status_code == 200
    assert server.ask("POST", "/_bulk", b'{"delete":{"_index":"a","_id":"1"}}\n' * 11).status_code == 413


@pytest.mark.parametrize("seed", range(30))
def test_items_and_records_agree_for_any_body(seed):
    chance = random.Random(seed)
    lines = [
        b'{"create":{"_index":"a"}}',
        b'{"index":{"_index":"b","_id":"%d"}}' % seed,
        b'{"delete":{"_index":"a","_id":"1"}}',
        b'{"update":{"_index":"a","_id":"1"}}',
        b'{"n":1}',
        b'{"n":',
        b"",
        b"\xff\x00",
    ]
    weights = [8, 4, 1, 1, 8, 1, 1, 0.2]
    kinds = set()
    for _ in range(100):
        body = b"\n".join(chance.choices(lines, weights, k=chance.randrange(1, 12)))
        try:
            batch = cut_bulk(body, index=None, most=1000)
        except Refusal as refusal:
            kinds.add(refusal.kind)
            continue
        content = json.loads(answer_items(batch, "0" * 32, 0))
        done = [item for each in content["items"] for item in each.values() if item["status"] == 201]
        assert len(done) == batch.records
        assert len(content["items"]) - len(done) == batch.refused
        assert content["errors"] is (batch.refused > 0)
        assert batch.ids is None or [name is not None for name in batch.ids] == [len(i["_id"]) < 32 for i in done]
    assert kinds <= {"invalid", "no_data"}


def test_agents_find_the_product_on_every_answer_about_indices():
    server = Server()

    async def scenario():
        async with server.client() as client:
            return [
                (await client.request(method, path))
                for method, path in (("GET", "/x"), ("DELETE", "/_bulk"), ("GET", "/a/b"))
            ]

    for answer in asyncio.run(scenario()):
        assert answer.status_code in (404, 405)
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
