"""One predicate and one value → whether it holds. The plain definition of every test.

The detector reaches the same verdicts by other ways (hash tables, pattern databases, caches); explanations
and doubtful cases come here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from miharu.detect.engines import compiled_regex
from miharu.detect.model import Segments, ValueTest

Number: TypeAlias = int | float
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

TIME_OPS: Final = frozenset({"minute", "hour", "day", "week", "month", "year"})
ORDER_OPS: Final = frozenset({"lt", "lte", "gt", "gte", "neq"})
TEXT_OPS: Final = frozenset({"starts", "ends", "contains", "glob"})
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def number_of(text: str) -> Number | None:
    """Return the decimal number a text is, else None."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def address_of(text: str) -> Address | None:
    """Return the address a text is, else None; an IPv4 address mapped into IPv6 is the IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def instant_of(text: str) -> datetime | None:
    """Return the instant an ISO 8601 text is, else None."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def compare(op: str, left: Number, right: Number) -> bool:
    """Return whether `left` stands to `right` as a comparison wants."""
    match op:
        case "lt":
            return left < right
        case "lte":
            return left <= right
        case "gt":
            return left > right
        case "gte":
            return left >= right
        case "neq":
            return left != right
        case _:
            return left == right


def time_part(op: str, instant: datetime) -> int:
    """Return the part of an instant; weeks begin on Monday and count from 0, as `%W` does."""
    return int(instant.strftime("%W")) if op == "week" else int(getattr(instant, op))


def glob_regex(segments: Segments) -> re.Pattern[str]:
    """Return the pattern of a wildcard text; each piece takes its first place, so matching stays linear."""
    pieces = ["".join("." if part is None else re.escape(part) for part in segment) for segment in segments]
    if len(pieces) == 1:
        return re.compile(pieces[0] + r"\Z", re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
    return re.compile(rf"{pieces[0]}{middle}.*{pieces[-1]}\Z", re.DOTALL)


def folded_segments(test: ValueTest) -> Segments:
    """Return the segments of a wildcard test, case-folded unless it is cased."""
    if test.cased:
        return test.segments
    return tuple(tuple(None if part is None else part.casefold() for part in segment) for segment in test.segments)


class Judge:
    """Judges values one by one; keeps compiled patterns."""

    def __init__(self) -> None:
        self._patterns: dict[ValueTest, re.Pattern[str]] = {}

    def holds(self, test: ValueTest, values: Sequence[str]) -> bool:
        """Return whether a test holds for a field with these values (none: the field is missing)."""
        match test.op:
            case "missing":
                return not values
            case "exists":
                return bool(values)
            case "empty":
                return not values or "" in values
            case _:
                return any(self.holds_for(test, value) for value in values)

    def holds_for(self, test: ValueTest, value: str) -> bool:
        """Return whether a test of the value itself (not of its absence, not a reference) holds."""
        if test.op in {"equals", "starts", "ends", "contains"}:
            return text_holds(test.op, value, test.value, cased=test.cased)
        if test.op in {"glob", "regex"}:
            return self._pattern_holds(test, value)
        if test.op == "cidr":
            address = address_of(value)
            return address is not None and address in ipaddress.ip_network(test.value)
        if test.op in TIME_OPS:
            instant = instant_of(value)
            return instant is not None and compare(test.flags, time_part(test.op, instant), int(test.value))
        return _number_holds(test, value)

    def _pattern_holds(self, test: ValueTest, value: str) -> bool:
        pattern = self._patterns.get(test)
        if pattern is None:
            pattern = compiled_regex(test) if test.op == "regex" else glob_regex(folded_segments(test))
            self._patterns[test] = pattern
        if test.op == "regex":
            return pattern.search(value) is not None
        return pattern.match(value if test.cased else value.casefold()) is not None


def text_holds(op: str, value: str, wanted: str, *, cased: bool) -> bool:
    """Return whether a text equals, starts or ends with, or contains another."""
    if not cased:
        value, wanted = value.casefold(), wanted.casefold()
    tests = {
        "equals": partial(value.__eq__, wanted),
        "starts": partial(value.startswith, wanted),
        "ends": partial(value.endswith, wanted),
        "contains": partial(value.__contains__, wanted),
    }
    return bool(tests[op]())


def _number_holds(test: ValueTest, value: str) -> bool:
    wanted, number = number_of(test.value), number_of(value)
    if test.op == "number":
        return value == test.value or (number is not None and number == wanted)
    return number is not None and wanted is not None and compare(test.op, number, wanted)
