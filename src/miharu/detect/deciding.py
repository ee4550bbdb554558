"""A rule's condition → a function from the rows it may hold for to those it holds for.

Each part of a condition narrows the rows that are left; the cheapest go first. What was found when keys were looked
for is not asked again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

from miharu.detect.engines import literal_of
from miharu.detect.judging import text_holds
from miharu.detect.literals import Literals
from miharu.detect.model import KEYWORDS, AllOf, AnyOf, Leaf, Named, Node, Not, Predicate, ValueTest
from miharu.detect.regexes import FieldRegexes
from miharu.detect.remembering import Budget
from miharu.detect.screening import Screens
from miharu.detect.sheet import Places, Sheet, Values
from miharu.detect.texttests import TextTest, any_test, remembering, text_test

Narrow: TypeAlias = Callable[[Sheet, Places], Places]
"""Returns which of some rows hold; it changes neither."""

_OF_PRESENCE: Final = frozenset({"missing", "exists", "empty"})
_FOUND_COST, _PRESENCE_COST, _TEXT_COST, _SLOW_COST = 0, 1, 2, 10
_MANY: Final = 16
"""Rows of which a part must let none through to be tried first from then on."""
_MANY_TESTS: Final = 256
"""Tests that are no longer made one by one on each text."""
_VALUES: Final = 1_000
_FEW: Final = 50
"""Rows in which long texts are looked into one by one."""
_SLOW: Final = frozenset({"regex", "glob", "cidr"})


@dataclass(frozen=True, slots=True)
class Deciding:
    """What conditions are made from; `found` are the predicates that are looked for in all values."""

    predicates: Sequence[Predicate]
    found: Collection[int]
    regexes: Mapping[int, FieldRegexes]
    _literals: dict[int, Literals] = field(default_factory=dict)

    def literals(self, number: int) -> Literals:
        """Return the search for all literals that rules want in a field and that are not found already."""
        if number not in self._literals:
            self._literals[number] = Literals({
                place: predicate.test
                for place, predicate in enumerate(self.predicates)
                if predicate.field == number and place not in self.found and literal_of(predicate.test)
            })  # fmt: skip
        return self._literals[number]


@dataclass(frozen=True, slots=True)
class _Part:
    cost: float
    narrow: Narrow


def deciding(node: Node, given: Deciding) -> Narrow:
    """Return the function of a condition."""
    return _part(node, given).narrow


def _part(node: Node, given: Deciding) -> _Part:
    match node:
        case Leaf():
            return _leaves([node.predicate], given)[0]
        case Named():
            return _part(node.part, given)
        case Not():
            inner = _part(node.part, given)
            return _Part(inner.cost, partial(_none_of, inner.narrow))
        case AllOf():
            parts = sorted((_part(part, given) for part in _flat(node, AllOf)), key=lambda part: part.cost)
            if len(parts) == 1:
                return parts[0]
            return _Part(sum(part.cost for part in parts), _AllOf([part.narrow for part in parts]))
        case AnyOf():
            return _any_part(_flat(node, AnyOf), given)


def _flat(node: Node, kind: type[AllOf | AnyOf]) -> list[Node]:
    """Return the parts of nodes of one kind within one another."""
    if isinstance(node, Named):
        return _flat(node.part, kind)
    if isinstance(node, AllOf | AnyOf) and isinstance(node, kind):
        return [inner for part in node.parts for inner in _flat(part, kind)]
    return [node]


def _any_part(nodes: Sequence[Node], given: Deciding) -> _Part:
    plain = [node.predicate for node in nodes if isinstance(node, Leaf)]
    parts = _leaves(plain, given) + [_part(node, given) for node in nodes if not isinstance(node, Leaf)]
    parts.sort(key=lambda part: part.cost)
    if len(parts) == 1:
        return parts[0]
    return _Part(sum(part.cost for part in parts), partial(_any_of, [part.narrow for part in parts]))


def _leaves(numbers: Sequence[int], given: Deciding) -> list[_Part]:
    """Return the parts of which one holds where one of some predicates does."""
    found = frozenset(number for number in numbers if _is_found(number, given))
    parts = [_Part(_FOUND_COST, partial(_found_in, found))] if found else []
    by_field: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        predicate = given.predicates[number]
        if number in found:
            continue
        if predicate.test.op == "ref":
            parts.append(_Part(_TEXT_COST, partial(_refers, predicate)))
        elif predicate.test.op in _OF_PRESENCE:
            parts.append(_Part(_PRESENCE_COST, partial(_present, predicate.test.op, predicate.field)))
        else:
            by_field[predicate.field].append(number)
    return parts + [_text_part(field, tests, given) for field, tests in by_field.items()]


def _is_found(number: int, given: Deciding) -> bool:
    return number in given.found or given.predicates[number].field == KEYWORDS


def _text_part(field: int, numbers: Sequence[int], given: Deciding) -> _Part:
    slow = sum(given.predicates[number].test.op in _SLOW for number in numbers)
    return _Part(_TEXT_COST * len(numbers) + _SLOW_COST * slow, _Texts(field, numbers, given))


class _AllOf:
    """Narrows by all of some parts; the part that lets the fewest through is moved to the front as it turns out."""

    def __init__(self, parts: list[Narrow]) -> None:
        self._parts = parts

    def __call__(self, sheet: Sheet, rows: Places) -> Places:
        for place, part in enumerate(self._parts):
            left = part(sheet, rows)
            if not left:
                if place and len(rows) >= _MANY:
                    self._parts.insert(0, self._parts.pop(place))
                return left
            rows = left
        return rows


def _any_of(parts: Sequence[Narrow], sheet: Sheet, rows: Places) -> Places:
    found: Places = set()
    for part in parts:
        found |= part(sheet, rows - found if found else rows)
        if len(found) == len(rows):
            break
    return found


def _none_of(part: Narrow, sheet: Sheet, rows: Places) -> Places:
    return rows - part(sheet, rows)


def _found_in(numbers: frozenset[int], sheet: Sheet, rows: Places) -> Places:
    found: Places = set()
    for number in numbers & sheet.predicates:
        found |= rows & sheet.holding(number)
    return found


def _present(op: str, field: int, sheet: Sheet, rows: Places) -> Places:
    values = sheet.values(field, rows)
    present = {row for row in rows if row in values.single or row in values.several}
    if op == "exists":
        return present
    absent = rows - present
    if op == "missing":
        return absent
    return absent | {row for row in present if "" in _all(values, row)}


class _Texts:
    """Any of some tests of a field's values; made ready when first wanted, for most parts never are."""

    def __init__(self, field: int, numbers: Sequence[int], given: Deciding) -> None:
        self._field = field
        self._numbers = numbers
        self._given = given
        self._holds: TextTest | None = None
        self._literal: frozenset[int] | None = None
        """The tests, if all are of literals; else none."""
        self._screens: Screens | None = None

    def __call__(self, sheet: Sheet, rows: Places) -> Places:
        if len(self._numbers) > _MANY_TESTS:
            return sheet.screened(self._field, self._made_screens(), rows)
        if len(rows) > _FEW and sheet.is_long(self._field) and self._is_literal():
            sheet.scan(self._field, self._given.literals(self._field))
            return _found_in(self._literal or frozenset(), sheet, rows)
        holds = self._holds or self._made()
        values = sheet.values(self._field, rows)
        single = values.single.get
        # Many rows hold few texts.
        held = {text for text in set(map(single, rows)) if text is not None and holds(text)}
        found = {row for row in rows if single(row) in held} if held else set()
        if values.several:
            found |= {row for row in rows if any(holds(text) for text in values.several.get(row, ()))}
        return found

    def _tests(self) -> dict[int, ValueTest]:
        return {number: self._given.predicates[number].test for number in self._numbers}

    def _is_literal(self) -> bool:
        if self._literal is None:
            literal = all(literal_of(test) for test in self._tests().values())
            self._literal = frozenset(self._numbers) if literal else frozenset()
        return bool(self._literal)

    def _made_screens(self) -> Screens:
        if self._screens is None:
            self._screens = Screens({}, self._given.regexes, {self._field: self._tests()}, Budget(_VALUES))
        return self._screens

    def _made(self) -> TextTest:
        tests = self._tests()
        plain = [test for test in tests.values() if test.op != "regex"]
        functions: list[TextTest] = [text_test(plain)] if plain else []
        regexes = [number for number, test in tests.items() if test.op == "regex"]
        if regexes:
            holds = self._given.regexes[self._field].holds
            functions.append(remembering(any_test([partial(holds, number) for number in regexes])))
        self._holds = any_test(functions)
        return self._holds


def _refers(predicate: Predicate, sheet: Sheet, rows: Places) -> Places:
    test, ours, theirs = predicate.test, sheet.values(predicate.field, rows), sheet.values(predicate.other, rows)
    return {
        row
        for row in rows
        if any(
            text_holds(test.flags, our, their, cased=test.cased)
            for our in _all(ours, row)
            for their in _all(theirs, row)
        )
    }


def _all(values: Values, row: int) -> Sequence[str]:
    text = values.single.get(row)
    return values.several.get(row, ()) if text is None else (text,)
