"""Messages → the bytes of a file of Apple's system log, as its library writes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    number: int
    seconds: int
    text: str
    nanos: int = 0
    level: int = 5
    pid: int = 1
    host: str = "mac1"
    sender: str = "sshd"
    facility: str = "auth"
    more: Mapping[str, str] = field(default_factory=dict)


def asl_file(messages: Sequence[Message]) -> bytes:
    """Return a file; texts of up to seven bytes stand in the place of their place."""
    data = bytearray(b"ASL DB\0\0\0\0\0\0" + struct.pack(">IQ", 2, 0))
    data += bytes(80 - len(data))
    link = 16
    for one in messages:
        texts = (one.host, one.sender, one.facility, one.text, "", "")
        places = [_placed(data, text) for text in (*texts, *(part for pair in one.more.items() for part in pair))]
        begin = len(data)
        struct.pack_into(">Q", data, link, begin)
        link = begin + 6
        body = struct.pack(">QQQI", 0, one.number, one.seconds, one.nanos)
        body += struct.pack(">HHiiiiiiI", one.level, 0, one.pid, 0, 0, -1, 80, 0, 2 * len(one.more))
        body += struct.pack(f">{len(places)}Q", *places) + struct.pack(">Q", 0)
        data += struct.pack(">HI", 0, len(body)) + body
    return bytes(data)


def _placed(data: bytearray, text: str) -> int:
    raw = text.encode()
    if not raw:
        return 0
    if len(raw) <= 7:
        return int.from_bytes(bytes([0x80 | len(raw)]) + raw.ljust(7, b"\0"), "big")
    place = len(data)
    data += struct.pack(">HI", 1, len(raw) + 1) + raw + b"\0"
    return place
