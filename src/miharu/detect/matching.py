"""A value of one field → which of some predicates of that field hold for it. What explanations ask."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import polars as pl

from miharu.detect.columns import TextColumn
from miharu.detect.hashing import Hasher
from miharu.detect.judging import Judge
from miharu.detect.model import ABSENT_OPS, ValueTest
from miharu.detect.regexes import FieldRegexes
from miharu.detect.remembering import Budget
from miharu.detect.screening import Block, Screens

_FEW: Final = 32
"""Predicates that are judged one by one; more are looked for at once."""
_VALUES: Final = 1_000
_FIELD: Final = 0


class FieldMatcher:
    """Judges single values of one field."""

    def __init__(self, tests: Mapping[int, ValueTest], regexes: FieldRegexes | None) -> None:
        self._tests = tests
        self._regexes = regexes
        self._judge = Judge()
        self._hasher = Hasher()
        self._screens: dict[frozenset[int], Screens] = {}
        self.absent = frozenset(number for number, test in tests.items() if test.op in ABSENT_OPS)
        """Predicates that hold for a field without a value."""

    def match(self, value: str, among: AbstractSet[int]) -> frozenset[int]:
        """Return which of some predicates hold for a value; of references nothing is known."""
        asked = frozenset(number for number in among if self._tests[number].op not in {*ABSENT_OPS, "ref"})
        empty = frozenset(number for number in among if not value and self._tests[number].op == "empty")
        if len(asked) <= _FEW:
            return empty.union(number for number in asked if self.holds(number, value))
        cells = self._hasher.cells({"": TextColumn(pl.Series([value], dtype=pl.String))})[""]
        block = Block(cells.column, cells.rows, cells.hashes)
        _, numbers = self._screen(asked).find([(_FIELD, block)])
        return empty.union(numbers.tolist())

    def holds(self, number: int, value: str) -> bool:
        """Return whether one predicate, of the value itself, holds."""
        test = self._tests[number]
        if test.op == "regex":
            return self._regexes is not None and self._regexes.holds(number, value)
        return test.op == "exists" or self._judge.holds_for(test, value)

    def _screen(self, numbers: frozenset[int]) -> Screens:
        """Return the search for some predicates; the last one is kept, for the next value is asked the same."""
        if numbers not in self._screens:
            self._screens.clear()
            tests = {number: self._tests[number] for number in sorted(numbers)}
            regexes = {_FIELD: self._regexes} if self._regexes is not None else {}
            self._screens[numbers] = Screens({}, regexes, {_FIELD: tests}, Budget(_VALUES))
        return self._screens[numbers]
