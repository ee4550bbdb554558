"""Splunk's HTTP Event Collector: events, raw lines, channels, and the codes by which senders know what happened."""

import base64
import json

import pytest

from tests.unit.sources.intake_gate import Server

EVENT = "/services/collector/event"


@pytest.mark.parametrize("path", ["/services/collector", EVENT, EVENT + "/1.0"])
def test_the_envelope_is_the_record(path):
    server = Server()
    body = b'{"time":1714557600.5,"host":"h","event":"one"}{"event":{"a":"}{"}}\n\n {"event":[3]}'
    answer = server.ask("POST", path, body, authorization="Splunk open-sesame")
    assert (answer.status_code, answer.json()) == (200, {"text": "Success", "code": 0})
    assert server.gate.records == [
        b'{"time":1714557600.5,"host":"h","event":"one"}',
        b'{"event":{"a":"}{"}}',
        b'{"event":[3]}',
    ]
    (frame,) = server.gate.frames
    assert (frame.format, frame.channel) == ("json", "http-hec")
    again = server.ask("POST", path, body, authorization="Splunk open-sesame")
    assert again.json() == answer.json()
    assert len(server.gate.frames) == 1


@pytest.mark.parametrize("path", ["/services/collector/raw", "/services/collector/raw/1.0"])
def test_raw_bodies_are_lines(path):
    server = Server()
    answer = server.ask("POST", path + "?channel=c1", b"one\r\ntwo\n\n", authorization="Splunk open-sesame")
    content = answer.json()
    assert (content["text"], content["code"], isinstance(content["ackId"], int)) == ("Success", 0, True)
    assert server.gate.records == [b"one", b"two"]
    assert server.gate.frames[0].format == "lines"


def test_acknowledgements_are_true_because_answers_come_after_the_disk():
    server = Server()
    sent = server.ask("POST", EVENT, b'{"event":1}', x_splunk_request_channel="c1").json()
    again = server.ask("POST", EVENT, b'{"event":1}', x_splunk_request_channel="c1").json()
    assert sent["ackId"] == again["ackId"] < 2**53
    asked = json.dumps({"acks": [sent["ackId"], 3]}).encode()
    answer = server.ask("POST", "/services/collector/ack?channel=c1", asked)
    assert answer.json() == {"acks": {str(sent["ackId"]): True, "3": True}}
    assert server.ask("POST", "/services/collector/ack", asked).json()["code"] == 10
    assert server.ask("POST", "/services/collector/ack?channel=c1", b"[]").json()["code"] == 6
    assert server.ask("POST", "/services/collector/ack?channel=c1", asked, authorization="").json()["code"] == 2
    assert server.ask("POST", "/services/collector/ack?channel=c1", b"[" + b"1," * 600_000).status_code == 413


@pytest.mark.parametrize(
    ("body", "status", "code", "number"),
    [
        (b"", 400, 5, None),
        (b" \n", 400, 5, None),
        (b"[]", 400, 5, None),
        (b"plain", 400, 6, None),
        (b'{"event":1}{"event":', 400, 6, None),
        (b'{"event":1} junk', 400, 6, None),
        (b'{"event":1}{"event" 2}', 400, 6, 1),
        (b'{"event":1}[3]', 400, 6, 1),
        (b'{"event":1}{"other":2}', 400, 12, 1),
        (b'{"event":null}', 400, 12, 0),
        (b'{"event":1}{"event":2}{"event":""}', 400, 13, 2),
    ],
)
def test_what_cannot_be_taken_has_splunks_code_and_nothing_is_kept(body, status, code, number):
    server = Server()
    answer = server.ask("POST", EVENT, body)
    content = answer.json()
    assert (answer.status_code, content["code"], content.get("invalid-event-number")) == (status, code, number)
    assert content["text"]
    assert content["detail"]
    assert server.gate.asked == 0
    assert server.counts.totals()["refused"] == 1


def test_an_empty_raw_body_is_no_data():
    assert Server().ask("POST", "/services/collector/raw", b"\n\n").json()["code"] == 5


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ("", 401, 2),
        ("Digest x", 401, 3),
        ("Basic ???", 401, 3),
        ("Splunk wrong", 403, 4),
        ("Basic " + base64.b64encode(b"x:wrong").decode(), 403, 4),
    ],
)
def test_tokens_have_splunks_codes(header, status, code):
    answer = Server().ask("POST", EVENT, b'{"event":1}', authorization=header)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_busy_server_says_so():
    server = Server(body=1000)
    server.gate.crowded = True
    assert server.ask("GET", "/services/collector/health", authorization="").status_code == 503
    answer = server.ask("POST", EVENT, b'{"event":1}')
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, 9, "1")
    server.gate.crowded = False
    assert server.ask("GET", "/services/collector/health/1.0", authorization="").json()["code"] == 17
    assert server.ask("POST", EVENT, b'{"event":"%b"}' % (b"x" * 1000)).status_code == 413
    server.gate.full = True
    assert server.ask("POST", EVENT, b'{"event":1}').json()["code"] == 9
