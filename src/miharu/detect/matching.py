"""A value of one field → the predicates of that field that hold for it, once per distinct value.

Exact texts and numbers are looked up in hash tables, literals and wildcards found by one scan and confirmed,
regular expressions by another; what is left (networks, comparisons) is judged one by one.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec
import polars as pl

from miharu.detect.columns import TextColumn
from miharu.detect.engines import compiled_regex, is_costly, literal_of
from miharu.detect.judging import (
    ORDER_OPS,
    TEXT_OPS,
    TIME_OPS,
    Judge,
    Network,
    Number,
    address_of,
    folded_segments,
    glob_regex,
    number_of,
)
from miharu.detect.model import ABSENT_OPS, Engine, Predicate, ValueTest
from miharu.detect.remembering import Budget, Remembered
from miharu.detect.scanning import PatternScanner

_LONG: Final = 1_024
"""Bytes of a text above which it is worth while not to decode it."""
_MANY: Final = 64
_FEW: Final = 16
_LONGEST_KEPT: Final = 4_096
"""Characters of the longest value that is remembered: longer ones seldom come again."""

Pattern: TypeAlias = frozenset[int]
"""Numbers of the predicates that hold."""

_Check: TypeAlias = tuple[int, Callable[[str, str], bool], str, bool]
"""A literal's use where a hit is not enough: predicate, how it is confirmed, wanted text, cased."""


class FieldMatcher:
    """Judges the values of one field. Patterns are numbered; number 0 is kept for a missing value."""

    def __init__(self, predicates: Iterable[tuple[int, Predicate]], engine: Engine | None, budget: Budget) -> None:
        self.patterns: list[Pattern] = []
        self._numbers: dict[Pattern, int] = {}
        self._known: Remembered[str, int] = Remembered(budget)
        self._known_lists: Remembered[str, int] = Remembered(budget)
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._exact_cased: dict[str, list[int]] = defaultdict(list)
        self._numeric: dict[Number, list[int]] = defaultdict(list)
        self._networks: list[tuple[Network, int]] = []
        self._single: list[tuple[int, ValueTest]] = []
        self._always: list[int] = []
        self._when_empty: list[int] = []
        self._enough: dict[str, list[int]] = defaultdict(list)
        self._checks: dict[str, list[_Check]] = defaultdict(list)
        self._regex_tests: dict[int, ValueTest] = {}
        self._judge = Judge()
        absent: list[int] = []
        for number, predicate in predicates:
            if predicate.test.op in ABSENT_OPS:
                absent.append(number)
            self._sort(number, predicate.test)
        self._literals = engine.literals if engine else ()
        self._sure = [self._enough[text] for text in self._literals]
        self._doubtful = [self._checks[text] for text in self._literals]
        # Case folding may make a text up to three times as long.
        self._longest = 3 * max(map(len, (*self._exact, *self._exact_cased)), default=-1)
        self._scanner = PatternScanner(engine.literal_database) if engine and engine.literal_database else None
        self._regexes = _Regexes(engine, self._regex_tests) if engine and engine.regexes else None
        self.patterns.append(frozenset(absent))
        others = (self._regexes, self._numeric, self._networks, self._single)
        self._only_scanned = self._scanner is not None and not any(others)

    def forget(self) -> None:
        """Forget all values and patterns; their numbers mean nothing any more."""
        del self.patterns[1:]
        self._numbers.clear()
        for known in (self._known, self._known_lists):
            known.age()
            known.age()

    def number_of_pattern(self, pattern: Pattern) -> int:
        """Return the number of a set of predicates."""
        number = self._numbers.get(pattern)
        if number is None:
            number = self._numbers[pattern] = len(self.patterns)
            self.patterns.append(pattern)
        return number

    def numbers(self, column: TextColumn) -> list[int]:
        """Return the pattern number of each text; of a list, what holds for any element holds."""
        texts = column.texts
        if column.lists:
            known = self._known_lists.young.get
            return [0 if value is None else known(value) or self._list_number(value) for value in texts.to_list()]
        if self._only_scanned and len(texts) >= _MANY and _are_long(texts):
            return [0 if value is None else self._long_number(value) for value in texts.cast(pl.Binary).to_list()]
        known = self._known.young.get
        return [0 if value is None else known(value) or self._number(value) for value in texts.to_list()]

    def _long_number(self, data: bytes) -> int:
        """Return the pattern number of a text that need not be decoded if it is ASCII and only scanned."""
        if self._scanner is None or len(data) <= self._longest or not data.isascii():
            return self._number(data.decode())
        hits = self._scanner.scan(data)
        if any(self._doubtful[hit] for hit in hits):
            return self._number(data.decode())
        return self.number_of_pattern(frozenset(self._always).union(*(self._sure[hit] for hit in hits)))

    def _number(self, value: str) -> int:
        number = self._known.get(value, len(value))
        if number is None:
            number = self.number_of_pattern(self.match(value))
            if len(value) <= _LONGEST_KEPT:
                self._known.put(value, number, len(value))
        return number

    def _list_number(self, text: str) -> int:
        number = self._known_lists.get(text, len(text))
        if number is None:
            values = msgspec.json.decode(text, type=list[str])
            number = self.number_of_pattern(frozenset().union(*(self.match(value) for value in values)))
            if len(text) <= _LONGEST_KEPT:
                self._known_lists.put(text, number, len(text))
        return number

    def match(self, value: str) -> Pattern:
        """Return the predicates that hold for a value."""
        found = list(self._always)
        if len(value) <= self._longest:
            found += self._exact.get(value.casefold(), ())
            found += self._exact_cased.get(value, ())
        if not value:
            found += self._when_empty
        if self._literals:
            self._find_literals(value, found)
        if self._regexes is not None:
            self._regexes.find(value, found)
        if self._numeric and (number := number_of(value)) is not None:
            found += self._numeric.get(number, ())
        if self._networks and (address := address_of(value)) is not None:
            found += [predicate for network, predicate in self._networks if address in network]
        if self._single:
            found += [number for number, test in self._single if self._judge.holds_for(test, value)]
        return frozenset(found)

    def _find_literals(self, value: str, found: list[int]) -> None:
        if self._scanner is not None:
            # The database knows ASCII letters in any case: such a text need not be folded to be scanned.
            scanned = value if value.isascii() else value.casefold()
            hits: Iterable[int] = self._scanner.scan(scanned.encode())
        else:
            folded = value.casefold()
            hits = [place for place, literal in enumerate(self._literals) if literal in folded]
        doubtful: list[_Check] = []
        for hit in hits:
            found += self._sure[hit]
            doubtful += self._doubtful[hit]
        if doubtful:
            folded = value.casefold()
            found += [
                number for number, confirm, wanted, cased in doubtful if confirm(value if cased else folded, wanted)
            ]

    def _sort(self, number: int, test: ValueTest) -> None:
        """Put a test where it is decided fastest."""
        literal = literal_of(test)
        if literal:
            confirm = _confirmation(test)
            if confirm is None:
                self._enough[literal].append(number)
            else:
                wanted = test.value if test.cased else test.value.casefold()
                self._checks[literal].append((number, confirm, wanted, test.cased))
        elif test.op == "equals":
            self._sort_exact(number, test)
        elif test.op == "regex":
            self._regex_tests[number] = test
        elif test.op == "exists":
            self._always.append(number)
        elif test.op == "empty":
            self._when_empty.append(number)
        elif test.op == "number":
            self._sort_number(number, test)
        elif test.op == "cidr":
            self._networks.append((ipaddress.ip_network(test.value), number))
        elif test.op in TIME_OPS or test.op in ORDER_OPS or test.op in TEXT_OPS:
            self._single.append((number, test))

    def _sort_exact(self, number: int, test: ValueTest) -> None:
        if test.cased:
            self._exact_cased[test.value].append(number)
        else:
            self._exact[test.value.casefold()].append(number)

    def _sort_number(self, number: int, test: ValueTest) -> None:
        wanted = number_of(test.value)
        if wanted is None:
            self._exact_cased[test.value].append(number)
        else:
            self._numeric[wanted].append(number)


