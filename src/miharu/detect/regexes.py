"""The regular expressions of one field and a value → which of them match: a linear scan first, then `re`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from miharu.detect.engines import compiled_regex, is_costly
from miharu.detect.model import Engine, ValueTest
from miharu.detect.scanning import PatternScanner

_LONG: Final = 4_096
"""Characters above which `re`, which may take quadratic time, is not asked about what the scan decides exactly, and
else only about pieces of twice this length."""
_KEPT: Final = 1_024
_LONGEST_KEPT: Final = 4_096
"""How many values, and of how many characters at most, whose scan is remembered: rules ask one after another."""


class FieldRegexes:
    """Holds where both engines agree; where `re` could take too long, the scan alone decides."""

    def __init__(self, engine: Engine, tests: Mapping[int, ValueTest]) -> None:
        self._tests = tests
        self._unscanned = frozenset(number for number, how in engine.regexes if how == "none")
        self._exact = frozenset(number for number, how in engine.regexes if how == "exact")
        self._costly = frozenset(number for number in self._exact if is_costly(tests[number].value))
        self._scanner = PatternScanner(engine.regex_database) if engine.regex_database else None
        self._patterns: dict[int, re.Pattern[str]] = {}
        self._scanned: dict[str, frozenset[int]] = {}

    def holds(self, number: int, value: str) -> bool:
        """Return whether one expression matches; an empty value is never scanned, and never costly."""
        if value and number not in self._unscanned:
            if number not in self._scan(value):
                return False
            if number in self._costly or (len(value) > _LONG and number in self._exact):
                return True
        pattern = self._pattern(number)
        return pattern.search(value) is not None if len(value) <= _LONG else _in_pieces(pattern, value)

    def holding(self, numbers: frozenset[int], value: str) -> list[int]:
        """Return which of some expressions match."""
        possible = (self._scan(value) | self._unscanned) & numbers if value else numbers
        return [number for number in possible if self.holds(number, value)]

    def _scan(self, value: str) -> frozenset[int]:
        found = self._scanned.get(value)
        if found is None:
            found = frozenset(self._scanner.scan(value.encode()) if self._scanner else ())
            if len(self._scanned) >= _KEPT:
                self._scanned.clear()
            if len(value) <= _LONGEST_KEPT:
                self._scanned[value] = found
        return found

    def _pattern(self, number: int) -> re.Pattern[str]:
        pattern = self._patterns.get(number)
        if pattern is None:
            pattern = self._patterns[number] = compiled_regex(self._tests[number])
        return pattern


def _in_pieces(pattern: re.Pattern[str], value: str) -> bool:
    """Return whether a pattern matches in a long value, of which it is shown pieces that overlap by half.

    A match longer than half a piece may be missed: the price of taking no more than linear time.
    """
    for begin in range(0, len(value), _LONG):
        end = min(len(value), begin + 2 * _LONG)
        found = pattern.search(value, begin, end)
        if found is None:
            continue
        # To the pattern a piece ends as a value does: that must not have made the match.
        after = min(len(value), end + _LONG)
        again = found if end == len(value) else pattern.match(value, found.start(), after)
        if again is not None and (again.end() < after or after == len(value)):
            return True
    return False
