"""Values of fields → the key predicates that hold for each.

A rule can hold only where one of its keys does (`indexing`), so keys are all that is looked for in every value. Each
distinct value of a field is looked at once; what was found in it is remembered where values come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import itemgetter
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.detect.columns import TextColumn
from miharu.detect.hashing import Words, random_words
from miharu.detect.literals import Found, Lined, LiteralHits, LiteralTable
from miharu.detect.lookups import FieldLookup, paired
from miharu.detect.model import Engine, ValueTest
from miharu.detect.ragged import Numbers, once, places_by, spread
from miharu.detect.regexes import FieldRegexes
from miharu.detect.remembering import Budget, Remembered

_TRIAL: Final = 10_000
"""Values of a field after which it is seen whether remembering them is worth while."""
_STRINGS: Final = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class Block:
    """Cells of one column that give a field its value in some rows of a batch, and the hashes of their values."""

    column: TextColumn
    rows: Numbers
    hashes: Words


class _Field:
    """How the keys of one field are looked for, and whether its values come again."""

    def __init__(self, tests: Mapping[int, ValueTest], engine: Engine | None, regexes: FieldRegexes | None,
                 table: LiteralTable) -> None:  # fmt: skip
        self.search = table.add(tests, engine)
        self.lookup = FieldLookup({number: test for number, test in tests.items() if not table.knows(number)}, regexes)
        self.salt = random_words(1)[0, 0]
        self.comes_again = True
        self._asked = self._new = 0

    def weigh(self, asked: int, new: int) -> None:
        """Remember no values where most are new: to look for one costs less than to remember it."""
        self._asked += asked
        self._new += new
        if self._asked > _TRIAL:
            self.comes_again = self._new * 2 < self._asked
            self._asked = self._new = 0


class Screens:
    """Looks for the key predicates of fields."""

    def __init__(self, engines: Mapping[int, Engine], regexes: Mapping[int, FieldRegexes],
                 tests: Mapping[int, Mapping[int, ValueTest]], budget: Budget) -> None:  # fmt: skip
        self._engines = engines
        self._regexes = regexes
        self._tests = tests
        self._table = LiteralTable()
        self._fields: dict[int, _Field] = {}
        self._known: Remembered[int, tuple[int, ...]] = Remembered(budget)
        self.fields = tuple(tests)

    def __len__(self) -> int:
        """Return the number of values that are remembered."""
        return len(self._known)

    def find(self, blocks: Sequence[tuple[int, Block]]) -> Found:
        """Return rows, and the key predicates that hold there, for blocks of fields by number."""
        if not blocks:
            return _nothing()
        fields = [self._field(number) for number, _ in blocks]
        values = np.concatenate([block.hashes ^ field.salt for field, (_, block) in zip(fields, blocks, strict=True)])
        rows = np.concatenate([block.rows for _, block in blocks])
        block_of = np.repeat(np.arange(len(blocks)), [len(block.rows) for _, block in blocks])
        places, inverse = places_by(values)
        order = np.argsort(block_of[places], kind="stable")
        # Distinct values, block by block.
        ranks = np.empty_like(order)
        ranks[order] = np.arange(len(order))
        places, inverse = places[order], ranks[inverse]
        found, predicates = self._of_values(blocks, fields, values[places], rows[places], block_of[places])
        return spread(found, predicates, inverse, rows)

    def _field(self, number: int) -> _Field:
        """Return a field, which is made ready with its first value: of most rule sets few are ever seen."""
        field = self._fields.get(number)
        if field is None:
            field = self._fields[number] = _Field(
                self._tests[number], self._engines.get(number), self._regexes.get(number), self._table
            )
        return field

    def _of_values(
        self, blocks: Sequence[tuple[int, Block]], fields: Sequence[_Field], values: Words, rows: Numbers,
        block_of: Numbers,
    ) -> Found:  # fmt: skip
        """Return places of distinct values, and what holds there."""
        again = np.array([field.comes_again for field in fields])[block_of]
        known = np.flatnonzero(again)
        get = self._known.get
        held = [get(value) for value in values[known].tolist()]
        new = np.concatenate([known[[numbers is None for numbers in held]], np.flatnonzero(~again)])
        new.sort()
        counts, fresh = (np.bincount(block_of[part], minlength=len(fields)) for part in (known, new))
        for field, asked, unknown in zip(fields, counts.tolist(), fresh.tolist(), strict=True):
            if asked:
                field.weigh(asked, unknown)
        seen = [place for place, numbers in zip(known.tolist(), held, strict=True) if numbers]
        parts = [paired(seen, [numbers for numbers in held if numbers])]
        if len(new):
            found, predicates = self._judged(blocks, fields, rows[new], fresh)
            parts.append((new[found], predicates))
            self._remember(values[new], again[new], found, predicates)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _judged(
        self, blocks: Sequence[tuple[int, Block]], fields: Sequence[_Field], rows: Numbers, counts: Numbers
    ) -> Found:
        """Return places among new values (which lie block by block), and what holds there."""
        hits, found, first = LiteralHits(self._table), [], 0
        for (_, block), field, count in zip(blocks, fields, counts.tolist(), strict=True):
            if not count:
                continue
            texts, owners = block.column.texts[rows[first : first + count]], np.arange(first, first + count)
            if block.column.lists:
                texts, owners = _elements(texts, owners)
            lined = Lined(texts)
            if field.search is not None:
                hits.add(field.search, lined, texts, owners)
            found += [(owners[places], numbers) for places, numbers in field.lookup.find(lined, texts)]
            first += count
        found += hits.found()
        if not found:
            return _nothing()
        return once(np.concatenate([places for places, _ in found]), np.concatenate([numbers for _, numbers in found]))

    def _remember(self, values: Words, again: npt.NDArray[np.bool_], places: Numbers, predicates: Numbers) -> None:
        """Keep what was found for new values (`places` ascend), for those that may come again."""
        names = values.tolist()
        kept = values[again].tolist()
        self._known.put_all(zip(kept, repeat(()), strict=False), len(kept))
        young = self._known.young
        pairs = zip(places.tolist(), predicates.tolist(), strict=True)
        for place, some in groupby(pairs, key=itemgetter(0)):
            if again[place]:
                young[names[place]] = tuple(number for _, number in some)


def _elements(texts: pl.Series, owners: Numbers) -> tuple[pl.Series, Numbers]:
    """Return the elements of lists, each with the owner of its list."""
    lists = [_STRINGS.decode(text) for text in texts.to_list()]
    elements = pl.Series([item for items in lists for item in items], dtype=pl.String)
    return elements, np.repeat(owners, [len(items) for items in lists])


def _nothing() -> Found:
    return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
