"""Rows of a batch → the keyword predicates that hold for each: a search over every value of the event.

The values of an event are: the raw text, if it is not JSON; every leaf of the raw text, if it is; every text
column; every leftover. The raw text escapes characters (`\\\\` in JSON, `&lt;` in XML), so each keyword is
first looked for by its longest run of letters and digits, which no escaping changes, in one scan per raw
text; what is found so is decided on the values. Raw texts that may spell letters by number (`\\u0041`,
`&#65;`) are decided on the values at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import polars as pl

from miharu.core.columns import EVENT_ORIGINAL, LEFTOVERS
from miharu.detect.columns import BatchColumns, Rows, text_of
from miharu.detect.engines import literal_database, literal_of
from miharu.detect.judging import Judge
from miharu.detect.model import Predicate
from miharu.detect.scanning import PatternScanner

_RUN: Final = re.compile(r"[a-z0-9]+", re.ASCII)
_SPELLED: Final = (rb"\u", b"&#", rb"\x")
_SKIPPED: Final = ("record.", "event.id", "event.created", "event.ingested", "event.dataset", "log.", "@timestamp")
_UPPER_KEYS: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")


class KeywordSearch:
    """Searches events for one set of keyword predicates."""

    def __init__(self, predicates: Mapping[int, Predicate]) -> None:
        self._tests = {number: predicate.test for number, predicate in predicates.items()}
        runs: dict[str, list[int]] = {}
        self._unscanned: list[int] = []
        for number, test in self._tests.items():
            found = _RUN.findall(literal_of(test))
            if found and literal_of(test).isascii():
                runs.setdefault(max(found, key=len), []).append(number)
            else:
                self._unscanned.append(number)
        self._by_hit = list(runs.values())
        self._scanner = PatternScanner(literal_database(runs)) if runs else None
        self._judge = Judge()

    def search(self, batch: pl.DataFrame, columns: BatchColumns, rows: Rows) -> dict[int, frozenset[int]]:
        """Return the predicates that hold, by place within `rows`; places where none does are left out."""
        candidates = self._candidates(batch, rows)
        if not candidates:
            return {}
        values = _Values(batch, columns, rows)
        found: dict[int, frozenset[int]] = {}
        for place, numbers in candidates.items():
            texts = list(values.of(place))
            holding = frozenset(number for number in numbers if self._judge.holds(self._tests[number], texts))
            if holding:
                found[place] = holding
        return found

    def _candidates(self, batch: pl.DataFrame, rows: Rows) -> dict[int, list[int]]:
        """Return which predicates may hold, by place."""
        if EVENT_ORIGINAL not in batch.columns:
            return dict.fromkeys(range(len(rows)), list(self._tests))
        originals = batch.get_column(EVENT_ORIGINAL).gather(rows)
        if originals.dtype == pl.String:
            originals = originals.cast(pl.Binary)
        every = list(self._tests)
        found: dict[int, list[int]] = {}
        spelled = originals.is_null()
        for mark in _SPELLED:
            spelled = spelled | originals.bin.contains(mark).fill_null(value=True)
        found.update(dict.fromkeys(spelled.arg_true().to_list(), every))
        if self._unscanned:
            for place in range(len(rows)):
                found.setdefault(place, list(self._unscanned))
        if self._scanner is not None:
            self._scan(originals, found)
        return found

    def _scan(self, originals: pl.Series, found: dict[int, list[int]]) -> None:
        scanner = self._scanner
        if scanner is None:
            return
        for place, original in enumerate(originals.to_list()):
            if original is None:
                continue
            hits = scanner.scan(original.translate(_UPPER_KEYS))
            if hits and len(found.get(place, ())) < len(self._tests):
                found[place] = [*found.get(place, ()), *(number for hit in hits for number in self._by_hit[hit])]


class _Values:
    """Every value of an event, for a few rows of a batch."""

    def __init__(self, batch: pl.DataFrame, columns: BatchColumns, rows: Rows) -> None:
        self._rows = rows
        self._originals = batch.get_column(EVENT_ORIGINAL) if EVENT_ORIGINAL in batch.columns else None
        names = [name for name in batch.columns if not name.startswith(_SKIPPED) and name != EVENT_ORIGINAL]
        self._columns = [column for name in names if (column := columns.whole(name)) is not None and name != LEFTOVERS]
        self._leftovers = columns.whole(LEFTOVERS)

    def of(self, place: int) -> Iterator[str]:
        """Yield the values of the event at `place`, as texts."""
        row = int(self._rows[place])
        for column in self._columns:
            text = column.texts[row]
            if text is not None:
                yield from orjson.loads(text) if column.lists else (text,)
        if self._leftovers is not None and (text := self._leftovers.texts[row]) is not None:
            yield from _leaves(orjson.loads(text))
        original = self._originals[row] if self._originals is not None else None
        if original is not None:
            yield from _original_values(original if isinstance(original, bytes) else original.encode())


def _original_values(original: bytes) -> Iterable[str]:
    if original.lstrip()[:1] in {b"{", b"["}:
        try:
            return _leaves(orjson.loads(original))
        except orjson.JSONDecodeError:
            pass
    return (original.decode("utf-8", "replace"),)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield text_of(value)


def keyword_predicates(numbers: Iterable[int], predicates: Sequence[Predicate]) -> dict[int, Predicate]:
    """Return the predicates with these numbers."""
    return {number: predicates[number] for number in numbers}
