"""A gate that tests hold in their hand, and what they ask of the frames that went through it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np

from miharu.core.frame import Frame
from miharu.sources import HttpLimits, IntakeFullError, Repeats, SenderCounts, make_http

TOKENS = {"open-sesame": "agents", "other-token": "others"}
BEARER = {"authorization": "Bearer open-sesame"}
START = datetime(2024, 5, 1, 10, tzinfo=UTC)


class FakeGate:
    """Frames are durable a tick after they came, unless it is `full`, or `held` until `let_go`."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.full = self.held = self.crowded = False
        self.asked = 0
        self._waiting: list[tuple[Frame, asyncio.Future[None]]] = []
        self._relieved: list[Callable[[], None]] = []

    def offer(self, frame: Frame, *, patient: bool) -> asyncio.Future[None]:
        self.asked += 1
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if self.full and not patient:
            future.set_exception(IntakeFullError("the spool is full; make room on its disk"))
        elif self.held:
            self._waiting.append((frame, future))
        else:
            loop.call_soon(self._settle, frame, future)
        return future

    def _settle(self, frame: Frame, future: asyncio.Future[None]) -> None:
        self.frames.append(frame)
        if not future.done():
            future.set_result(None)

    def when_relieved(self, callback: Callable[[], None]) -> None:
        self._relieved.append(callback)

    def relieve(self, *, for_good: bool = True) -> None:
        self.crowded = not for_good
        callbacks, self._relieved = self._relieved, []
        for callback in callbacks:
            callback()

    def let_go(self, error: Exception | None = None) -> None:
        """Make what is held durable, or fail it."""
        waiting, self._waiting = self._waiting, []
        for frame, future in waiting:
            if error is None:
                self._settle(frame, future)
            else:
                future.set_exception(error)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def records(self) -> list[bytes]:
        return [record for frame in self.frames for record in records_of(frame)]


class Hands:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


class Server:
    """The HTTP application over a fake gate, with a client that speaks to it without a network."""

    def __init__(self, **limits: float) -> None:
        self.gate, self.clock = FakeGate(), Hands()
        self.counts = SenderCounts(clock=self.clock)
        self.repeats = Repeats(timedelta(minutes=10), clock=self.clock)
        self.app = make_http(self.gate, TOKENS.get, HttpLimits(**limits), self.counts, self.repeats, clock=self.clock)

    def client(self, sender: str = "192.0.2.7", headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(sender, 40_000))
        return httpx.AsyncClient(transport=transport, base_url="http://logs.example.com", headers=headers or BEARER)

    def ask(self, method: str, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """Send one request and return its answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def run() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, content=content, headers=named)

        return asyncio.run(run())


def records_of(frame: Frame) -> list[bytes]:
    lengths = np.frombuffer(frame.lengths, dtype="<u4").tolist()
    ends = np.cumsum(lengths).tolist()
    assert (ends[-1] if ends else 0) == len(frame.data)
    assert frame.ids is None or len(frame.ids) == frame.records
    return [frame.data[end - length : end] for end, length in zip(ends, lengths, strict=True)]


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what has to come; how long is only a bound for when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - whoever makes it true knows nothing of us
            await asyncio.sleep(0.005)
