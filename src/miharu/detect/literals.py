"""Texts that lie one after another in memory → the tests that hold for them by a literal they hold.

All are scanned at once; a hit's place tells its text, and whether the literal stands where a test wants it. Texts
are scanned as they are if they are ASCII (the database knows these letters in any case), else case-folded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

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


class LiteralSearch:
    """Tests that want a literal in the value: anywhere, at its beginning, at its end, or with more to confirm."""

    def __init__(self, tests: Mapping[int, ValueTest], engine: Engine | None) -> None:
        self._tests: dict[int, TextTest] = {}
        wanted: dict[str, list[int]] = defaultdict(list)
        for number, test in tests.items():
            if literal := key_literal(test):
                wanted[literal].append(number)
                self._tests[number] = text_test([test])
        self._scanner, literals = _scanner(wanted, engine)
        self._lengths = np.array([len(literal.encode()) for literal in literals], dtype=np.intp)
        sorted_out: dict[str, list[list[int]]] = {kind: [] for kind in _KINDS}
        for literal in literals:
            for kind, numbers in sorted_out.items():
                numbers.append([number for number in wanted.get(literal, ()) if _kind(tests[number]) == kind])
        self._of = {kind: Ragged(numbers) for kind, numbers in sorted_out.items() if any(numbers)}

    def find(self, lined: Lined, texts: pl.Series) -> list[Found]:
        """Return what holds for which of some texts; `lined` are the same."""
        if self._scanner is None:
            return []
        wide = lined.wide()
        if not len(wide):
            return self._found(lined, None, texts)
        folded = pl.Series([text.casefold() for text in texts[wide].to_list()], dtype=pl.String)
        narrow = np.delete(np.arange(len(texts)), wide)
        return [
            *self._found(Lined(folded), wide, texts),
            *(self._found(Lined(texts[narrow]), narrow, texts) if len(narrow) else ()),
        ]

    def _found(self, lined: Lined, places: Numbers | None, texts: pl.Series) -> list[Found]:
        """Scan texts (ASCII, or folded) that stand at `places` of `texts`; None: at all of them."""
        scanner, found = self._scanner, []
        for first, last in lined.blocks() if scanner is not None else ():
            if last == first + 1 and lined.lengths[first] > _LONG:
                found.append(self._one(first, texts[int(first if places is None else places[first])]))
            elif scanner is not None:
                found += self._sorted_out(lined, *scanner.places(lined.part(first, last)), first, texts, places)
        if places is None:
            return found
        return [(places[here], numbers) for here, numbers in found]

    def _sorted_out(
        self,
        lined: Lined,
        numbers: list[int],
        stops: list[int],
        first: int,
        texts: pl.Series,
        origin: Numbers | None,
    ) -> list[Found]:
        """Return what hits of a scan that began with the text `first` mean."""
        if not numbers:
            return []
        ids, stop = np.array(numbers, dtype=np.intp), np.array(stops, dtype=np.int64) + lined.ends[first]
        start = stop - self._lengths[ids]
        places = np.searchsorted(lined.ends, stop - 1, side="right") - 1
        found = []
        for kind, ragged in self._of.items():
            here = np.flatnonzero(lined.fits(kind, start, stop, places))
            owners, predicates = ragged.take(ids[here])
            if not len(predicates):
                continue
            where, predicates = once(places[here][owners], predicates)
            if kind == "doubtful":
                asked = texts[where if origin is None else origin[where]].to_list()
                holds = [self._tests[number](text) for text, number in zip(asked, predicates.tolist(), strict=True)]
                where, predicates = where[holds], predicates[holds]
            found.append((where, predicates))
        return found

    def _one(self, place: int, text: str) -> Found:
        """Scan one text alone, folded, since case may change what lies where."""
        hits = self._scanner.scan(text.casefold().encode()) if self._scanner else set()
        ids = np.array(sorted(hits), dtype=np.intp)
        possible = [number for ragged in self._of.values() for number in ragged.take(ids)[1].tolist()]
        holding = [number for number in possible if self._tests[number](text)]
        return np.full(len(holding), place), np.array(holding, dtype=np.intp)


def _scanner(wanted: Mapping[str, object], engine: Engine | None) -> tuple[PatternScanner | None, Sequence[str]]:
    """Return the compiled search for the wanted literals, or make one (of part of a rule set other keys are chosen)."""
    if not wanted:
        return None, ()
    if engine is not None and wanted.keys() <= set(engine.literals):
        return PatternScanner(engine.literal_database), engine.literals
    return PatternScanner(literal_database(wanted)), tuple(wanted)


def _kind(test: ValueTest) -> str:
    if test.cased or test.op == "glob" or "\0" in test.value:
        return "doubtful"
    return {"starts": "starts", "ends": "ends", "equals": "whole"}.get(test.op, "anywhere")


class Lined:
    """Texts one after another in memory; the text at a place lies from `ends[place]` to `ends[place + 1]`."""

    def __init__(self, texts: pl.Series) -> None:
        array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        _, offsets, data = array.buffers()
        self.ends = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        self.lengths = np.diff(self.ends)
        self._data = memoryview(data)[: int(self.ends[-1])] if data is not None else memoryview(b"")

    def part(self, first: int, last: int) -> memoryview:
        """Return the texts from `first` to before `last`."""
        return self._data[int(self.ends[first]) : int(self.ends[last])]

    def wide(self) -> Numbers:
        """Return the places of texts that are not ASCII."""
        begin = int(self.ends[0])
        data = np.frombuffer(self._data[begin:], dtype=np.uint8)
        if not len(data) or data.max() < _WIDE:
            return np.empty(0, dtype=np.intp)
        places = np.searchsorted(self.ends, np.flatnonzero(data >= _WIDE) + begin, side="right") - 1
        return np.unique(places)

    def blocks(self) -> list[tuple[int, int]]:
        """Return runs of texts that are scanned together: a long one alone, and not too many bytes."""
        ends, count = self.ends, len(self.lengths)
        if ends[-1] - ends[0] <= _LONG:
            return [(0, count)] if count else []
        alone = np.flatnonzero(self.lengths > _LONG)
        edges = np.unique(np.concatenate([[0, count], alone, alone + 1]))
        found = []
        for begin, end in zip(edges.tolist(), edges[1:].tolist(), strict=False):
            first = begin
            while first < end:
                last = int(np.searchsorted(ends, ends[first] + _BLOCK, side="right")) - 1
                last = min(max(last, first + 1), end)
                found.append((first, last))
                first = last
        return found

    def fits(
        self, kind: str, start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64], places: Numbers
    ) -> npt.NDArray[np.bool_]:
        """Return which hits are where the tests of a kind want them; one may begin in an earlier text."""
        fits = start >= self.ends[places]
        if kind in {"starts", "whole"}:
            fits = start == self.ends[places]
        if kind in {"ends", "whole"}:
            fits &= stop == self.ends[places + 1]
        return fits
