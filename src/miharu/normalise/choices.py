"""A log source's `when` blocks and a frame → what they set and where they hold, once per distinct combination.

The columns the blocks ask about take few values together (an event code, an outcome), so each combination
is judged once in Python, remembered, and mapped back to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from miharu.catalog import Condition, FieldCatalog, LogSource, SetValue, apply_test, text_of
from miharu.core.distinct import SAMPLE, repeats

SET: Final = "record.set."
WHEN: Final = "record.when."
"""Nothing that a record says can be in a column of such a name: those of `record.` are the house's own."""

_REMEMBERED: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Verdict:
    values: dict[str, SetValue]
    holds: tuple[int, ...]


@dataclass(slots=True)
class Choices:
    """Judges the `when` blocks of one log source."""

    source: LogSource
    catalog: FieldCatalog
    _memo: dict[tuple[Any, ...], _Verdict] = field(default_factory=dict)

    def columns(self, frame: pl.DataFrame) -> list[pl.Series]:
        """Return columns SET + field (what the last block that holds sets) and WHEN + number (where it holds).

        Only columns that have something to say are returned.
        """
        if not self.source.when or not frame.height:
            return []
        keys, names = self._keys(frame)
        if not keys:  # what is asked for is in no row; a block may hold for that very reason
            return [series.new_from_index(0, frame.height) for series in self._of_distinct([self._verdict((), ())])]
        combinations = pl.DataFrame(keys)
        distinct = combinations.unique(maintain_order=True)
        verdicts = [self._verdict(names, row) for row in distinct.iter_rows()]
        return self._spread(combinations, distinct, verdicts)

    def _keys(self, frame: pl.DataFrame) -> tuple[list[pl.Series], tuple[str | Condition, ...]]:
        """Return the columns that decide: a field's text where it takes few values, else each test's outcome."""
        keys: list[pl.Series] = []
        names: list[str | Condition] = []
        texts: dict[str, pl.Series] = {}
        for condition in dict.fromkeys(one for when in self.source.when for one in when.conditions):
            name = condition.field
            if name not in frame.columns:
                continue
            if name not in texts:
                texts[name] = text_of(frame.get_column(name))
            if condition.test == "in" and _few(texts[name]):
                if name not in names:
                    keys.append(texts[name].alias(f"{len(keys)}"))
                    names.append(name)
            else:
                keys.append(apply_test(texts[name], condition).alias(f"{len(keys)}"))
                names.append(condition)
        return keys, tuple(names)

    def _verdict(self, names: tuple[str | Condition, ...], row: tuple[Any, ...]) -> _Verdict:
        memo_key = (names, row)
        verdict = self._memo.get(memo_key)
        if verdict is None:
            if len(self._memo) >= _REMEMBERED:
                self._memo.clear()
            verdict = self._memo[memo_key] = self._judge(dict(zip(names, row, strict=True)))
        return verdict

    def _judge(self, known: dict[str | Condition, Any]) -> _Verdict:
        values: dict[str, SetValue] = {}
        holds: list[int] = []
        for number, when in enumerate(self.source.when):
            if all(_passes(condition, known) for condition in when.conditions):
                values.update(when.set)
                holds.append(number)
        return _Verdict(values, tuple(holds))

    def _spread(
        self, combinations: pl.DataFrame, distinct: pl.DataFrame, verdicts: Sequence[_Verdict]
    ) -> list[pl.Series]:
        made = self._of_distinct(verdicts)
        if distinct.height == 1:
            return [series.new_from_index(0, combinations.height) for series in made]
        numbered = distinct.with_row_index("at")
        joined = combinations.join(
            numbered, on=distinct.columns, how="left", nulls_equal=True, maintain_order="left"
        ).get_column("at")
        return [series.gather(joined) for series in made]

    def _of_distinct(self, verdicts: Sequence[_Verdict]) -> list[pl.Series]:
        targets = sorted({name for verdict in verdicts for name in verdict.values})
        made = [
            pl.Series(
                SET + name,
                [_plain(verdict.values.get(name)) for verdict in verdicts],
                dtype=self.catalog.dtype(name),
            )
            for name in targets
        ]
        for number, when in enumerate(self.source.when):
            flags = [number in verdict.holds for verdict in verdicts] if when.maps else []
            if any(flags):
                made.append(pl.Series(f"{WHEN}{number}", flags, dtype=pl.Boolean))
        return made


def _few(series: pl.Series) -> bool:
    return len(series) < SAMPLE or repeats(series)


def _passes(condition: Condition, known: dict[str | Condition, Any]) -> bool:
    if condition in known:
        return bool(known[condition])
    if condition.test == "in" and condition.field in known:
        return known[condition.field] in condition.values
    return condition.test == "exists" and condition.values == ("false",)


def _plain(value: SetValue | None) -> Any:
    return list(value) if isinstance(value, tuple) else value
