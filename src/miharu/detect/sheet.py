"""Rows of a batch that are to be judged → the values of their fields, and which key predicates hold where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from miharu.detect.columns import TextColumn
from miharu.detect.hashing import Cells
from miharu.detect.literals import Literals
from miharu.detect.model import FieldColumns
from miharu.detect.ragged import Numbers, by_number
from miharu.detect.screening import Block, Screens

Mask: TypeAlias = npt.NDArray[np.bool_]

Places: TypeAlias = set[int]
"""Rows of a batch, by number."""

_LENGTH: Final = 500
_PIECEMEAL: Final = 32
"""Rows of a field that are read one by one; when more are asked for, all are read at once."""
_SAMPLE: Final = 16
_STRINGS: Final = msgspec.json.Decoder(list[str])


@dataclass(slots=True)
class Values:
    """Values of one field by row: one text, or several (of a list, or of a field that is read from several columns)."""

    single: dict[int, str] = field(default_factory=dict)
    several: dict[int, list[str]] = field(default_factory=dict)
    read: Places = field(default_factory=set)
    whole: bool = False
    """Whether all rows were read; else only those in `read`."""


@dataclass(frozen=True, slots=True)
class Uses:
    """Which groups of rows use which fields, and the group of every row of a batch."""

    of_field: Mask
    group_of: Numbers


class Sheet:
    """The rows of one batch that rules are to be tried on."""

    def __init__(self, fields: Sequence[FieldColumns], cells: Mapping[str, Cells], uses: Uses) -> None:
        self._fields = fields
        self._cells = cells
        self._uses = uses
        self._values: dict[int, Values] = {}
        self._long: dict[int, bool] = {}
        self._scanned: set[int] = set()
        self._masks: dict[bytes, Mask] = {}
        self._looked_at: dict[str, Block | None] = {}
        self._wanted = np.zeros(len(uses.group_of), dtype=np.bool_)
        self._found: list[tuple[Numbers, Numbers]] = []
        self._rows_of: dict[int, Numbers] = {}
        self._holding: dict[int, Places] = {}
        self.predicates: set[int] = set()

    def screen(self, screens: Screens) -> None:
        """Look for key predicates in all fields that have any."""
        held = [(number, block) for number in screens.fields for block in self._blocks(number) if len(block.rows)]
        self.note(*screens.find(held))

    def note(self, rows: Numbers, predicates: Numbers) -> None:
        """Note predicates that hold in rows."""
        self._found.append((rows, predicates))

    def found(self) -> tuple[Numbers, Numbers]:
        """Return all that was noted: rows, and the predicates that hold there; once each."""
        nothing = np.empty(0, dtype=np.intp)
        rows, predicates = (np.concatenate(parts) for parts in zip((nothing, nothing), *self._found, strict=True))
        if not len(rows):
            return rows, predicates
        self._rows_of = by_number(rows, predicates)
        self.predicates = set(self._rows_of)
        return rows, predicates

    def choose(self, rows: Numbers) -> None:
        """Say which rows are looked at from now on."""
        self._wanted[:] = False
        self._wanted[rows] = True
        self._masks.clear()
        self._looked_at.clear()

    def holding(self, predicate: int) -> Places:
        """Return the rows in which a key predicate holds."""
        found = self._holding.get(predicate)
        if found is None:
            rows = self._rows_of.get(predicate)
            found = self._holding[predicate] = set() if rows is None else set(rows.tolist())
        return found

    def values(self, number: int, rows: Places) -> Values:
        """Return the values of a field, at least in these rows."""
        found = self._values.get(number)
        if found is None:
            found = self._values[number] = Values()
        if found.whole:
            return found
        missing = rows - found.read
        if len(found.read) + len(missing) > _PIECEMEAL:
            found = self._values[number] = self._read(number)
        elif missing:
            self._add(number, found, missing)
        return found

    def is_long(self, number: int) -> bool:
        """Say whether looking into the values of a field one by one takes longer than a scan of all."""
        long = self._long.get(number)
        if long is None:
            blocks = list(self._blocks(number))
            some = [text for block in blocks for text in block.column.texts[block.rows[:_SAMPLE]].to_list()]
            lists = any(block.column.lists for block in blocks)
            long = self._long[number] = not lists and sum(map(len, some)) > _LENGTH * len(some)
        return long

    def screened(self, number: int, screens: Screens, rows: Places) -> Places:
        """Return which of some rows have a value in a field that any of the tests of a screen holds for."""
        mask = np.zeros(len(self._wanted), dtype=np.bool_)
        mask[list(rows)] = True
        blocks = [(block, mask[block.rows]) for block in self._blocks(number)]
        some = [
            (number, Block(block.column, block.rows[here], block.hashes[here])) for block, here in blocks if here.any()
        ]
        return set(screens.find(some)[0].tolist())

    def scan(self, number: int, literals: Literals) -> None:
        """Find out once where literals stand in a field; `holding` tells it then."""
        if number in self._scanned:
            return
        self._scanned.add(number)
        blocks = [(block.rows, block.column.texts[block.rows]) for block in self._blocks(number) if len(block.rows)]
        found = literals.find(blocks)
        self._rows_of.update(by_number(*found))
        self.predicates.update(found[1].tolist())

    def _read(self, number: int) -> Values:
        values = Values(whole=True)
        for block in self._blocks(number):
            texts = block.column.texts[block.rows].to_list()
            self._fill(values, number, block.column, block.rows.tolist(), texts)
        return values

    def _add(self, number: int, values: Values, rows: Places) -> None:
        """Read a few rows one by one."""
        spec = self._fields[number]
        for row in rows:
            for column in self._columns_of(number):
                text = column.texts[row]
                if text is not None:
                    self._fill(values, number, column, [row], [text])
                    if not spec.every:
                        break
        values.read |= rows

    def _fill(self, values: Values, number: int, column: TextColumn, rows: Sequence[int], texts: Sequence[str]) -> None:
        if not column.lists and not self._fields[number].every:
            values.single.update(zip(rows, texts, strict=True))
            return
        for row, text in zip(rows, texts, strict=True):
            values.several.setdefault(row, []).extend(_STRINGS.decode(text) if column.lists else [text])

    def _columns_of(self, number: int) -> list[TextColumn]:
        return [self._cells[name].column for name in self._fields[number].columns if name in self._cells]

    def _blocks(self, number: int) -> Iterator[Block]:
        """Yield the cells of a field: of each row its first column that has a value, or all where all count."""
        mask = self._mask(number)
        spec = self._fields[number]
        held = [block for name in spec.columns if name in self._cells and (block := self._block(name)) is not None]
        if len(held) > 1 and not spec.every:
            mask = mask.copy()
        for block in held:
            here = mask[block.rows]
            rows = block.rows[here]
            yield Block(block.column, rows, block.hashes[here])
            if len(held) > 1 and not spec.every:
                mask[rows] = False

    def _block(self, name: str) -> Block | None:
        """Return the cells of a column in the rows that are looked at; None where it has none there."""
        if name not in self._looked_at:
            cells = self._cells[name]
            here = self._wanted[cells.rows]
            rows = cells.rows[here]
            self._looked_at[name] = Block(cells.column, rows, cells.hashes[here]) if len(rows) else None
        return self._looked_at[name]

    def _mask(self, number: int) -> Mask:
        """Return the rows that are looked at and belong to groups that use a field."""
        groups = self._uses.of_field[number]
        if groups.all():
            return self._wanted
        name = groups.tobytes()
        mask = self._masks.get(name)
        if mask is None:
            mask = self._masks[name] = self._wanted & groups[self._uses.group_of]
        return mask
