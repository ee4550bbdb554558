"""A batch of events → findings of every rule that holds."""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.detect.columns import BatchColumns
from miharu.detect.findings import FindingWriter, no_findings
from miharu.detect.grouping import Group, Hits
from miharu.detect.hashing import RowHasher
from miharu.detect.keywords import KeywordSearch, keyword_predicates
from miharu.detect.model import RuleSet
from miharu.detect.plan import make_plan
from miharu.detect.routing import Router, Routes

_GROUPS: Final = 1_000
"""Sets of routes that are kept; past that all are made anew."""


class Detector:
    """Runs a rule set over batches. Use one per thread: pattern scans share their scratch space."""

    def __init__(self, ruleset: RuleSet) -> None:
        self._ruleset = ruleset
        self._plan = make_plan(ruleset)
        self._router = Router(ruleset.routes)
        self._hasher = RowHasher()
        self._writer = FindingWriter(ruleset.rules)
        self._groups: dict[Routes, Group] = {}
        self._searches: dict[frozenset[int], KeywordSearch] = {}

    def run(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return the findings of a batch (`FINDING_SCHEMA`), in the order of its rows."""
        if batch.is_empty() or not self._ruleset.rules:
            return no_findings()
        columns = BatchColumns(batch)
        hits = Hits()
        for routes, rows in self._router.split(columns, len(batch)).items():
            self._group(routes).run(batch, columns, rows, hits)
        return self._writer.findings(batch, hits)

    def _group(self, routes: Routes) -> Group:
        group = self._groups.get(routes)
        if group is None:
            if len(self._groups) >= _GROUPS:
                self._groups.clear()
            group = self._groups[routes] = Group(self._plan, routes, self._hasher, self._keyword_search(routes))
        return group

    def _keyword_search(self, routes: Routes) -> KeywordSearch | None:
        numbers = frozenset().union(*(self._plan.routes[route].keywords for route in routes))
        if not numbers:
            return None
        if numbers not in self._searches:
            self._searches[numbers] = KeywordSearch(keyword_predicates(numbers, self._plan.predicates))
        return self._searches[numbers]
