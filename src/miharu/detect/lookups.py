"""Texts of one field → the tests that hold for them and that no scan for literals answers.

Exact texts and numbers are looked up; what is left (expressions, networks, comparisons) is judged text by text.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.detect.judging import Number, number_of
from miharu.detect.literals import Found, Lined
from miharu.detect.model import ValueTest
from miharu.detect.networks import NetworkTable
from miharu.detect.regexes import FieldRegexes
from miharu.detect.texttests import TextTest, text_test

_SHORT: Final = 128
"""Characters that a number (`judging.number_of`) or an address has at most."""
_UNUSUAL: Final = r"^(?:[+-]|0[0-9])|^[0-9]+[.eE]"
"""What a number begins with that is not written in the shortest way, or may not be."""
_FEW: Final = 150
"""Texts that are looked up one by one sooner than a whole column is."""
_CHARACTER: Final = 4
"""Bytes that a character takes at most. Folding makes no text shorter."""


class FieldLookup:
    """Tests that no scan answers."""

    def __init__(self, tests: Mapping[int, ValueTest], regexes: FieldRegexes | None) -> None:
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._exact_cased: dict[str, list[int]] = defaultdict(list)
        self._numeric: dict[Number, list[int]] = defaultdict(list)
        self._networks = NetworkTable()
        self._others: list[tuple[int, TextTest]] = []
        self._always = np.array([number for number, test in tests.items() if test.op == "exists"], dtype=np.intp)
        self._regexes = regexes
        self._regex_numbers = frozenset(number for number, test in tests.items() if test.op == "regex")
        for number, test in tests.items():
            self._sort(number, test)
        self._longest = self._longest_text()
        self._keys = pl.Series([*self._exact], dtype=pl.String).implode()
        self._cased_keys = pl.Series([*self._exact_cased], dtype=pl.String).implode()
        self._written = pl.Series([_shortest(number) for number in self._numeric], dtype=pl.String).implode()

    def find(self, lined: Lined, texts: pl.Series) -> list[Found]:
        """Return places of texts, and what holds there; `lined` are the same."""
        found = []
        if len(self._always):
            places = np.repeat(np.arange(len(texts)), len(self._always))
            found.append((places, np.tile(self._always, len(texts))))
        places = np.flatnonzero(lined.lengths <= self._longest)
        if len(places):
            some = texts if len(places) == len(texts) else texts[places]
            found += [(places[near], numbers) for near, numbers in self._looked_up(some)]
        if self._others or self._regex_numbers:
            found.append(paired(np.arange(len(texts)), [self._judged(text) for text in texts.to_list()]))
        return found

    def _looked_up(self, texts: pl.Series) -> Iterator[Found]:
        """Yield what is found of texts that are not long in tables; of many, most are not even asked for."""
        if len(texts) <= _FEW:
            held = [self._held(text) + self._networks.holding(text) for text in texts.to_list()]
            yield paired(np.arange(len(texts)), held)
            return
        if self._networks:
            yield from self._networks.find(texts)
        asked = pl.select(pl.any_horizontal(*self._may_be_held(texts), False)).to_series().arg_true()
        if len(asked):
            yield paired(asked.to_numpy(), [self._held(text) for text in texts.gather(asked).to_list()])

    def _may_be_held(self, texts: pl.Series) -> Iterator[pl.Series]:
        if self._exact:
            yield texts.str.to_lowercase().is_in(self._keys)
            # Case folding changes other letters in more ways.
            yield texts.str.len_bytes() != texts.str.len_chars()
        if self._exact_cased:
            yield texts.is_in(self._cased_keys)
        if self._numeric:
            yield texts.is_in(self._written)
            yield texts.str.contains(_UNUSUAL)

    def _held(self, text: str) -> list[int]:
        found = [*self._exact.get(text.casefold(), ()), *self._exact_cased.get(text, ())]
        if self._numeric and (number := number_of(text)) is not None:
            found += self._numeric.get(number, ())
        return found

    def _judged(self, text: str) -> list[int]:
        found = [number for number, holds in self._others if holds(text)]
        if self._regexes is not None and self._regex_numbers:
            found += self._regexes.holding(self._regex_numbers, text)
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
        elif test.op == "cidr":
            self._networks.add(ipaddress.ip_network(test.value), number)
        elif test.op not in {"exists", "regex"}:
            self._others.append((number, text_test([test])))

    def _longest_text(self) -> int:
        """Return how many bytes a text may have that a table holds; -1: none does."""
        exact = max((_CHARACTER * len(text) for text in (*self._exact, *self._exact_cased)), default=-1)
        return max(exact, _SHORT if self._numeric or self._networks else -1)


def _shortest(number: Number) -> str:
    return str(int(number) if isinstance(number, float) and number.is_integer() else number)


def paired(places: Sequence[int] | npt.NDArray[np.generic], holding: Sequence[Sequence[int]]) -> Found:
    """Return the numbers that hold at each of some places, laid end to end."""
    counts = [len(numbers) for numbers in holding]
    numbers = np.array([number for numbers in holding for number in numbers], dtype=np.intp)
    return np.repeat(np.array(places, dtype=np.intp), counts), numbers
