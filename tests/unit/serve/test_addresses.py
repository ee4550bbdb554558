"""Addresses as settings write them: read, bound, and refused with a sentence that names the setting."""

from __future__ import annotations

import socket

import pytest

from miharu.core.errors import OperatorError
from miharu.serve.addresses import bound_address, split_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8601", ("127.0.0.1", 8601)),
        ("[::1]:514", ("::1", 514)),
        ("[2001:db8::1]:0", ("2001:db8::1", 0)),
        ("log.example.com:65535", ("log.example.com", 65535)),
        ("*:514", ("*", 514)),
    ],
)
def test_host_and_port(text: str, expected: tuple[str, int]):
    assert split_address("http_address", text) == expected


@pytest.mark.parametrize("text", ["", "8601", ":8601", "host", "host:", "host:http", "host:-1", "host:65536", "h:٣"])
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(OperatorError, match=r"'http_address'.*write host:port"):
        split_address("http_address", text)


def test_a_free_port_is_bound_and_listens():
    with bound_address("http_address", "127.0.0.1:0") as listener:
        place = listener.getsockname()
        with socket.create_connection(place, timeout=5):
            peer, _ = listener.accept()
            peer.close()
        with pytest.raises(OperatorError, match=r"cannot listen on .*; free the address or set another http_address"):
            bound_address("http_address", f"127.0.0.1:{place[1]}")


@pytest.mark.parametrize("text", ["192.0.2.1:8601", "no-such-host.invalid:80"])
def test_an_address_of_somebody_else_is_refused(text: str):
    with pytest.raises(OperatorError, match="http_address"):
        bound_address("http_address", text)
