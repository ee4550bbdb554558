"""Lists of numbers laid end to end."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from miharu.detect.ragged import Ragged, once

LISTS = st.lists(st.lists(st.integers(0, 99), max_size=4), max_size=6)
PAIRS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=40)


@given(LISTS, st.lists(LISTS, max_size=3), st.randoms())
def test_lists_may_be_added(first: list[list[int]], more: list[list[list[int]]], random) -> None:
    ragged, every = Ragged(first), list(first)
    for lists in more:
        pairs = [(place, item) for place, items in enumerate(lists) for item in items]
        random.shuffle(pairs)
        ragged.extend(len(lists), pairs)
        every += lists
    owners, items = ragged.take(np.arange(len(every)))
    assert bool(ragged) == any(every)
    taken: list[list[int]] = [[] for _ in every]
    for owner, item in zip(owners.tolist(), items.tolist(), strict=True):
        taken[owner].append(item)
    assert [sorted(items) for items in taken] == [sorted(items) for items in every]


@given(PAIRS)
def test_each_pair_once_and_ordered(pairs: list[tuple[int, int]]) -> None:
    these, those = (np.array(part, dtype=np.intp) for part in ([a for a, _ in pairs], [b for _, b in pairs]))
    assert list(zip(*(part.tolist() for part in once(these, those)), strict=True)) == sorted(set(pairs))
