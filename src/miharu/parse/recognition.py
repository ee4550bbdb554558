"""Frames of one container → which log source each row belongs to.

The columns that any log source asks about are stacked over all frames, so that hundreds of small frames
cost one pass. Tests run cheapest first, only on rows nobody has claimed, and once per distinct value
where values repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from miharu.catalog import TESTS, Condition, LogSource, Recognition, apply_test, text_of
from miharu.core.letters import text_bytes
from miharu.parse.leading import PLACES, Leading, leading
from miharu.parse.needed import needed

_FEW: Final = 8
"""A column is tested once per distinct value if it has fewer than one in this many."""

_SAMPLE: Final = 256
_LITERAL: Final = frozenset({"starts", "ends", "contains"})
_MANY: Final = 8
"""So many literals on one column are first looked for together."""

_MANY_ROWS: Final = 8192

_ASCII: Final = 127

_COST: Final = {test: cost for cost, test in enumerate(TESTS)}


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows of one frame that belong to the log source `source`."""

    source: LogSource
    frame: pl.DataFrame


def recognise(frames: Sequence[pl.DataFrame], sources: Sequence[LogSource]) -> list[Claim]:
    """Return every row of `frames` in exactly one claim.

    `sources` are asked in order; the last must accept everything (it has no conditions).
    """
    heights = [frame.height for frame in frames]
    total = sum(heights)
    if not total:
        return []
    owner = _owners(_Columns(frames, total, sources), sources, total)
    claims: list[Claim] = []
    start = 0
    for frame, height in zip(frames, heights, strict=True):
        claims.extend(_split(frame, owner.slice(start, height), sources))
        start += height
    return claims


def _owners(columns: _Columns, sources: Sequence[LogSource], total: int) -> pl.Series:
    owner = pl.Series([len(sources) - 1], dtype=pl.UInt32).new_from_index(0, total)
    rows: pl.Series | None = None
    left = total
    for number, source in enumerate(sources):
        if not left:
            break
        if not source.recognise.where:
            hits = rows if rows is not None else pl.arange(0, total, dtype=pl.UInt32, eager=True)
            return owner.scatter(hits, number)
        mask = _any_holds(columns, source.recognise)
        if mask is None:
            continue
        hits = mask.arg_true() if rows is None else rows.filter(mask)
        owner = owner.scatter(hits, number)
        rows = (~mask).arg_true() if rows is None else rows.filter(~mask)
        left = len(rows)
        columns.keep(~mask)
    return owner


def _any_holds(columns: _Columns, recognition: Recognition) -> pl.Series | None:
    """Return the rows in which one of the ways to be recognised holds, None where there are none."""
    mask = _holds(columns, recognition.where)
    for other in recognition.others:
        found = _holds(columns, other)
        mask = found if mask is None else mask if found is None else mask | found
    return mask


def _holds(columns: _Columns, where: Sequence[Condition]) -> pl.Series | None:
    """Return the rows in which all conditions hold, None where there are none."""
    mask: pl.Series | None = None
    for condition in sorted(where, key=lambda condition: _COST[condition.test]):
        found = columns.test(condition)
        if found is None:
            return None
        mask = found if mask is None else mask & found
        if not mask.any():
            return None
    return mask


def _split(frame: pl.DataFrame, owner: pl.Series, sources: Sequence[LogSource]) -> list[Claim]:
    if not frame.height:
        return []
    first = owner[0]
    if owner.min() == owner.max():
        return [Claim(sources[first], frame)]
    return [Claim(sources[number], frame.filter(owner == number)) for number in owner.unique().sort()]


