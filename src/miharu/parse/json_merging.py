"""Shapes of JSON records → fewer shapes: small ones with nearly the same keys become one.

A key that a record lacks is the same as one without a value, so merging changes no event; it saves making
thousands of columns of three rows each (senders that hash their keys write one event in many orders).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Column: TypeAlias = Sequence[Any]

SMALL_ROWS: Final = 128
"""A shape of more records stays alone."""

ALIKE: Final = 0.75
"""Share of all their keys that two shapes must have in common to be merged."""

MAX_CLUSTERS: Final = 64
"""Kinds of small shapes told apart; a shape like none of them stays alone."""


@dataclass(slots=True)
class Shape:
    """Records of one key shape: `columns[j][i]` is the value of `names[j]` in record `rows[i]`."""

    names: list[str]
    columns: list[Column]
    rows: list[int]
    depth: int = 0
    in_order: bool = True


@dataclass(slots=True)
class _Cluster:
    names: set[str]
    members: list[Shape]


def merged(shapes: Sequence[Shape]) -> list[Shape]:
    """Return the shapes with the small ones merged by likeness."""
    clusters: list[_Cluster] = []
    alone: list[Shape] = []
    for shape in shapes:
        names = set(shape.names)
        if len(shape.rows) > SMALL_ROWS or not names:
            alone.append(shape)
            continue
        home = next((one for one in clusters if _alike(one.names, names)), None)
        if home is not None:
            home.names |= names
            home.members.append(shape)
        elif len(clusters) < MAX_CLUSTERS:
            clusters.append(_Cluster(names, [shape]))
        else:
            alone.append(shape)
    return alone + [one.members[0] if len(one.members) == 1 else _joined(one.members) for one in clusters]


def _alike(first: set[str], second: set[str]) -> bool:
    common = len(first & second)
    return common >= ALIKE * (len(first) + len(second) - common)


def _joined(members: Iterable[Shape]) -> Shape:
    columns: dict[str, list[Any]] = {}
    rows: list[int] = []
    for shape in members:
        before, count = len(rows), len(shape.rows)
        rows += shape.rows
        for name, column in zip(shape.names, shape.columns, strict=True):
            known = columns.get(name)
            if known is None:
                known = columns[name] = [None] * before
            elif len(known) > before:  # the same dotted name twice in a record: the last wins
                del known[before:]
            known.extend(column)
        for column in columns.values():
            if len(column) == before:
                column.extend([None] * count)
    return Shape(list(columns), list(columns.values()), rows, in_order=False)
