"""Findings of a batch → the same findings with what operators said about their rules.

Findings of a rule that is off are dropped. Those of a rule with another level get it. Those on events that an
exception speaks of are marked (`finding.hidden_by`): they are stored and can be counted, and raise no alert.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import polars as pl

from miharu.core.clock import Clock, system_clock
from miharu.core.columns import EVENT_ID
from miharu.core.finding import HIDDEN_BY
from miharu.detect import Detector
from miharu.store import OverlayBook, RuleException, State

_RULE: Final = "rule.id"
_LEVEL: Final = "rule.level"

EventsOf: TypeAlias = Callable[[pl.DataFrame], pl.DataFrame]
"""Findings → their events."""


class Overlays:
    """Applies the overlays of a state; a change applies from the next batch on, an exception until it has run out."""

    def __init__(self, state: State, clock: Clock = system_clock) -> None:
        self._desk = state.overlays
        self._clock = clock
        self._book = OverlayBook()
        self._exceptions: Sequence[RuleException] = ()
        self._detector: Detector | None = None

    def apply(self, findings: pl.DataFrame, events: EventsOf) -> pl.DataFrame:
        """Return findings with the column `finding.hidden_by`, in their order; `events` gives events of theirs."""
        self._look()
        found = findings.with_columns(pl.lit("").alias(HIDDEN_BY))
        if found.is_empty() or not self._book.revision:
            return found
        off = [overlay.rule_id for overlay in self._book.rules.values() if not overlay.enabled]
        levels = {overlay.rule_id: overlay.level for overlay in self._book.rules.values() if overlay.level}
        if off:
            found = found.filter(~pl.col(_RULE).is_in(off))
        if levels:
            found = found.with_columns(pl.col(_RULE).replace_strict(levels, default=pl.col(_LEVEL)).alias(_LEVEL))
        return self._hide(found, events)

    def _look(self) -> None:
        if self._desk.revision() == self._book.revision:
            return
        self._book = self._desk.book()
        now = self._clock()
        usable = [exception for exception in self._book.exceptions if exception.holds_at(now)]
        self._detector = _judging(usable) if usable else None
        self._exceptions = usable

    def _hide(self, found: pl.DataFrame, events: EventsOf) -> pl.DataFrame:
        now = self._clock()
        holding = [exception for exception in self._exceptions if exception.holds_at(now)]
        touched = found.filter(pl.col(_RULE).is_in([exception.rule_id for exception in holding]))
        if touched.is_empty() or self._detector is None:
            return found
        order = {exception.id: number for number, exception in enumerate(holding)}
        rules = {exception.id: exception.rule_id for exception in holding}
        held = (
            self._detector.run(events(touched))
            .select(EVENT_ID, pl.col(_RULE).alias(HIDDEN_BY))
            .filter(pl.col(HIDDEN_BY).is_in(list(order)))
            .with_columns(pl.col(HIDDEN_BY).replace_strict(rules, return_dtype=pl.String).alias(_RULE))
            .sort(pl.col(HIDDEN_BY).replace_strict(order, return_dtype=pl.Int64))
            .unique([EVENT_ID, _RULE], keep="first", maintain_order=True)
        )
        joined = found.drop(HIDDEN_BY).join(held, on=[EVENT_ID, _RULE], how="left", maintain_order="left")
        return joined.with_columns(pl.col(HIDDEN_BY).fill_null("")).select(found.columns)


def _judging(exceptions: Sequence[RuleException]) -> Detector | None:
    # Few installations have any; to compile them takes a language and a logger that are slow to import.
    import structlog  # noqa: PLC0415

    from miharu.pipeline.exceptions import compile_exceptions  # noqa: PLC0415

    detector, faults = compile_exceptions(exceptions)
    for fault in faults:
        structlog.get_logger().warning("exception not applied", action="exception-refused", error=fault)
    return detector


def visible(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the findings that no exception hides."""
    return findings.filter(pl.col(HIDDEN_BY) == "")


def events_in(batch: pl.DataFrame) -> EventsOf:
    """Return a function that finds events in a batch."""
    return lambda findings: batch.filter(pl.col(EVENT_ID).is_in(findings[EVENT_ID].unique().to_list()))