def _are_long(texts: pl.Series) -> bool:
    """Say whether the first few texts are long ones."""
    few = texts.head(_FEW).to_list()
    return sum(len(text) for text in few if text is not None) > _LONG * len(few)


def _confirmation(test: ValueTest) -> Callable[[str, str], bool] | None:
    """Return what must hold, beyond the literal's presence, of the value and the wanted text."""
    match test.op:
        case "starts":
            return str.startswith
        case "ends":
            return str.endswith
        case "contains":
            return str.__contains__ if test.cased or "\0" in test.value else None
        case _:
            pattern = glob_regex(folded_segments(test))
            return lambda value, _: pattern.match(value) is not None


class _Regexes:
    """The regular expressions of one field: a linear scan first, `re` to confirm where that is safe."""

    def __init__(self, engine: Engine, tests: dict[int, ValueTest]) -> None:
        self._scanner = PatternScanner(engine.regex_database) if engine.regex_database else None
        self._patterns = {number: compiled_regex(tests[number]) for number, _ in engine.regexes}
        self._sure = {number for number, how in engine.regexes if how == "exact" and is_costly(tests[number].value)}
        self._unscanned = [number for number, how in engine.regexes if how == "none"]

    def find(self, value: str, found: list[int]) -> None:
        """Add the numbers of the expressions that match; an empty value is never scanned, and never costly."""
        if not value:
            found += [number for number, pattern in self._patterns.items() if pattern.search(value)]
            return
        hits = self._scanner.scan(value.encode()) if self._scanner else []
        found += [
            number
            for number in (*hits, *self._unscanned)
            if number in self._sure or self._patterns[number].search(value)
        ]
