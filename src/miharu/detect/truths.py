"""Texts in an event's columns → which predicates of one rule hold, by the plain definition of every test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.indexing import leaves
from miharu.detect.judging import Judge, text_holds
from miharu.detect.matching import FieldMatcher
from miharu.detect.model import KEYWORDS, Predicate, RuleSet, Variant

Cells: TypeAlias = Mapping[str, tuple[str, ...]]
"""Texts by column; a column without a value is left out."""


class RowTruths:
    """Judges the predicates of one rule on one logsource; what was judged is remembered by value."""

    def __init__(self, ruleset: RuleSet, matchers: Sequence[FieldMatcher], variant: Variant) -> None:
        self._fields = ruleset.fields
        self._matchers = matchers
        self._judge = Judge()
        self._known: dict[tuple[int, tuple[str, ...]], bool] = {}
        self.predicates = {number: ruleset.predicates[number] for number in dict.fromkeys(leaves(variant.condition))}
        self.columns = sorted({name for field in variant.fields for name in ruleset.fields[field].columns})
        self.lists: set[str] = set()
        """Columns seen to hold several values."""

    @property
    def keywords(self) -> list[int]:
        """Return the predicates that look at whole events; `truth` leaves them out."""
        return [number for number, predicate in self.predicates.items() if predicate.field == KEYWORDS]

    def cells(self, batch: BatchColumns, rows: Rows) -> list[Cells]:
        """Return what the rows have in the rule's columns."""
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

    def truth(self, cells: Cells) -> dict[int, bool]:
        """Return which predicates of fields hold."""
        return {
            number: self._holds(number, predicate, cells)
            for number, predicate in self.predicates.items()
            if predicate.field != KEYWORDS
        }

    def _holds(self, number: int, predicate: Predicate, cells: Cells) -> bool:
        ours = self.values(predicate.field, cells)
        test = predicate.test
        if test.op == "ref":
            theirs = self.values(predicate.other, cells)
            return any(text_holds(test.flags, our, their, cased=test.cased) for our in ours for their in theirs)
        known = self._known.get((number, ours))
        if known is None:
            # Two engines must agree on a pattern; only the matcher asks both.
            known = self._known[number, ours] = (
                any(number in self._matchers[predicate.field].match(value) for value in ours)
                if test.op == "regex"
                else self._judge.holds(test, ours)
            )
        return known
