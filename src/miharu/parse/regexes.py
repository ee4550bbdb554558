"""Rows and a `regex` step → the same rows with the groups of the first form that matches each.

What a row matches decides its columns. All forms of one turn are searched by one call: with hundreds of message
numbers in a batch, calls are dearer than the search itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.catalog import Form, ReadStep
from miharu.parse.splitting import without_empty
from miharu.parse.tails import Matches, search_distinct

FORM: Final = "form"
"""Column of the name of the form that matched, where forms have names."""

_LACK: Final = 300_000
"""So many values may be missing in a frame for two forms to share it: beyond, a frame of its own costs less."""

_NONE: Final = "_none_"

_Rows: TypeAlias = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows whose texts are searched by one form after the other."""

    rows: _Rows
    text: pl.Series
    forms: Sequence[Form]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows that one form matched, with its groups."""

    rows: _Rows
    columns: list[pl.Series]


@dataclass(slots=True)
class _Stack:
    """Pieces that come in one frame, the names of their columns and the number of their rows."""

    pieces: list[_Piece] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    height: int = 0

    def lack(self, piece: _Piece, names: set[str]) -> int:
        """Return how many values more would be missing with this piece."""
        return self.height * len(names - self.names) + len(piece.rows) * len(self.names - names)

    def add(self, piece: _Piece, names: set[str]) -> None:
        self.pieces.append(piece)
        self.names |= names
        self.height += len(piece.rows)


def read_regex(frame: pl.DataFrame, step: ReadStep, *, together: bool = False) -> list[pl.DataFrame]:
    """Read by the forms that the value of `step.by` chooses, then what they did not match by the default ones.

    Frames come by form, so that their columns are full, or few in all (`together`); rows that nothing matched come
    as they are.
    """
    text = frame.get_column(step.field).cast(pl.String)
    pieces, left = _searched(_asked(frame, text, step))
    if step.patterns and left:
        rows = np.concatenate([one.rows for one in left])
        found, left = _searched([_Asked(rows, text.gather(rows), step.default)])
        pieces += found
    pieces += [_Piece(one.rows, []) for one in left]
    stacks = _stacks(pieces, set(frame.columns)) if together else [[piece] for piece in pieces]
    return [_frame(frame, stack) for stack in stacks]


def _asked(frame: pl.DataFrame, text: pl.Series, step: ReadStep) -> list[_Asked]:
    every = np.arange(frame.height)
    if not step.patterns or step.by not in frame.columns or frame.schema[step.by].is_nested():
        return [_Asked(every, text, step.default if not step.patterns else ())]
    code = frame.get_column(step.by).cast(pl.String)
    values = code.unique(maintain_order=True)
    forms = [step.patterns.get(value, ()) for value in values]
    distinct = list(dict.fromkeys(forms))
    if len(distinct) == 1:
        return [_Asked(every, text, distinct[0])]
    numbers = pl.Series([distinct.index(each) for each in forms], dtype=pl.UInt32)
    owner = code.replace_strict(values, numbers, return_dtype=pl.UInt32).to_numpy()
    order = np.argsort(owner, kind="stable")
    text = text.gather(order)
    bounds = np.searchsorted(owner[order], np.arange(len(distinct) + 1))
    return [
        _Asked(order[begin:end], text.slice(begin, end - begin), chosen)
        for chosen, begin, end in zip(distinct, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]


def _searched(asked: Sequence[_Asked]) -> tuple[list[_Piece], list[_Asked]]:
    """Return what the forms found, and what is left without a match."""
    pieces: list[_Piece] = []
    left: list[_Asked] = []
    turn = 0
    while asked:
        left += [one for one in asked if turn >= len(one.forms)]
        asked = [one for one in asked if turn < len(one.forms)]
        found = search_distinct([(one.text, one.forms[turn].pattern) for one in asked])
        further: list[_Asked] = []
        for one, matches in zip(asked, found, strict=True):
            piece, rest = _apart(one, matches, one.forms[turn].name)
            pieces += [piece] if piece is not None else []
            further += [rest] if rest is not None else []
        asked = further
        turn += 1
    return pieces, left


def _apart(asked: _Asked, found: Matches, form: str) -> tuple[_Piece | None, _Asked | None]:
    """Return the rows that matched, and those that did not."""
    if found.hits is None:
        return _piece(asked.rows, found.groups, form), None
    if not found.hits.any():
        return None, asked
    hits = found.hits.to_numpy()
    groups = pl.DataFrame(found.groups).filter(found.hits).get_columns() if found.groups else []
    rest = _Asked(asked.rows[~hits], asked.text.filter(~found.hits), asked.forms)
    return _piece(asked.rows[hits], groups, form), rest


def _piece(rows: _Rows, groups: Sequence[pl.Series], form: str) -> _Piece:
    columns = [series for series in map(without_empty, groups) if series.null_count() < len(series)]
    if form:
        columns.append(pl.Series(FORM, [form], dtype=pl.String).new_from_index(0, len(rows)))
    return _Piece(rows, columns)


def _stacks(pieces: Sequence[_Piece], taken: set[str]) -> list[list[_Piece]]:
    """Return pieces to be put together: those whose columns are much the same, or that have few rows.

    A piece that replaces columns of the frame stays alone.
    """
    alone: list[list[_Piece]] = []
    stacks: list[_Stack] = []
    for piece in sorted(pieces, key=lambda piece: -len(piece.rows)):
        names = {series.name for series in piece.columns}
        if not names.isdisjoint(taken):
            alone.append([piece])
            continue
        best = min(stacks, key=lambda stack: stack.lack(piece, names), default=None)
        if best is None or best.lack(piece, names) > _LACK:
            best = _Stack()
            stacks.append(best)
        best.add(piece, names)
    return [*alone, *(stack.pieces for stack in stacks)]


def _frame(frame: pl.DataFrame, pieces: Sequence[_Piece]) -> pl.DataFrame:
    """Return the rows of some pieces with their columns; all rows come in the frame's order, to save a sort."""
    if len(pieces) == 1:
        rows, columns = pieces[0].rows, pieces[0].columns
        part = frame if len(rows) == frame.height else frame[rows]
        return part.with_columns(columns) if columns else part
    rows = np.concatenate([piece.rows for piece in pieces])
    filled = pl.concat(map(_filled, pieces), how="diagonal", rechunk=True)
    found = [series for series in filled.get_columns() if series.name != _NONE]
    if len(rows) < frame.height:
        return frame[rows].hstack(found)
    return frame.hstack(pl.DataFrame(found)[np.argsort(rows)]) if found else frame


def _filled(piece: _Piece) -> pl.DataFrame:
    if piece.columns:
        return pl.DataFrame(piece.columns)
    return pl.Series(_NONE, [None], dtype=pl.String).new_from_index(0, len(piece.rows)).to_frame()
