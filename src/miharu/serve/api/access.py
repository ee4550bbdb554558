"""Blocking questions to the store and the state → answers for the event loop, a few at a time.

The store and the state are opened when they are first needed and again when they were lost, so that the API starts,
and says how things are, while they are down.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import anyio
from anyio import to_thread

from miharu.core.settings import Settings
from miharu.pipeline import Lake
from miharu.serve.api.problems import busy
from miharu.store import State, Store, StoreLostError

T = TypeVar("T")

_QUERIES: Final = 4
"""Questions the store works on at once for the API."""
_STUCK: Final = 16
"""Threads that wait for a store that does not answer; past that nothing new is begun."""
_QUERIES_OF_ONE: Final = 8
"""Questions of one token, running or waiting."""
_QUICK: Final = 4
_MARGIN_SECONDS: Final = 10.0
"""How much longer than its own limit a query may take to come back, with the store's start."""


def open_store(settings: Settings) -> Store:
    """Open the store of a data folder."""
    return Store.open(settings.data, settings)


def open_state(settings: Settings) -> State:
    """Open the state of a data folder."""
    return State.open(settings.data)


class LakeAccess:
    """The way of all requests to the store and the state of one data folder."""

    def __init__(
        self,
        settings: Settings,
        store_opener: Callable[[Settings], Store] = open_store,
        state_opener: Callable[[Settings], State] = open_state,
    ) -> None:
        self._settings = settings
        self._store_opener = store_opener
        self._state_opener = state_opener
        self._store: Store | None = None
        self._state: State | None = None
        self._store_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._count_lock = threading.Lock()
        self._queries = anyio.CapacityLimiter(_QUERIES)
        self._quick = anyio.CapacityLimiter(_QUICK)
        self._asking: Counter[str] = Counter()
        self._patiences: set[anyio.CancelScope] = set()
        self.running = 0
        """Threads that are at the store this moment."""

    async def ask(self, caller: str, work: Callable[[Lake], T]) -> T:
        """Run a question to the store in a thread; `caller` may have only a few under way.

        Work that met a store process just gone is done once more. Raises ProblemError where too much is asked,
        StoreLostError where no answer comes in time, and what `work` raises.
        """
        if self._asking[caller] >= _QUERIES_OF_ONE:
            raise busy(429, f"{_QUERIES_OF_ONE} questions with this token are under way; wait until one has ended.")
        if self.running >= _STUCK:
            raise busy(503, "Too many questions wait for the store; ask again in a moment.")
        self._asking[caller] += 1
        patience = anyio.move_on_after(self._settings.query_seconds + _MARGIN_SECONDS)
        self._patiences.add(patience)
        try:
            with patience:
                return await to_thread.run_sync(self._attempt, work, abandon_on_cancel=True, limiter=self._queries)
            raise StoreLostError("the store does not answer in time")
        finally:
            self._patiences.discard(patience)
            self._asking[caller] -= 1
            if not self._asking[caller]:
                del self._asking[caller]

    async def note(self, work: Callable[[State], T]) -> T:
        """Run something short on the state in a thread."""
        return await to_thread.run_sync(lambda: work(self._open_state()), limiter=self._quick)

    def give_up(self) -> None:
        """Answer every question under way with StoreLostError, now."""
        for patience in self._patiences:
            patience.cancel()

    def close(self) -> None:
        """Close what is open."""
        with self._store_lock:
            store, self._store = self._store, None
        with self._state_lock:
            state, self._state = self._state, None
        if store is not None:
            store.close()
        if state is not None:
            state.close()

    def _attempt(self, work: Callable[[Lake], T]) -> T:
        with self._counted():
            try:
                return work(self._lake())
            except StoreLostError:
                # The process was started again: what waited for it is dead, the next connection is fresh.
                return work(self._lake())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._count_lock:
            self.running += 1
        try:
            yield
        finally:
            with self._count_lock:
                self.running -= 1

    def _lake(self) -> Lake:
        with self._store_lock:
            if self._store is None:
                self._store = self._store_opener(self._settings)
            return Lake(self._store, self._open_state())

    def _open_state(self) -> State:
        with self._state_lock:
            if self._state is None:
                self._state = self._state_opener(self._settings)
            return self._state
