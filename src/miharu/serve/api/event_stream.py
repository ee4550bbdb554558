"""Pieces of text → server-sent events (HTML standard, 9.2), on a connection that is given up when nobody reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import anyio
import structlog
from starlette.responses import StreamingResponse
from starlette.types import Send

_PATIENCE_SECONDS: Final = 30.0
_RETRY_MILLISECONDS: Final = 2_000

_log = structlog.get_logger()


class EventStream(StreamingResponse):
    """A response that goes on until its pieces end or its reader does not take them."""

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncGenerator[bytes, None], patience_seconds: float = _PATIENCE_SECONDS) -> None:
        # A proxy that gathers an answer before it passes it on would hold every event back.
        super().__init__(pieces, headers={"X-Accel-Buffering": "no"})
        self._pieces = pieces
        self._patience_seconds = patience_seconds

    async def stream_response(self, send: Send) -> None:
        """Send the head and the pieces."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._pieces):
            async for piece in self._pieces:
                with anyio.move_on_after(self._patience_seconds) as patience:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if patience.cancelled_caught:
                    _log.warning("a stream was not read and is given up", action="stream-slow")
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def message(kind: str, id_: str, data: bytes) -> bytes:
    """Return one event; `data` has no line ends."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (kind.encode(), id_.encode(), data)


def comment(text: str) -> bytes:
    """Return a comment, which keeps the connection alive, and how soon to come back when it ends."""
    return b": %b\nretry: %d\n\n" % (text.encode(), _RETRY_MILLISECONDS)
