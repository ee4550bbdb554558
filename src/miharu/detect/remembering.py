"""Caches of bounded size: what was not asked for during two generations is forgotten."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class Budget:
    """What several caches may weigh together, about `limit` units.

    When their young generations weigh half of it, these become the old ones, and the old ones are dropped.
    """

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._spent = 0
        self._members: list[Remembered[Hashable, object]] = []

    def join(self, member: Remembered[Key, Item]) -> None:
        """Let a cache take part."""
        self._members.append(member)  # type: ignore[arg-type]

    def spend(self, weight: int) -> None:
        """Take up room, and make some where there is none left."""
        self._spent += weight
        if self._spent > self._half:
            self._spent = weight
            for member in self._members:
                member.age()


class Remembered(Generic[Key, Item]):
    """A mapping that forgets. `young` may be read directly; what is missing there may still be had by `get`."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._old: dict[Key, Item] = {}
        self.young: dict[Key, Item] = {}
        budget.join(self)

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: Key, weight: int = 1) -> Item | None:
        """Return what is remembered under `key`; it is young again."""
        found = self.young.get(key)
        if found is None and self._old and (found := self._old.get(key)) is not None:
            self.put(key, found, weight)
        return found

    def put(self, key: Key, item: Item, weight: int = 1) -> None:
        """Remember `item` under `key`."""
        self._budget.spend(weight)
        self.young[key] = item

    def put_all(self, items: Iterable[tuple[Key, Item]], weight: int) -> None:
        """Remember items that weigh so much together."""
        self._budget.spend(weight)
        self.young.update(items)

    def age(self) -> None:
        """Forget the old generation, and make the young one old."""
        self._old, self.young = self.young, {}

    def forget(self) -> None:
        """Forget everything."""
        self._old, self.young = {}, {}
