"""Messages between the store's process and its clients: a small header and a body ↔ bytes on a local socket.

A message is 4 bytes length of the header, 8 bytes length of the body (little-endian), the header as JSON, the body
(an Arrow IPC stream or nothing). Requests and answers alternate on one connection.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_LENGTHS: Final = struct.Struct("<IQ")
_MAX_HEADER: Final = 64 * 1024 * 1024
_MAX_BODY: Final = 16 * 1024**3

Body = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer."""

    header: dict[str, Any]
    body: Body = b""


def send(connection: socket.socket, header: Mapping[str, Any], body: Body = b"") -> None:
    """Write one message. Raises OSError where the other side is gone."""
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    connection.sendall(_LENGTHS.pack(len(text), len(body)) + text)
    if len(body):
        connection.sendall(body)


def receive(connection: socket.socket) -> Message | None:
    """Read one message; None where the other side ended between messages. Raises ConnectionError inside one."""
    head = _exactly(connection, _LENGTHS.size, may_end=True)
    if head is None:
        return None
    header_bytes, body_bytes = _LENGTHS.unpack(head)
    if header_bytes > _MAX_HEADER or body_bytes > _MAX_BODY:
        message = "not a message of the store"
        raise ConnectionError(message)
    text = _exactly(connection, header_bytes)
    body = _exactly(connection, body_bytes) if body_bytes else b""
    header = json.loads(bytes(text or b"").decode("utf-8", "surrogatepass"))
    return Message(header, body or b"")


def _exactly(connection: socket.socket, size: int, *, may_end: bool = False) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        got = connection.recv_into(view[done:])
        if not got:
            if may_end and not done:
                return None
            message = "the other side ended in the middle of a message"
            raise ConnectionError(message)
        done += got
    return data
