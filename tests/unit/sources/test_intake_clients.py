"""Clients that others wrote speak with the application as it is served: over a socket, by uvicorn."""

import contextlib
import logging
import socket
import threading

import elasticsearch
import elasticsearch.helpers
import pytest
import splunk_handler
import uvicorn

from tests.unit.sources.intake_gate import Server


@pytest.fixture
def served():
    """Serve the application in a thread; yield its state and port."""
    server = Server()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(server.app, log_level="critical", http="httptools", loop="asyncio", lifespan="off")
        started = threading.Event()

        class Noticed(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                started.set()

        running = Noticed(config)
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            assert started.wait(30)
            yield server, listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    "secret",
    [{"api_key": ("some-id", "open-sesame")}, {"basic_auth": ("me", "open-sesame")}, {"bearer_auth": "open-sesame"}],
)
def test_elasticsearchs_own_client(served, secret):
    server, port = served
    with elasticsearch.Elasticsearch(f"http://127.0.0.1:{port}", http_compress=True, **secret) as client:
        assert client.ping()
        assert client.info()["version"]["number"].startswith("8.")
        assert client.indices.exists(index="web")
        assert client.indices.put_index_template(name="web", index_patterns=["web*"])["acknowledged"]
        actions = [{"_index": "web", "_op_type": "create", "n": number} for number in range(1200)]
        assert elasticsearch.helpers.bulk(client, actions, chunk_size=500) == (1200, [])
        done, errors = elasticsearch.helpers.bulk(
            client,
            [{"_op_type": "delete", "_index": "web", "_id": "1"}, {"_index": "web", "n": 1}],
            raise_on_error=False,
        )
        assert (done, errors[0]["delete"]["status"]) == (1, 400)
        assert client.index(index="web", id="one", document={"n": 1})["result"] == "created"
        assert client.create(index="web", id="two", document={"n": 2})["_id"] == "two"
    assert len(server.gate.records) == 1203
    assert server.gate.frames[-1].ids is not None


def test_elasticsearchs_own_client_with_a_wrong_token(served):
    _, port = served
    with elasticsearch.Elasticsearch(f"http://127.0.0.1:{port}", bearer_auth="wrong") as client:
        with pytest.raises(elasticsearch.AuthenticationException):
            client.index(index="web", document={"n": 1})
        with pytest.raises(elasticsearch.AuthenticationException):
            client.info()


def test_elasticsearchs_own_client_when_it_is_full(served):
    server, port = served
    server.gate.full = True
    client = elasticsearch.Elasticsearch(f"http://127.0.0.1:{port}", bearer_auth="open-sesame", max_retries=0)
    with client, pytest.raises(elasticsearch.ApiError) as refused:
        client.index(index="web", document={"n": 1})
    assert refused.value.status_code == 429


def test_a_handler_of_pythons_logging_for_splunk(served):
    server, port = served
    handler = splunk_handler.SplunkHandler(
        "127.0.0.1", port, "open-sesame", "main", protocol="http", verify=True, flush_interval=0, sourcetype="app"
    )
    logger = logging.Logger("app")  # noqa: LOG001 - it leaves no trace in other tests
    logger.addHandler(handler)
    try:
        logger.warning("user %s logged in", "alice")
        logger.error("and out")
    finally:
        handler.close()
        handler.session.close()
        splunk_handler.instances.remove(handler)
    assert [b"alice logged in" in record for record in server.gate.records] == [True, False]
    assert {frame.channel for frame in server.gate.frames} == {"http-hec"}


def test_a_body_is_only_sent_when_it_is_wanted(served):
    server, port = served
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sender:
        sender.settimeout(30)
        head = b"POST /logs HTTP/1.1\r\nHost: logs.example.com\r\nAuthorization: Bearer open-sesame\r\n"
        sender.sendall(head + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert sender.recv(1000).startswith(b"HTTP/1.1 100 ")
        sender.sendall(b"one")
        assert b"200 OK" in sender.recv(1000)
    assert server.gate.records == [b"one"]
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as sender:
        sender.settimeout(30)
        head = b"POST /logs HTTP/1.1\r\nHost: logs.example.com\r\nAuthorization: Bearer wrong\r\n"
        sender.sendall(head + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert sender.recv(1000).startswith(b"HTTP/1.1 401 ")
