"""Messages between the store's process and its clients: a small header and a body ↔ bytes on a local socket.

A message is 4 bytes length of the header, 8 bytes length of the body (little-endian), the header as JSON, the body
(an Arrow IPC stream or nothing). Requests and answers alternate on one connection.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_LENGTHS: Final = struct.Struct("<IQ")
_MAX_HEADER: Final = 64 * 1024 * 1024
_MAX_BODY: Final = 16 * 1024**3
_KEPT_BODY: Final = 256 * 1024**2

Body = bytes | bytearray | memoryview
Pieces = Sequence[memoryview]
"""A body to send, in pieces that stand one after the other: nothing is copied to put them together."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request or answer."""

    header: dict[str, Any]
    body: Body = b""


def send(connection: socket.socket, header: Mapping[str, Any], body: Pieces = ()) -> None:
    """Write one message. Raises OSError where the other side is gone."""
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    connection.sendall(_LENGTHS.pack(len(text), sum(piece.nbytes for piece in body)) + text)
    for piece in body:
        connection.sendall(piece)


class Inbox:
    """Reads messages into a buffer that is used again: a body is good until the next message is read."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def receive(self) -> Message | None:
        """Read one message; see `receive`."""
        return receive(self._connection, self._room)

    def _room(self, size: int) -> memoryview:
        if size > _KEPT_BODY:
            return memoryview(bytearray(size))
        if size > len(self._buffer):
            self._buffer = bytearray(size)
        return memoryview(self._buffer)[:size]


def receive(connection: socket.socket, room: Callable[[int], memoryview] | None = None) -> Message | None:
    """Read one message; None where the other side ended between messages. Raises ConnectionError inside one.

    `room` gives the memory for a body of so many bytes.
    """
    head = memoryview(bytearray(_LENGTHS.size))
    if not _fill(connection, head, may_end=True):
        return None
    header_bytes, body_bytes = _LENGTHS.unpack(head)
    if header_bytes > _MAX_HEADER or body_bytes > _MAX_BODY:
        message = "not a message of the store"
        raise ConnectionError(message)
    text = memoryview(bytearray(header_bytes))
    _fill(connection, text)
    body = memoryview(bytearray(body_bytes)) if room is None else room(body_bytes)
    _fill(connection, body)
    return Message(json.loads(bytes(text).decode("utf-8", "surrogatepass")), body)


def _fill(connection: socket.socket, view: memoryview, *, may_end: bool = False) -> bool:
    done = 0
    while done < len(view):
        got = connection.recv_into(view[done:])
        if not got:
            if may_end and not done:
                return False
            message = "the other side ended in the middle of a message"
            raise ConnectionError(message)
        done += got
    return True
