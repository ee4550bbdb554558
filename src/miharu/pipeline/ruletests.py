"""Rules that carry tests → for each record whether the rule does what its author says, and if not, why.

All records of all rules go through the real reader and the detector together, in one batch per form of file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl

from miharu.core.chunk import Chunk, Format
from miharu.core.clock import system_clock
from miharu.core.columns import EVENT_DATASET, EVENT_ID, GENERIC, RECORD_ROW, RECORD_SCHEMA
from miharu.core.identity import hash_parts
from miharu.core.settings import Settings
from miharu.detect import Detector, Explanation, RuleProblem, RuleSet
from miharu.pipeline.reading import ReadBatch, Reader
from miharu.pipeline.regressions import read_regressions, why_not
from miharu.pipeline.rulebook import rule_paths
from miharu.pipeline.rulesamples import Kind, RuleSample, SampledRule, read_sampled_rules
from miharu.pipeline.wiring import load_ruleset, make_reader

_SAID: Final = 3
"""Tests that failed which a reason names."""


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """What became of one record of one rule; `reason` is empty where it `passed`. `line` is the record's."""

    path: str
    line: int
    rule_id: str
    title: str
    kind: Kind
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was made of a record: an event of the log source `dataset`, or a reject with a reason."""

    event_id: str = ""
    dataset: str = ""
    reject: str = ""

    @property
    def unknown(self) -> bool:
        return self.dataset.split(".", 1)[0] == GENERIC


_Task: TypeAlias = tuple[SampledRule, RuleSample]


def run_rule_tests(paths: Sequence[Path], settings: Settings) -> list[RuleTestResult]:
    """Run the tests of every rule under `paths` (none: all rules that apply), in the order of files and records.

    Those of folders in SigmaHQ's layout (`miharu.pipeline.regressions`) come last.

    A rule without tests gives no result. Raises OperatorError for a path that is not there, ContentError for a
    `tests` block that cannot be read.
    """
    ruleset = load_ruleset(settings, paths)
    places = list(paths) or rule_paths(settings)
    tasks = [(rule, sample) for rule in read_sampled_rules(places) for sample in rule.samples]
    regressions = read_regressions(places)
    if not tasks and not regressions:
        return []
    reader, detector = make_reader(settings), Detector(ruleset)
    results: list[RuleTestResult] = []
    if tasks:
        read, events = _read_all([sample for _, sample in tasks], reader)
        results += _Judge(ruleset, detector, read, events).results(tasks)
    for each in regressions:
        reason = why_not(each, ruleset, detector, reader, settings)
        results.append(RuleTestResult(each.info, 0, each.rule_id, each.title, "match", not reason, reason))
    return results


def _read_all(samples: Sequence[RuleSample], reader: Reader) -> tuple[list[_Read], pl.DataFrame]:
    """Return what each sample became, and all events."""
    now = system_clock()
    order: list[int] = []
    chunks: list[Chunk] = []
    for chosen in dict.fromkeys(sample.format for sample in samples):
        places = [place for place, sample in enumerate(samples) if sample.format == chosen]
        order += places
        chunks.append(_chunk(chosen, [samples[place].record for place in places], now))
    batch = reader.read(chunks, now)
    made = _by_row(batch)
    return [made[row] for row in _inverse(order)], batch.events


def _chunk(chosen: Format, records: Sequence[str], now: datetime) -> Chunk:
    columns: tuple[Sequence[object], ...] = (
        range(len(records)),
        [hash_parts("rule test", chosen, str(number)) for number in range(len(records))],
        [record.rstrip("\n").encode() for record in records],
        range(len(records)),
        ["rule test"] * len(records),
        [now] * len(records),
    )
    frame = pl.DataFrame(
        {name: list(column) for name, column in zip(RECORD_SCHEMA, columns, strict=True)}, schema=RECORD_SCHEMA
    )
    return Chunk("rule test", chosen, 0, len(records), frame)


def _by_row(batch: ReadBatch) -> dict[int, _Read]:
    events = batch.events.select(RECORD_ROW, EVENT_ID, EVENT_DATASET).iter_rows()
    made = {row: _Read(event_id, dataset) for row, event_id, dataset in events}
    rejects = batch.rejects.select(RECORD_ROW, "reject.reason", "reject.detail").iter_rows()
    return made | {row: _Read(reject=f"{reason}: {detail}") for row, reason, detail in rejects}


def _inverse(order: Sequence[int]) -> list[int]:
    rows = [0] * len(order)
    for row, place in enumerate(order):
        rows[place] = row
    return rows


class _Judge:
    """Compares what the detector found with what each sample says."""

    def __init__(self, ruleset: RuleSet, detector: Detector, read: Sequence[_Read], events: pl.DataFrame) -> None:
        self._read = read
        self._events = events
        self._detector = detector
        found = self._detector.run(events).select("rule.id", EVENT_ID).iter_rows()
        self._hits: frozenset[tuple[str, str]] = frozenset((rule, event) for rule, event in found)
        self._ids = {(rule.path, rule.line): rule.id for rule in ruleset.rules}
        self._problems = ruleset.problems

    def results(self, tasks: Sequence[_Task]) -> list[RuleTestResult]:
        known = {
            (rule.path, rule.line)
            for (rule, sample), read in zip(tasks, self._read, strict=True)
            if sample.kind == "match" and not read.unknown
        }
        made = []
        for (rule, sample), read in zip(tasks, self._read, strict=True):
            reason = self._reason(rule, sample, read, named=(rule.path, rule.line) in known)
            made.append(
                RuleTestResult(
                    sample.path or rule.path, sample.line, rule.id, rule.title, sample.kind, not reason, reason
                )
            )
        return made

    def _reason(self, rule: SampledRule, sample: RuleSample, read: _Read, *, named: bool) -> str:
        """Say why a sample fails; nothing where it does not. `named`: the rule's matches are of known log sources."""
        rule_id = self._ids.get((rule.path, rule.line))
        if rule_id is None:
            return f"the rule cannot run: {_why(rule, self._problems)}"
        if read.reject:
            return f"the record cannot be read: {read.reject}"
        hit = (rule_id, read.event_id) in self._hits
        if sample.kind == "miss":
            if hit:
                return f"the rule hits it, as {read.dataset}: {'; '.join(_leaves(self._explain(rule_id, read)))}"
            # Nothing is proved by a record that no rule of this kind would ever be asked about.
            return "no log source claims it" if read.unknown and named else ""
        return "" if hit else self._why_not(rule_id, read)

    def _why_not(self, rule_id: str, read: _Read) -> str:
        if read.unknown:
            return "no log source claims it"
        explained = self._explain(rule_id, read)
        if explained is not None and explained.verdict:
            return f"the rule's logsource does not include {read.dataset}"
        return f"the rule does not hold for it, as {read.dataset}: {'; '.join(_leaves(explained))}"

    def _explain(self, rule_id: str, read: _Read) -> Explanation | None:
        event = self._events.filter(pl.col(EVENT_ID) == read.event_id)
        explained = self._detector.explain(rule_id, event)
        return None if explained is None else explained.pruned()


def _why(rule: SampledRule, problems: Sequence[RuleProblem]) -> str:
    of_file = [problem for problem in problems if problem.path == rule.path]
    own = [problem for problem in of_file if (problem.rule_id, problem.title) == (rule.id, rule.title)] or of_file
    return f"{own[0].text} ({own[0].remedy})" if own else "it was not loaded"


def _leaves(explained: Explanation | None) -> Iterator[str]:
    """Yield the tests that decided, at most so many."""
    waiting = [explained] if explained is not None else []
    told = 0
    while waiting and told < _SAID:
        part = waiting.pop(0)
        waiting = [*part.children, *waiting]
        if part.kind == "test":
            told += 1
            yield part.label
