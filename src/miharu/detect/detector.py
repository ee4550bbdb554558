"""A batch of events → findings of every rule that holds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import polars as pl

from miharu.detect.columns import BatchColumns, Rows
from miharu.detect.explaining import Explainer, Explanation
from miharu.detect.findings import FindingWriter, no_findings
from miharu.detect.grouping import Group, Hits
from miharu.detect.hashing import RowHasher
from miharu.detect.keywords import EventValues, KeywordSearch, RawTexts, Scanners
from miharu.detect.model import RuleSet
from miharu.detect.nearest import NearMisses, WhyNot
from miharu.detect.plan import make_plan
from miharu.detect.routing import Router, Routes

_GROUPS: Final = 1_000
"""Sets of routes that are kept; past that all are made anew."""
_WIDE: Final = 4
"""A route that has at least one in this many rows of a batch is searched for in all of them at once."""
_PATTERNS: Final = 1_000_000
"""Distinct sets of predicates, over all fields, that are kept."""


@contextmanager
def _uncollected() -> Iterator[None]:
    """Hold back the garbage collector: judging makes many small objects that stay, and no cycles.

    Its passes over all of them took a tenth of the time. Whoever found it on puts it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Detector:
    """Runs a rule set over batches. Use one per thread: pattern scans share their scratch space."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self._plan = make_plan(ruleset)
        self._router = Router(ruleset.routes)
        self._hasher = RowHasher()
        self._writer = FindingWriter(ruleset.rules)
        self._groups: dict[Routes, Group] = {}
        self._scanners = Scanners()
        self._searches = {
            number: KeywordSearch({keyword: ruleset.predicates[keyword] for keyword in route.keywords})
            for number, route in enumerate(self._plan.routes)
            if route.keywords
        }

    def run(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return the findings of a batch (`FINDING_SCHEMA`), in the order of its rows."""
        if batch.is_empty() or not self._ruleset.rules:
            return no_findings()
        with _uncollected():
            return self._writer.findings(batch, self._judge(batch))

    def _judge(self, batch: pl.DataFrame) -> Hits:
        self._forget_when_full()
        columns = BatchColumns(batch)
        split = [(self._group(routes), rows) for routes, rows in self._router.split(columns, len(batch)).items()]
        columns.read_leftovers({name for group, _ in split for name in group.columns})
        keywords = self._keywords(batch, columns, split)
        hits = Hits()
        for (group, rows), held in zip(split, keywords, strict=True):
            group.run(columns, rows, held, hits)
        return hits

    def explain(self, rule_id: str, event: pl.DataFrame) -> Explanation | None:
        """Return why a rule holds for an event (a batch of one row) or not; None where no such rule runs.

        A rule that runs on several logsources is explained for the event's own, else for its first.
        """
        rule = self._ruleset.find(rule_id)
        if rule is None:
            return None
        routes = {route for found in self._router.split(BatchColumns(event), 1) for route in found}
        variant = next((variant for variant in rule.variants if variant.route in routes), rule.variants[0])
        return Explainer(self._ruleset, self._plan.matchers, event.head(1)).explain(rule.title, variant)

    def why_not(self, rule_id: str, events: pl.DataFrame, limit: int = 10) -> WhyNot | None:
        """Return the events that a rule nearly holds for and what kept it from it; None where no such rule runs."""
        rule = self._ruleset.find(rule_id)
        if rule is None:
            return None
        return NearMisses(self._ruleset, self._plan.matchers, self._router, rule).find(events, limit)

    def _forget_when_full(self) -> None:
        """Begin anew when values have made more patterns than are worth keeping."""
        if sum(len(matcher.patterns) for matcher in self._plan.matchers) > _PATTERNS or len(self._groups) > _GROUPS:
            self._groups.clear()
            for matcher in self._plan.matchers:
                matcher.forget()

    def _keywords(
        self, batch: pl.DataFrame, columns: BatchColumns, split: list[tuple[Group, Rows]]
    ) -> list[dict[int, frozenset[int]]]:
        """Return the keyword predicates that hold, for each group by place in its rows; one scan per route."""
        found: list[dict[int, frozenset[int]]] = [{} for _ in split]
        searched = {route for group, _ in split for route in group.routes} & self._searches.keys()
        if not searched:
            return found
        rows_of = {
            route: np.sort(np.concatenate([rows for group, rows in split if route in group.routes]))
            for route in searched
        }
        wide = [route for route in searched if len(rows_of[route]) * _WIDE >= len(batch)]
        raw = RawTexts(batch, (text for route in wide for text in self._searches[route].fragments), self._scanners)
        values = EventValues(batch, columns)
        for route in sorted(searched):
            search = self._searches[route]
            groups = [number for number, (group, _) in enumerate(split) if route in group.routes]
            candidates = search.candidates(raw, rows_of[route])
            for number in groups if candidates else ():
                rows = split[number][1]
                for place in np.flatnonzero(np.isin(rows, list(candidates))).tolist():
                    row = int(rows[place])
                    if held := search.decide(row, candidates[row], values):
                        found[number][place] = found[number].get(place, frozenset()) | held
        return found

    def _group(self, routes: Routes) -> Group:
        group = self._groups.get(routes)
        if group is None:
            group = self._groups[routes] = Group(self._plan, routes, self._hasher)
        return group
