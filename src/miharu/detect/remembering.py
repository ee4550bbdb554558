"""A cache of bounded size: what was not asked for during two generations is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Remembered(Generic[Key, Item]):
    """A mapping that holds at most about `limit` units of weight.

    When the young generation reaches half the limit it becomes the old one, and the old one is dropped;
    reading an old entry makes it young again.
    """

    def __init__(self, limit: int, weigh: Callable[[Key], int] | None = None) -> None:
        self._half = max(1, limit // 2)
        self._weigh = weigh
        self.young: dict[Key, Item] = {}
        self._old: dict[Key, Item] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: Key) -> Item | None:
        """Return what is remembered under `key`."""
        found = self.young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, item: Item) -> None:
        """Remember `item` under `key`."""
        self._weight += self._weigh(key) if self._weigh else 1
        if self._weight > self._half:
            self._old, self.young = self.young, {}
            self._weight = self._weigh(key) if self._weigh else 1
        self.young[key] = item
