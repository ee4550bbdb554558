"""The feed behind the streams: one look at the state for all, heartbeats, and clients that do not read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from miharu.core.alert import Alert
from miharu.serve.api import feed as feed_module
from miharu.serve.api.access import LakeAccess
from miharu.serve.api.event_stream import EventStream, comment
from miharu.serve.api.feed import AlertFeed
from miharu.serve.api.routes_alerts import _changes
from miharu.store import State, StateError
from tests.unit.serve.apicraft import settings_of

START = datetime(2024, 6, 1, 12, tzinfo=UTC)


def alert(number: int) -> Alert:
    return Alert(f"{number:032x}", "r1", "A rule", "high", "{}", START, START, "f" * 32, 1)


class CountingState:
    """The real state, whose looks are counted and may fail."""

    def __init__(self, state: State) -> None:
        self.inner = state
        self.looks = 0
        self.failing = False
        self.asked = threading.Event()
        self.answering = threading.Event()
        self.answering.set()

    def last_revision(self):
        self.asked.set()
        assert self.answering.wait(30)
        return self.inner.last_revision()

    def alerts_since(self, revision, limit):
        self.looks += 1
        if self.failing:
            message = "locked"
            raise StateError(message)
        return self.inner.alerts_since(revision, limit)

    def close(self):
        self.inner.close()


@pytest.fixture
def state(tmp_path) -> Iterator[CountingState]:
    counting = CountingState(State.open(tmp_path))
    yield counting
    counting.close()


def make_feed(tmp_path, state, **more) -> AlertFeed:
    return AlertFeed(LakeAccess(settings_of(tmp_path), state_opener=lambda _: state), **more)


def test_all_followers_share_one_look(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.01)
        async with asyncio.TaskGroup() as group:
            followers = [group.create_task(take(feed, 3)) for _ in range(50)]
            while feed.followers < 50 or state.looks < 3:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            before = state.looks
            state.inner.upsert_alerts([alert(1), alert(2), alert(3)])
        assert [follower.result() for follower in followers] == [[1, 2, 3]] * 50
        assert state.looks - before < 50
        feed.end()

    asyncio.run(play())


async def take(feed: AlertFeed, count: int, since: int | None = None) -> list[int]:
    found: list[int] = []
    async with aclosing(feed.follow(since)) as batches:
        async for batch in batches:
            found += [revision for revision, _ in batch]
            if len(found) >= count:
                break
    return found


def test_nobody_looks_when_nobody_follows(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.001)
        state.inner.upsert_alerts([alert(1)])
        assert await take(feed, 1, 0) == [1]
        await asyncio.sleep(0.01)
        before = state.looks
        await asyncio.sleep(0.05)
        assert state.looks == before
        state.inner.upsert_alerts([alert(2)])
        assert await take(feed, 1, 1) == [2]

    asyncio.run(play())


def test_heartbeats_come_when_nothing_does(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, heartbeat_seconds=0.01)
        async with aclosing(feed.follow(None)) as batches:
            assert [await anext(batches) for _ in range(3)] == [[], [], []]

    asyncio.run(play())


def test_what_comes_after_the_first_word_is_not_missed(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.01)
        state.inner.upsert_alerts([alert(1)])
        state.answering.clear()
        async with aclosing(feed.follow(None)) as batches:
            first = asyncio.ensure_future(anext(batches))
            await asyncio.to_thread(state.asked.wait, 30)
            assert not first.done()
            state.answering.set()
            assert await first == []
            state.inner.upsert_alerts([alert(2)])
            assert [revision for revision, _ in await anext(batches)] == [2]

    asyncio.run(play())


def test_a_stream_says_nothing_before_it_follows(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.01)
        state.answering.clear()
        async with aclosing(_changes(SimpleNamespace(feed=feed), None, 0)) as pieces:
            first = asyncio.ensure_future(anext(pieces))
            await asyncio.to_thread(state.asked.wait, 30)
            assert not first.done()
            state.answering.set()
            assert await first == comment("alerts follow")
            state.inner.upsert_alerts([alert(1)])
            assert b"event: alert" in await anext(pieces)

    asyncio.run(play())


def test_a_follower_far_behind_reads_from_the_state(tmp_path, state, monkeypatch):
    monkeypatch.setattr(feed_module, "_KEPT", 10)

    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.001)
        async with aclosing(feed.follow(None)) as slow:
            first = asyncio.ensure_future(anext(slow))
            while not feed.followers or feed._poller is None:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)
            state.inner.upsert_alerts([alert(0)])
            found = [revision for revision, _ in await first]
            for number in range(1, 40):
                state.inner.upsert_alerts([alert(number)])
            assert await take(feed, 40, 0) == list(range(1, 41))
            while len(found) < 40:
                found += [revision for revision, _ in await anext(slow)]
        assert found == list(range(1, 41))
        assert len(feed._kept) <= 1000

    asyncio.run(play())


def test_a_state_that_is_lost_for_a_while_ends_nothing(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state, poll_seconds=0.001)
        following = asyncio.create_task(take(feed, 1))
        while state.looks < 2:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
        state.failing = True
        before = state.looks
        while state.looks < before + 5:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
        state.inner.upsert_alerts([alert(1)])
        state.failing = False
        assert await following == [1]

    asyncio.run(play())


def test_the_end_of_the_feed_ends_every_follower(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state)
        following = [asyncio.create_task(take(feed, 1)) for _ in range(3)]
        while feed.followers < 3 or feed._poller is None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
        feed.end()
        assert await asyncio.gather(*following) == [[], [], []]
        assert await take(feed, 1, 0) == []
        assert feed.followers == 0

    asyncio.run(play())


def test_a_feed_that_ends_while_it_starts_ends_its_follower(tmp_path, state):
    async def play():
        feed = make_feed(tmp_path, state)
        state.answering.clear()
        following = asyncio.create_task(take(feed, 1))
        await asyncio.to_thread(state.asked.wait, 30)
        feed.end()
        state.answering.set()
        assert await asyncio.wait_for(following, 10) == []

    asyncio.run(play())


def test_a_client_that_does_not_read_is_given_up():
    closed = []

    async def pieces():
        try:
            while True:
                yield b"x"
        finally:
            closed.append(True)

    async def play():
        sent = []

        async def send(message):
            sent.append(message)
            if len(sent) > 3:
                await asyncio.Event().wait()

        await EventStream(pieces(), patience_seconds=0.05).stream_response(send)
        assert len(sent) == 4
        assert closed == [True]

    asyncio.run(play())
