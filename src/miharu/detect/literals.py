"""Texts that lie one after another in memory → the tests that hold for them by a literal they hold.

All texts of a field are scanned at once; a hit's place tells its text, and whether the literal stands where a test
wants it. The hits of all fields are told apart together. Texts are scanned as they are if they are ASCII (the
database knows these letters in any case), else case-folded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.core.letters import text_bytes
from miharu.detect.engines import key_literal, literal_database
from miharu.detect.model import Engine, ValueTest
from miharu.detect.ragged import Numbers, Ragged, once
from miharu.detect.scanning import PatternScanner
from miharu.detect.texttests import TextTest, text_test

_LONG: Final = 65_536
"""Bytes of a text that is scanned alone: a literal may occur in it very often, and counts once."""
_BLOCK: Final = 1 << 26
"""Bytes that are scanned at once, about."""
_WIDE: Final = 0x80
_KINDS: Final = ("anywhere", "starts", "ends", "whole", "doubtful")
"""Where a literal must be found for its tests to hold; the doubtful ones are judged then."""

Found: TypeAlias = tuple[Numbers, Numbers]
"""Places of values, and the predicates that hold there; equally long."""

Bytes: TypeAlias = npt.NDArray[np.int64]


class LiteralTable:
    """What literals mean, those of several searches numbered one after another."""

    def __init__(self) -> None:
        self._tests: dict[int, ValueTest] = {}
        self._ready: dict[int, TextTest] = {}
        self._lists = {kind: Ragged() for kind in _KINDS}
        self.lengths: Bytes = np.empty(0, dtype=np.int64)
        """The bytes of each literal."""

    def add(self, tests: Mapping[int, ValueTest], engine: Engine | None) -> LiteralSearch | None:
        """Return the search for the literals of some tests; None where they have none."""
        wanted: dict[str, list[int]] = defaultdict(list)
        for number, test in tests.items():
            if literal := key_literal(test):
                wanted[literal].append(number)
                self._tests[number] = test
        if not wanted:
            return None
        scanner, literals = _scanner(wanted, engine)
        first = len(self.lengths)
        lengths = np.array([len(literal.encode()) for literal in literals], dtype=np.int64)
        self.lengths = np.concatenate([self.lengths, lengths])
        pairs: dict[str, list[tuple[int, int]]] = {kind: [] for kind in _KINDS}
        for place, literal in enumerate(literals):
            for number in wanted.get(literal, ()):
                pairs[_kind(tests[number])].append((place, number))
        for kind, lists in self._lists.items():
            lists.extend(len(literals), pairs[kind])
        return LiteralSearch(scanner, first)

    @property
    def of(self) -> Mapping[str, Ragged]:
        """The tests that want each literal, by kind."""
        return {kind: lists for kind, lists in self._lists.items() if lists}

    def knows(self, number: int) -> bool:
        """Say whether a test is found by a literal."""
        return number in self._tests

    def holds(self, number: int, text: str) -> bool:
        """Return whether a test holds for a text."""
        test = self._ready.get(number)
        if test is None:
            test = self._ready[number] = text_test([self._tests[number]])
        return test(text)

    def tests_of(self, literals: Numbers) -> list[int]:
        """Return all tests that want any of some literals."""
        return [number for ragged in self.of.values() for number in ragged.take(literals)[1].tolist()]


class LiteralSearch:
    """Looks for the literals that a table numbers from `first` on."""

    def __init__(self, scanner: PatternScanner, first: int) -> None:
        self.scanner = scanner
        self.first = first


class LiteralHits:
    """Collects the hits of several searches, each over texts of its own, and tells what they mean."""

    def __init__(self, table: LiteralTable) -> None:
        self._table = table
        self._ids: list[Numbers] = []
        self._stops: list[Bytes] = []
        self._begins: list[Bytes] = []
        self._owners: list[Numbers] = []
        self._series: list[pl.Series] = []
        self._places: list[Numbers] = []
        self._bytes = 0
        self._alone: list[tuple[int, int]] = []

    def add(self, search: LiteralSearch, lined: Lined, texts: pl.Series, owners: Numbers) -> None:
        """Scan texts, `lined` being the same; what is found in one belongs to its owner."""
        wide = lined.wide()
        if not len(wide):
            self._scan(search, lined, texts, owners)
            return
        folded = pl.Series([text.casefold() for text in texts[wide].to_list()], dtype=pl.String)
        self._scan(search, Lined(folded), texts[wide], owners[wide])
        narrow = np.delete(np.arange(len(texts)), wide)
        if len(narrow):
            self._scan(search, Lined(texts[narrow]), texts[narrow], owners[narrow])

    def found(self) -> list[Found]:
        """Return owners of texts, and the tests that hold."""
        found = self._told_apart() if self._ids else []
        if self._alone:
            owners, numbers = zip(*self._alone, strict=True)
            found.append((np.array(owners, dtype=np.intp), np.array(numbers, dtype=np.intp)))
        return found

    def _scan(self, search: LiteralSearch, lined: Lined, texts: pl.Series, owners: Numbers) -> None:
        """Scan texts that are `lined` as they are (ASCII), or folded."""
        before = len(self._ids)
        for first, last in lined.blocks():
            if last == first + 1 and lined.lengths[first] > _LONG:
                self._scan_alone(search, texts[first], int(owners[first]))
                continue
            numbers, stops = search.scanner.places(lined.part(first, last))
            if len(numbers):
                self._ids.append(numbers + search.first)
                self._stops.append(stops + (lined.begins[first] + self._bytes))
        if len(self._ids) > before:
            self._begins.append(lined.begins[:-1] + self._bytes)
            self._owners.append(owners)
            self._series.append(texts)
            self._bytes += int(lined.begins[-1])

    def _scan_alone(self, search: LiteralSearch, text: str, owner: int) -> None:
        """Scan one text, folded, since case may change what lies where."""
        hits = np.array(sorted(search.scanner.scan(text.casefold().encode())), dtype=np.intp) + search.first
        self._alone += [(owner, number) for number in self._table.tests_of(hits) if self._table.holds(number, text)]

    def _told_apart(self) -> list[Found]:
        table = self._table
        begins = np.concatenate([*self._begins, [self._bytes]])
        owners = np.concatenate(self._owners)
        ids, stop = np.concatenate(self._ids), np.concatenate(self._stops)
        start = stop - table.lengths[ids]
        places = np.searchsorted(begins, stop - 1, side="right") - 1
        found = []
        for kind, ragged in table.of.items():
            # A hit may begin in an earlier text.
            fits = start == begins[places] if kind in {"starts", "whole"} else start >= begins[places]
            if kind in {"ends", "whole"}:
                fits &= stop == begins[places + 1]
            here = np.flatnonzero(fits)
            hits, numbers = ragged.take(ids[here])
            if len(numbers):
                where, numbers = once(places[here][hits], numbers)
                if kind == "doubtful":
                    where, numbers = self._confirmed(where, numbers)
                found.append((owners[where], numbers))
        return found

    def _confirmed(self, places: Numbers, numbers: Numbers) -> Found:
        """Judge tests of texts by their places among all that were scanned."""
        firsts = np.cumsum([0, *map(len, self._series)])
        parts = np.searchsorted(firsts, places, side="right") - 1
        texts = [
            self._series[part][place]
            for part, place in zip(parts.tolist(), (places - firsts[parts]).tolist(), strict=True)
        ]
        holds = [self._table.holds(number, text) for number, text in zip(numbers.tolist(), texts, strict=True)]
        return places[holds], numbers[holds]


class Literals:
    """The search for the literals of one set of tests."""

    def __init__(self, tests: Mapping[int, ValueTest]) -> None:
        self._table = LiteralTable()
        self._search = self._table.add(tests, None)

    def find(self, texts: Iterable[tuple[Numbers, pl.Series]]) -> Found:
        """Return owners of texts and the tests that hold, for texts each with its owner."""
        hits, search = LiteralHits(self._table), self._search
        if search is not None:
            for owners, series in texts:
                hits.add(search, Lined(series), series, owners)
        nothing = np.empty(0, dtype=np.intp)
        found = [(nothing, nothing), *hits.found()]
        return np.concatenate([owners for owners, _ in found]), np.concatenate([numbers for _, numbers in found])


def _scanner(wanted: Mapping[str, object], engine: Engine | None) -> tuple[PatternScanner, Sequence[str]]:
    """Return the compiled search for the wanted literals, or make one (of part of a rule set other keys are chosen)."""
    if engine is not None and wanted.keys() <= set(engine.literals):
        return PatternScanner(engine.literal_database), engine.literals
    return PatternScanner(literal_database(wanted)), tuple(wanted)


def _kind(test: ValueTest) -> str:
    if test.cased or test.op == "glob" or "\0" in test.value:
        return "doubtful"
    return {"starts": "starts", "ends": "ends", "equals": "whole"}.get(test.op, "anywhere")


class Lined:
    """Texts one after another in memory; the text at a place lies from `begins[place]` to `begins[place + 1]`."""

    def __init__(self, texts: pl.Series) -> None:
        letters, self.begins = text_bytes(texts.rechunk())
        self.lengths = np.diff(self.begins)
        self._data = letters.data

    def part(self, first: int, last: int) -> memoryview:
        """Return the texts from `first` to before `last`."""
        return self._data[int(self.begins[first]) : int(self.begins[last])]

    def wide(self) -> Numbers:
        """Return the places of texts that are not ASCII."""
        data = np.frombuffer(self._data, dtype=np.uint8)
        if not len(data) or data.max() < _WIDE:
            return np.empty(0, dtype=np.intp)
        return np.unique(np.searchsorted(self.begins, np.flatnonzero(data >= _WIDE), side="right") - 1)

    def blocks(self) -> list[tuple[int, int]]:
        """Return runs of texts that are scanned together: a long one alone, and not too many bytes."""
        begins, count = self.begins, len(self.lengths)
        if begins[-1] <= _LONG:
            return [(0, count)] if count else []
        alone = np.flatnonzero(self.lengths > _LONG)
        edges = np.unique(np.concatenate([[0, count], alone, alone + 1]))
        found = []
        for begin, end in zip(edges.tolist(), edges[1:].tolist(), strict=False):
            first = begin
            while first < end:
                last = int(np.searchsorted(begins, begins[first] + _BLOCK, side="right")) - 1
                last = min(max(last, first + 1), end)
                found.append((first, last))
                first = last
        return found
