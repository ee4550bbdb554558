"""Texts in an event's columns → which predicates of one rule hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.indexing import leaves
from miharu.detect.judging import text_holds
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import KEYWORDS, Predicate, RuleSet, Variant

Cells: TypeAlias = Mapping[str, tuple[str, ...]]
"""Texts by column; a column without a value is left out."""
Truth: TypeAlias = frozenset[int]
"""Numbers of the predicates that hold."""


class RowTruths:
    """Judges the predicates of one rule on one logsource; what was judged is remembered by value."""

    def __init__(self, ruleset: RuleSet, matchers: Sequence[FieldMatcher], variant: Variant) -> None:
        self._fields = ruleset.fields
        self._matchers = matchers
        self._known: dict[tuple[int, tuple[str, ...]], Truth] = {}
        self.predicates = {number: ruleset.predicates[number] for number in dict.fromkeys(leaves(variant.condition))}
        self._plain: dict[int, set[int]] = {}
        self._references: list[tuple[int, Predicate]] = []
        self.keywords: list[int] = []
        """Predicates that look at whole events; `truth` leaves them out."""
        self.columns = sorted({name for field in variant.fields for name in ruleset.fields[field].columns})
        self.lists: set[str] = set()
        """Columns seen to hold several values."""
        for number, predicate in self.predicates.items():
            if predicate.field == KEYWORDS:
                self.keywords.append(number)
            elif predicate.test.op == "ref":
                self._references.append((number, predicate))
            else:
                self._plain.setdefault(predicate.field, set()).add(number)

    def cells(self, batch: BatchColumns, rows: Rows) -> list[Cells]:
        """Return what the rows (in ascending order) have in the rule's columns."""
        found: list[dict[str, tuple[str, ...]]] = [{} for _ in rows]
        for name, column in batch.at(self.columns, rows).items():
            if column.lists:
                self.lists.add(name)
            for place, text in enumerate(column.texts.to_list()):
                if text is not None:
                    found[place][name] = tuple(orjson.loads(text)) if column.lists else (text,)
        return [dict(cells) for cells in found]

    def held(self, field: int, cells: Cells) -> list[str]:
        """Return the columns that give a field its values."""
        spec = self._fields[field]
        names = [name for name in spec.columns if name in cells]
        return names if spec.every else names[:1]

    def values(self, field: int, cells: Cells) -> tuple[str, ...]:
        """Return the values of a field."""
        return tuple(value for name in self.held(field, cells) for value in cells[name])

    def truth(self, cells: Cells) -> Truth:
        """Return which predicates of fields hold."""
        found = frozenset().union(*(self._of_field(field, self.values(field, cells)) for field in self._plain))
        return found.union(number for number, predicate in self._references if self._refers(predicate, cells))

    def _of_field(self, field: int, values: tuple[str, ...]) -> Truth:
        known = self._known.get((field, values))
        if known is None:
            matcher, asked = self._matchers[field], self._plain[field]
            true = frozenset().union(*(matcher.match(value, asked) for value in values))
            known = self._known[field, values] = true if values else matcher.absent & asked
        return known

    def _refers(self, predicate: Predicate, cells: Cells) -> bool:
        test = predicate.test
        theirs = self.values(predicate.other, cells)
        return any(
            text_holds(test.flags, our, their, cased=test.cased)
            for our in self.values(predicate.field, cells)
            for their in theirs
        )
