"""Tests of one field → one function of a text, for texts that are judged one by one."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeAlias

from miharu.detect.judging import Judge, number_of
from miharu.detect.model import ValueTest
from miharu.detect.networks import NetworkTable

TextTest: TypeAlias = Callable[[str], bool]

_TABLES: Final = frozenset({"number", "cidr"})
_KEPT: Final = 2_000
_LONGEST_KEPT: Final = 256
"""How many texts, and of how many characters at most, each test remembers that takes long."""


def text_test(tests: Sequence[ValueTest]) -> TextTest:
    """Return a function that says whether any of some tests holds for a text; the tests are of the text itself."""
    by_kind: dict[tuple[str, bool], list[ValueTest]] = defaultdict(list)
    for test in tests:
        by_kind[test.op if test.op in _OPS or test.op in _TABLES else "", test.cased].append(test)
    return any_test([_of_kind(op, some, cased=cased) for (op, cased), some in by_kind.items()])


def _of_kind(op: str, tests: Sequence[ValueTest], *, cased: bool) -> TextTest:
    if op == "number":
        return _numbers(tests)
    if op == "cidr":
        return remembering(_networks(tests))
    if not op:
        judge = Judge()
        return remembering(any_test([partial(judge.holds_for, test) for test in tests]))
    return _plain(op, [test.value for test in tests], cased=cased)


def any_test(parts: Sequence[TextTest]) -> TextTest:
    """Return a function that says whether any of some functions does."""
    if len(parts) == 1:
        return parts[0]
    return lambda text: any(part(text) for part in parts)


def _networks(tests: Sequence[ValueTest]) -> TextTest:
    table = NetworkTable()
    for number, test in enumerate(tests):
        table.add(ipaddress.ip_network(test.value), number)
    return lambda text: bool(table.holding(text))


def remembering(holds: TextTest) -> TextTest:
    """Return a function that does the same and remembers what it said of texts that are not long."""
    known: dict[str, bool] = {}

    def remembered(text: str) -> bool:
        found = known.get(text)
        if found is None:
            found = holds(text)
            if len(known) >= _KEPT:
                known.clear()
            if len(text) <= _LONGEST_KEPT:
                known[text] = found
        return found

    return remembered


def _numbers(tests: Sequence[ValueTest]) -> TextTest:
    """Return a function that looks a number up; most texts of numbers are written in the shortest way."""
    texts = frozenset(test.value for test in tests)
    wanted = frozenset(number for test in tests if (number := number_of(test.value)) is not None)
    written = frozenset(map(str, wanted))

    def holds(text: str) -> bool:
        if text in texts or text in written:
            return True
        if not wanted or (text.isdecimal() and text.isascii() and text[0] != "0"):
            return False
        number = number_of(text)
        return number is not None and number in wanted

    return holds


def _plain(op: str, values: Iterable[str], *, cased: bool) -> TextTest:
    wanted = tuple(dict.fromkeys(values if cased else (value.casefold() for value in values)))
    holds = _OPS[op](wanted)
    return holds if cased else lambda text: holds(text.casefold())


def _equals(wanted: tuple[str, ...]) -> TextTest:
    return frozenset(wanted).__contains__


def _starts(wanted: tuple[str, ...]) -> TextTest:
    return lambda text: text.startswith(wanted)


def _ends(wanted: tuple[str, ...]) -> TextTest:
    return lambda text: text.endswith(wanted)


def _contains(wanted: tuple[str, ...]) -> TextTest:
    if len(wanted) == 1:
        only = wanted[0]
        return lambda text: only in text
    return lambda text: any(part in text for part in wanted)


_OPS: Final[dict[str, Callable[[tuple[str, ...]], TextTest]]] = {
    "equals": _equals,
    "starts": _starts,
    "ends": _ends,
    "contains": _contains,
}
