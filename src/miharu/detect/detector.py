"""A batch of events → findings of every rule that holds."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import polars as pl

from miharu.detect.columns import BatchColumns
from miharu.detect.eventvalues import EventValues
from miharu.detect.explaining import Explainer, Explanation
from miharu.detect.findings import FindingWriter, no_findings
from miharu.detect.grouping import Group, Hits, RowVerdict, verdicts_of
from miharu.detect.hashing import Hasher, Mask, RowKeys, random_words
from miharu.detect.keywords import KeywordSearch, RawTexts, Scanners
from miharu.detect.leftovers import NameSearch
from miharu.detect.model import RuleSet
from miharu.detect.nearest import NearMisses, WhyNot
from miharu.detect.plan import make_plan
from miharu.detect.ragged import Numbers, no_pairs, once
from miharu.detect.remembering import Remembered
from miharu.detect.routing import Router, Routes
from miharu.detect.trials import Keywords, Placed, Trials

_GROUPS: Final = 1_000
"""Sets of routes that are kept; past that all are made anew."""
_WIDE: Final = 4
"""A route that has at least one in this many rows of a batch is searched for in all of them at once."""


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
        self._trials = Trials(self._plan)
        self._hasher = Hasher()
        self._router = Router(ruleset.routes, self._hasher)
        self._writer = FindingWriter(ruleset.rules)
        self._groups: dict[Routes, Group] = {}
        self._known: Remembered[bytes, RowVerdict] = Remembered(self._plan.rows)
        self._columns = list(dict.fromkeys(name for spec in ruleset.fields for name in spec.columns))
        self._names = NameSearch(self._columns)
        self._places = {name: place for place, name in enumerate(self._columns)}
        self._words = random_words(len(ruleset.predicates))
        self._scanners = Scanners()
        self._searches: dict[int, KeywordSearch] = {}

    def run(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Return the findings of a batch (`FINDING_SCHEMA`), in the order of its rows."""
        if batch.is_empty() or not self._ruleset.rules:
            return no_findings()
        with _uncollected():
            return self._writer.findings(batch, self._judge(batch))

    def _judge(self, batch: pl.DataFrame) -> Hits:
        placed = self._place(batch)
        hits = Hits()
        routed = np.flatnonzero(placed.rows_of(np.array([bool(group.routes) for group in placed.groups])))
        if len(routed):
            self._look_up(placed, routed, hits)
        return hits

    def _place(self, batch: pl.DataFrame) -> Placed:
        columns = BatchColumns(batch)
        cells = self._hasher.cells(columns.held(self._router.columns))
        sets, group_of = self._router.assign(cells, len(batch))
        groups = [self._group(routes) for routes in sets]
        names = sorted(frozenset().union(*(group.columns for group in groups)) - cells.keys())
        columns.read_leftovers(names, self._names.rows)
        cells |= self._hasher.cells(columns.held(names), self._masks(groups, group_of, names))
        return Placed(cells, groups, group_of, self._keywords(batch, columns, groups, group_of))

    def _masks(self, groups: Sequence[Group], group_of: Numbers, names: Sequence[str]) -> dict[str, Mask]:
        """Return for each column, if not all rows belong to groups that use it, the rows that do."""
        uses = np.stack([group.column_mask for group in groups], axis=1)
        masks: dict[bytes, Mask] = {}
        found: dict[str, Mask] = {}
        for name in names:
            of_groups = uses[self._places[name]]
            if not of_groups.all():
                known = of_groups.tobytes()
                if known not in masks:
                    masks[known] = of_groups[group_of]
                found[name] = masks[known]
        return found

    def _look_up(self, placed: Placed, rows: Numbers, hits: Hits) -> None:
        """Add what holds for `rows`; those of groups whose rows come again were mostly seen before."""
        again = np.array([group.comes_again for group in placed.groups])[placed.group_of[rows]]
        for group, asked in zip(placed.groups, placed.counts(rows[~again]), strict=True):
            if asked:
                group.weigh(asked, asked)
        if again.any():
            self._recall(placed, rows[again], hits)
        if not again.all():
            for found in self._trials.found(placed, rows[~again]):
                hits.add_rule(found)

    def _recall(self, placed: Placed, rows: Numbers, hits: Hits) -> None:
        """Add what holds for `rows`, and remember it."""
        places, inverse, names = self._keys(placed).distinct(rows)
        known = self._known.get
        verdicts = [known(name) for name in names]
        new = [number for number, verdict in enumerate(verdicts) if verdict is None]
        fresh = rows[places[new]]
        for group, asked, unknown in zip(placed.groups, placed.counts(rows), placed.counts(fresh), strict=True):
            if asked:
                group.weigh(asked, unknown)
        if new:
            ordered = np.argsort(places[new])
            judged = verdicts_of(self._trials.found(placed, fresh[ordered]), fresh[ordered])
            numbers = np.array(new)[ordered].tolist()
            for number, verdict in zip(numbers, judged, strict=True):
                verdicts[number] = verdict
            self._known.put_all(
                zip([names[number] for number in numbers], judged, strict=True),
                sum(verdict.weight for verdict in judged),
            )
        hits.add([verdict for verdict in verdicts if verdict is not None], inverse, rows)

    def _keys(self, placed: Placed) -> RowKeys:
        keys = RowKeys(placed.height)
        # Columns that tell rows apart were read in all rows; in the others only rows count that use them.
        apart = [name for name in self._router.columns if name in placed.cells and name in self._places]
        masks = self._masks(placed.groups, placed.group_of, apart)
        for name, cells in placed.cells.items():
            mask = masks.get(name)
            here = slice(None) if mask is None else mask[cells.rows]
            keys.add(cells.rows[here], cells.hashes[here])
        words = np.stack([group.words for group in placed.groups], axis=1)
        keys.add_words(slice(None), words[:, placed.group_of])
        held, numbers = placed.keywords
        keys.add_each(held, self._words[:, numbers])
        return keys

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

    def _keywords(
        self, batch: pl.DataFrame, columns: BatchColumns, groups: Sequence[Group], group_of: Numbers
    ) -> Keywords:
        """Return the keyword predicates that hold; one scan per route."""
        routes = {route for group in groups for route in group.routes}
        searched = {route for route in routes if self._plan.routes[route].keywords}
        if not searched:
            return no_pairs()
        rows_of = {
            route: np.flatnonzero(np.array([route in group.routes for group in groups])[group_of]).astype(np.uint32)
            for route in searched
        }
        wide = [route for route in searched if len(rows_of[route]) * _WIDE >= len(batch)]
        raw = RawTexts(batch, (text for route in wide for text in self._search(route).fragments), self._scanners)
        values = EventValues(batch, columns)
        found = [self._search(route).find(raw, rows_of[route], values) for route in sorted(searched)]
        return once(*(np.concatenate(numbers) for numbers in zip(*found, strict=True)))

    def _search(self, route: int) -> KeywordSearch:
        search = self._searches.get(route)
        if search is None:
            predicates = {number: self._ruleset.predicates[number] for number in self._plan.routes[route].keywords}
            search = self._searches[route] = KeywordSearch(predicates)
        return search

    def _group(self, routes: Routes) -> Group:
        group = self._groups.get(routes)
        if group is None:
            if len(self._groups) >= _GROUPS:
                self._groups.clear()
            group = self._groups[routes] = Group(self._plan, routes, self._places)
        return group
