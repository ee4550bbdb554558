"""Distinct values of one field → the key predicates that hold for each.

A rule can hold only where one of its keys does (`indexing`), so keys are all that is looked for in every value.
Literals are found by one scan over all values as they lie one after another in memory; hits are told apart by
where they end. Exact texts and numbers are looked up; what is left (expressions, networks, comparisons) is judged
value by value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby, repeat
from operator import itemgetter
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.detect.columns import TextColumn
from miharu.detect.engines import key_literal
from miharu.detect.hashing import Words
from miharu.detect.judging import Number, number_of
from miharu.detect.literals import Found, Lined, LiteralSearch
from miharu.detect.model import Engine, ValueTest
from miharu.detect.ragged import Numbers, once
from miharu.detect.regexes import FieldRegexes
from miharu.detect.remembering import Budget, Remembered
from miharu.detect.texttests import TextTest, text_test

_LONGEST_KEPT: Final = 4_096
"""Characters of the longest value that is remembered."""
_TRIAL: Final = 10_000
"""Values after which it is seen whether remembering them is worth while."""
_NUMBER_LENGTH: Final = 90
"""Characters that a number has at most (`judging.number_of`)."""
_CHARACTER: Final = 4
"""Bytes that a character takes at most. Folding makes no text shorter."""
_STRINGS: Final = msgspec.json.Decoder(list[str])


class FieldScreen:
    """Looks for the key predicates of one field."""

    def __init__(
        self, tests: Mapping[int, ValueTest], engine: Engine | None, regexes: FieldRegexes | None, budget: Budget
    ) -> None:
        self._known: Remembered[int, tuple[int, ...]] = Remembered(budget)
        self._worth = True
        self._asked = self._new = 0
        self._literals = LiteralSearch(tests, engine)
        self._lookup = _Lookup({number: test for number, test in tests.items() if not key_literal(test)}, regexes)

    def of_values(self, column: TextColumn, rows: Numbers, hashes: Words) -> Found:
        """Return what holds for which of some distinct values of a column, at these rows."""
        if not self._worth:
            return self._judged(column, rows)
        known = self._known.get
        values = hashes.tolist()
        held = [known(value) for value in values]
        new = [place for place, numbers in enumerate(held) if numbers is None]
        if new:
            self._learn(column, rows[new], [values[place] for place in new])
            for place in new:
                held[place] = known(values[place])
        self._weigh(len(values), len(new))
        places = [place for place, numbers in enumerate(held) if numbers]
        return _paired(places, [held[place] or () for place in places])

    def _learn(self, column: TextColumn, rows: Numbers, values: Sequence[int]) -> None:
        """Find out what holds for values, and remember it."""
        places, numbers = self._judged(column, rows)
        self._known.put_all(zip(values, repeat(()), strict=False), len(values))
        order = np.argsort(places, kind="stable")
        of_place = groupby(zip(places[order].tolist(), numbers[order].tolist(), strict=True), key=itemgetter(0))
        self._known.young.update((values[place], tuple(number for _, number in pairs)) for place, pairs in of_place)

    def _weigh(self, asked: int, new: int) -> None:
        """Stop remembering where most values are new: to look for a value costs less than to remember it."""
        self._asked += asked
        self._new += new
        if self._asked > _TRIAL:
            self._worth = self._new * 2 < self._asked
            self._asked = self._new = 0
            if not self._worth:
                self._known.forget()

    def _judged(self, column: TextColumn, rows: Numbers) -> Found:
        texts = column.texts[rows]
        return self._find_in_lists(texts) if column.lists else self.find(texts)

    def _find_in_lists(self, texts: pl.Series) -> Found:
        """Return what holds for any element of which list."""
        lists = [_STRINGS.decode(text) for text in texts.to_list()]
        owners = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
        places, predicates = self.find(pl.Series([item for items in lists for item in items], dtype=pl.String))
        return once(owners[places], predicates)

    def find(self, texts: pl.Series) -> Found:
        """Return what holds for which of some texts, none of them null."""
        lined = Lined(texts)
        found = [*self._literals.find(lined, texts), *self._lookup.find(lined, texts)]
        if not found:
            return _nothing()
        return np.concatenate([places for places, _ in found]), np.concatenate([numbers for _, numbers in found])


class _Lookup:
    """Tests that no scan answers."""

    def __init__(self, tests: Mapping[int, ValueTest], regexes: FieldRegexes | None) -> None:
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._exact_cased: dict[str, list[int]] = defaultdict(list)
        self._numeric: dict[Number, list[int]] = defaultdict(list)
        self._others: list[tuple[int, TextTest]] = []
        self._always = np.array([number for number, test in tests.items() if test.op == "exists"], dtype=np.intp)
        self._regexes = regexes
        self._regex_numbers = frozenset(number for number, test in tests.items() if test.op == "regex")
        for number, test in tests.items():
            self._sort(number, test)
        self._longest = self._longest_text()

    def find(self, lined: Lined, texts: pl.Series) -> list[Found]:
        found = []
        if len(self._always):
            places = np.repeat(np.arange(len(texts)), len(self._always))
            found.append((places, np.tile(self._always, len(texts))))
        if self._longest is None:
            found.append(self._looked_up(np.arange(len(texts)), texts.to_list()))
        elif self._longest >= 0:
            places = np.flatnonzero(lined.lengths <= self._longest)
            if len(places):
                some = texts if len(places) == len(texts) else texts[places]
                found.append(self._looked_up(places, some.to_list()))
        return found

    def _looked_up(self, places: npt.NDArray[np.generic], texts: Sequence[str]) -> Found:
        return _paired(places, [self._holding(text) for text in texts])

    def _holding(self, text: str) -> list[int]:
        found = [*self._exact.get(text.casefold(), ()), *self._exact_cased.get(text, ())]
        if self._numeric and (number := number_of(text)) is not None:
            found += self._numeric.get(number, ())
        if self._regexes is not None and self._regex_numbers:
            found += self._regexes.holding(self._regex_numbers, text)
        found += [number for number, holds in self._others if holds(text)]
        return found

    def _sort(self, number: int, test: ValueTest) -> None:
        if test.op == "equals":
            if test.cased:
                self._exact_cased[test.value].append(number)
            else:
                self._exact[test.value.casefold()].append(number)
        elif test.op == "number":
            wanted = number_of(test.value)
            if wanted is None:
                self._exact_cased[test.value].append(number)
            else:
                self._numeric[wanted].append(number)
        elif test.op not in {"exists", "regex"}:
            self._others.append((number, text_test([test])))

    def _longest_text(self) -> int | None:
        """Return how many bytes a text may have for anything to hold; None: any number, -1: nothing can hold."""
        if self._others or self._regex_numbers:
            return None
        exact = max((_CHARACTER * len(text) for text in (*self._exact, *self._exact_cased)), default=-1)
        return max(exact, _NUMBER_LENGTH if self._numeric else -1)


def _paired(places: Sequence[int] | npt.NDArray[np.generic], holding: Sequence[Sequence[int]]) -> Found:
    """Return the numbers that hold at each of some places, laid end to end."""
    counts = [len(numbers) for numbers in holding]
    numbers = np.array([number for numbers in holding for number in numbers], dtype=np.intp)
    return np.repeat(np.array(places, dtype=np.intp), counts), numbers


def _nothing() -> Found:
    return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
