"""Requests → their bodies, whole and decompressed, within bounds of size, time and memory for all requests together."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import zstandard
from starlette.requests import Request

from miharu.sources.intake.refusal import Refusal

_KNOWN: Final = "gzip, deflate or zstd"
_WINDOW: Final = 1 << 27
"""The largest window of zstd that is granted memory (what its `--ultra` levels use)."""

_STREAMS: Final = 1000
"""Compressed streams that may follow one another in one body."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What requests may use.

    `body` is the longest body in bytes, also when it is decompressed, `record` the longest record in it; `seconds`
    the time a body may take to arrive; `memory` the bytes that all requests together may hold (at least two bodies);
    `records` the records of one request.
    """

    body: int = 32 << 20
    record: int = 64 << 20
    seconds: float = 60.0
    memory: int = 256 << 20
    records: int = 1_000_000


class Room:
    """The memory for bodies that are not done with."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """Lend a share of it, given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.used -= share.size

    def take(self, size: int) -> None:
        """Take memory, or refuse the request."""
        if self.used + size > self._limit:
            raise Refusal("busy", "too many requests are under way at once; send this one again in a moment")
        self.used += size


class Share:
    """The memory of one request."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def grow(self, size: int) -> None:
        """Take more memory."""
        self._room.take(size)
        self.size += size


async def read_body(request: Request, limit: int, seconds: float, share: Share) -> bytes:
    """Return the body as it was sent."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Refusal("gone", "the connection was closed before the body was complete; send it again")
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                share.grow(len(part))
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise Refusal("timeout", f"the body did not arrive within {seconds:g} seconds; send smaller requests") from None


def decompress(raw: bytes, encodings: str, limit: int) -> bytes:
    """Undo the encodings that the header `Content-Encoding` lists."""
    names = [name.strip().lower() for name in encodings.split(",") if name.strip()]
    if len(names) > 2:  # noqa: PLR2004 - nobody compresses what is compressed twice over
        raise Refusal("encoding", f"the body is encoded {len(names)} times; send it with one of {_KNOWN}")
    for name in reversed(names):
        try:
            raw = _decompress_one(raw, name, limit)
        except (zlib.error, zstandard.ZstdError, EOFError) as error:
            raise Refusal("invalid", f"the body is not what Content-Encoding says ({name}): {error}") from None
    return raw


def _decompress_one(raw: bytes, name: str, limit: int) -> bytes:
    if name in ("gzip", "x-gzip"):
        return _join(raw, limit, lambda: _Inflate(zlib.MAX_WBITS | 16))
    if name == "deflate":
        # With the header of zlib (RFC 9110, 8.4.1.2), or bare as some senders do; the header is told by its check bits.
        dressed = len(raw) > 1 and raw[0] & 0x0F == zlib.DEFLATED and int.from_bytes(raw[:2], "big") % 31 == 0
        return _join(raw, limit, lambda: _Inflate(zlib.MAX_WBITS if dressed else -zlib.MAX_WBITS))
    if name == "zstd":
        return _join(raw, limit, _Unzstd)
    if name == "identity":
        return raw
    raise Refusal("encoding", f"Content-Encoding {name[:40]!r} is unknown; send the body plain or with {_KNOWN}")


class _Stream(Protocol):
    """One compressed stream; `step` is how much of it may be fed at once so that what comes out stays bounded."""

    step: int

    def feed(self, block: bytes, most: int) -> bytes: ...
    def left_over(self) -> int | None:
        """Return how much of the last block lies behind the stream's end; None where that has not come."""


class _Inflate:
    def __init__(self, window: int) -> None:
        self.step = 1 << 16
        self._stream = zlib.decompressobj(window)

    def feed(self, block: bytes, most: int) -> bytes:
        return self._stream.decompress(block, most)

    def left_over(self) -> int | None:
        return len(self._stream.unused_data) if self._stream.eof else None


class _Unzstd:
    def __init__(self) -> None:
        # What comes out cannot be bounded here, but a block of it is 128 KiB at most and takes 4 bytes or more.
        self.step = 512
        self._stream = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def feed(self, block: bytes, most: int) -> bytes:
        del most
        return self._stream.decompress(block)

    def left_over(self) -> int | None:
        return len(self._stream.unused_data) if self._stream.eof else None


def _join(raw: bytes, limit: int, make: Callable[[], _Stream]) -> bytes:
    """Decompress the streams that follow one another; zeros may fill up what is behind them."""
    parts: list[bytes] = []
    at, left = 0, limit
    for _ in range(_STREAMS):
        if at >= len(raw) or (parts and raw[at] == 0):
            return b"".join(parts)
        stream = make()
        over: int | None = None
        while over is None:
            block = raw[at : at + stream.step]
            if not block:
                raise EOFError("it breaks off")
            part = stream.feed(block, left + 1)
            over = stream.left_over()
            at += len(block) - (over or 0)
            left -= len(part)
            if left < 0:
                raise _too_large(limit)
            parts.append(part)
    raise Refusal("invalid", f"the body consists of more than {_STREAMS} compressed streams; send it as one")


def _too_large(limit: int) -> Refusal:
    return Refusal("too_large", f"the body is longer than {limit} bytes; send smaller requests or raise request_bytes")