class _Columns:
    """Columns of all frames stacked, made when first asked for; shrinks as rows are claimed."""

    def __init__(self, frames: Sequence[pl.DataFrame], total: int, sources: Sequence[LogSource]) -> None:
        self._frames = frames
        self._known = frozenset(name for frame in frames for name in frame.columns)
        self._kept: list[pl.Series] = []
        self._stacked: dict[str, pl.Series] = {}
        self._distinct: dict[str, pl.Series] = {}
        self._total = total
        self._sources = sources
        self._literals: dict[str, frozenset[str] | None] = {}
        self._begins: dict[str, list[frozenset[str]]] = {}

    def keep(self, mask: pl.Series) -> None:
        """Forget the rows in which `mask` is false."""
        self._kept.append(mask)
        self._stacked = {name: series.filter(mask) for name, series in self._stacked.items()}

    def test(self, condition: Condition) -> pl.Series | None:
        """Return where the condition holds; None for a field that no frame has (no row can pass)."""
        wanted = not (condition.test == "exists" and condition.values == ("false",))
        if condition.field not in self._known:
            return None if wanted else self._everything()
        series = self._column(condition.field)
        if condition.test == "exists":
            return series.is_not_null() if wanted else series.is_null()
        distinct = self._distinct_of(condition.field, series)
        if distinct is None:
            if self._has_none_of(condition, series) or self._begins_otherwise(condition, series):
                return None
            return apply_test(series, condition)
        hits = distinct.filter(apply_test(distinct, condition))
        if hits.is_empty():
            return None
        return apply_test(series, Condition(condition.field, "in", tuple(hits)))

    def _has_none_of(self, condition: Condition, series: pl.Series) -> bool:
        """Return whether no row holds any of a condition's literals; they are all looked for in one pass."""
        ways = [_needs(condition.test, value) for value in condition.values]
        if not all(ways):
            return False
        name = condition.field
        if name not in self._literals:
            wanted = _literals(self._sources, name)
            self._literals[name] = _present(series, wanted) if len(wanted) >= _MANY else None
        present = self._literals[name]
        return present is not None and all(present.isdisjoint(way) for way in ways)

    def _begins_otherwise(self, condition: Condition, series: pl.Series) -> bool:
        """Return whether no row can begin as the condition's regular expressions need it."""
        if condition.test != "matches":
            return False
        return all(self._cannot_begin(condition.field, series, leading(pattern)) for pattern in condition.values)

    def _cannot_begin(self, name: str, series: pl.Series, wanted: Leading) -> bool:
        if wanted and name not in self._begins:
            self._begins[name] = _beginnings(series)
        begins = self._begins.get(name, ())
        return any(
            characters is not None and characters.isdisjoint(there)
            for characters, there in zip(wanted, begins, strict=False)
        )

    def _everything(self) -> pl.Series:
        height = self._total if not self._kept else int(self._kept[-1].sum())
        return pl.Series([True]).new_from_index(0, height)

    def _column(self, name: str) -> pl.Series:
        if name not in self._stacked:
            pieces = [_text_column(frame, name) for frame in self._frames]
            series = pieces[0] if len(pieces) == 1 else pl.concat(pieces)
            for mask in self._kept:
                series = series.filter(mask)
            self._stacked[name] = series
        return self._stacked[name]

    def _distinct_of(self, name: str, series: pl.Series) -> pl.Series | None:
        """Return the column's distinct values at first sight, None where they are many."""
        if name not in self._distinct:
            many = len(series) > _SAMPLE and series.head(_SAMPLE).n_unique() * 2 > _SAMPLE
            distinct = series if many else series.unique().drop_nulls()
            self._distinct[name] = distinct
        distinct = self._distinct[name]
        return distinct if len(distinct) * _FEW < self._total else None


def _literals(sources: Sequence[LogSource], name: str) -> list[str]:
    ways = (way for source in sources for way in (source.recognise.where, *source.recognise.others))
    conditions = (one for way in ways for one in way)
    asked = ((one.test, value) for one in conditions if one.field == name for value in one.values)
    return sorted({literal for test, value in asked for literal in _needs(test, value)})


def _needs(test: str, value: str) -> frozenset[str]:
    """Return texts of which one must stand in a text that passes; empty where that is not known."""
    if test == "matches":
        return needed(value)
    return frozenset({value}) if test in _LITERAL else frozenset()


def _beginnings(series: pl.Series) -> list[frozenset[str]]:
    """Return which characters stand at each of the first places of any text; "" where one ends before."""
    heads = series.drop_nulls().str.head(PLACES)
    letters, bounds = text_bytes(heads)
    if letters.size and letters.max() > _ASCII:
        return [frozenset(heads.str.slice(place, 1).unique()) for place in range(PLACES)]
    places: list[frozenset[str]] = []
    at, lengths = bounds[:-1], np.diff(bounds)
    for place in range(PLACES):
        longer = lengths > place
        at, lengths = (at, lengths) if longer.all() else (at[longer], lengths[longer])
        ended = len(heads) > len(at)
        there = {chr(code) for code in np.bincount(letters[at + place]).nonzero()[0].tolist()}
        places.append(frozenset(there | {""} if ended else there))
    return places


def _present(series: pl.Series, literals: list[str]) -> frozenset[str]:
    """Return which literals stand in any row; those that stand everywhere are seen in the first rows already."""
    found = frozenset({""})
    for rows in (series.head(_SAMPLE), series):
        if left := [literal for literal in literals if literal not in found]:
            # A regex engine finds literals sooner, but takes longer to be made.
            any_of = "|".join(map(pl.escape_regex, left)) if len(rows) > _MANY_ROWS else ""
            held = rows.filter(rows.str.contains(any_of) if any_of else rows.str.contains_any(left))
            hits = held.str.extract_many(left, overlapping=True).explode(empty_as_null=True)
            found |= frozenset(hits.unique().drop_nulls())
    return found


def _text_column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, frame.height)
    series = frame.get_column(name)
    return series if series.dtype == pl.String else text_of(series)
