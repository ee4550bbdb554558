"""Rules and a span of the store → the findings and alerts that live work would have made of it.

The same detector judges the stored events, piece by piece. A finding that is stored already, under whichever content
of its rule, is not made again, so that a hunt over what was judged before adds nothing. The findings of a piece are
written down before they are stored; what a hunt had written down when it was killed is stored first by the next one.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, Protocol

import polars as pl

from miharu.core.columns import TIMESTAMP
from miharu.core.finding import HIDDEN_BY
from miharu.core.identity import hash_parts
from miharu.core.settings import Settings
from miharu.detect import Detector, RuleSet
from miharu.pipeline.alerting import write_alerts
from miharu.pipeline.collecting import rare_collections
from miharu.pipeline.huntplan import HuntMap, Piece
from miharu.pipeline.landing import Step
from miharu.pipeline.locking import one_at_a_time
from miharu.pipeline.overlays import Overlays, visible
from miharu.pipeline.wiring import Lake
from miharu.respond import Target, sessions
from miharu.store import Hunt

_SAMPLE: Final = 4_096
_PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_PAIR: Final = ("rule.id", "event.id")


@dataclass(frozen=True, slots=True)
class Question:
    """What to hunt: these rules from `begin` on and before `end` (None: open).

    `key` names the question: who asks it again goes on with a hunt that was stopped. `origin`: see `store.Hunt`.
    """

    ruleset: RuleSet
    begin: datetime | None
    end: datetime | None
    key: str
    origin: str = "asked"

    @property
    def rules(self) -> dict[str, str]:
        """Return the hashes of the rules by id."""
        return {rule.id: rule.hash for rule in self.ruleset.rules}


@dataclass(slots=True)
class HuntReport:
    """What a hunt did: `findings` and `alerts` are new ones, `hidden` of the findings are so by an exception.

    `events` were judged; with `resumed` the numbers include what was done before. `rules` tells of each rule that
    found something how often, in what this call judged: all hits, and the new ones among them.
    """

    rules: dict[str, tuple[int, int]] = field(default_factory=dict)
    events: int = 0
    findings: int = 0
    hidden: int = 0
    alerts: int = 0
    seconds: float = 0.0
    estimate: float = 0.0
    resumed: bool = False
    finished: bool = False

    def count(self, found: pl.DataFrame, new: pl.DataFrame) -> None:
        """Add the findings of one piece to those of each rule."""
        fresh = dict(new.group_by("rule.id").len().iter_rows())
        for rule, hits in found.group_by("rule.id").len().iter_rows():
            known = self.rules.get(rule, (0, 0))
            self.rules[rule] = (known[0] + hits, known[1] + fresh.get(rule, 0))


class HuntProgress(Protocol):
    """Somebody who watches a hunt."""

    def planned(self, events: int, rules: int, seconds: float) -> None:
        """Tell how many events are to be judged by how many rules, and how long that may take."""

    def advanced(self, events: int, findings: int) -> None:
        """Tell that `events` events were judged and gave `findings` new findings."""


class Unwatched:
    """Watches and says nothing."""

    def planned(self, events: int, rules: int, seconds: float) -> None:
        """Say nothing."""

    def advanced(self, events: int, findings: int) -> None:
        """Say nothing."""


class Hunter:
    """Hunts through one open store.

    `step` is told each step reached (`written`, `stored`, `committed`), for tests; `alone`: nothing else works in this
    process meanwhile.
    """

    def __init__(
        self,
        lake: Lake,
        settings: Settings,
        targets: Sequence[Target] = (),
        step: Step | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._lake = lake
        self._settings = settings
        self._targets = targets
        self._step: Step = step or (lambda _: None)
        self._overlays = Overlays(lake.state)
        self._collecting = rare_collections if alone else nullcontext

    def hunt(
        self, question: Question, progress: HuntProgress | None = None, stop: threading.Event | None = None
    ) -> HuntReport:
        """Hunt, going on with the same question where it was stopped. When `stop` is set it ends after a piece.

        Raises OperatorError where another process hunts through the same folder.
        """
        began = time.monotonic()
        with one_at_a_time(self._settings.data, "hunt"):
            self.settle()
            known = [hunt for hunt in self._lake.state.hunts.unfinished() if hunt.key == question.key and hunt.plan]
            report = HuntReport(resumed=bool(known))
            hunt = known[0] if known else self._begin(question)
            report.events, report.findings, report.alerts = hunt.events, hunt.findings, hunt.alerts
            with self._collecting():
                report.finished = self._run(_Course(self._lake, question, hunt), report, progress, stop)
            if report.finished:
                self._lake.state.hunts.end(hunt.id)
        report.seconds = time.monotonic() - began
        return report

    def look(self, question: Question, progress: HuntProgress | None = None) -> HuntReport:
        """Judge without storing anything; the findings are those that a hunt would add."""
        began = time.monotonic()
        cut, plan = self._lay_out(question)
        now = cut
        hunt = Hunt("", question.key, question.origin, question.rules, question.begin, question.end, cut, plan, now)
        report = HuntReport()
        with self._collecting():
            report.finished = self._run(_Course(self._lake, question, hunt), report, progress, None, dry=True)
        report.seconds = time.monotonic() - began
        return report

    def settle(self) -> None:
        """Store what stopped hunts had written down, and raise its alerts."""
        for hunt in self._lake.state.hunts.unfinished():
            if hunt.pending is not None:
                rows = hunt.plan["pieces"][hunt.done]["rows"]
                self._land(hunt.id, pl.read_ipc(io.BytesIO(hunt.pending)), rows, again=True)

    def _begin(self, question: Question) -> Hunt:
        desk = self._lake.state.hunts
        waiting = [hunt for hunt in desk.unfinished() if hunt.key == question.key]
        span = (question.begin, question.end)
        hunt = waiting[0] if waiting else desk.begin(question.key, question.origin, question.rules, span)
        cut, plan = self._lay_out(question)
        desk.lay_out(hunt.id, cut, plan)
        return Hunt(
            hunt.id, hunt.key, hunt.origin, question.rules, question.begin, question.end, cut, plan, hunt.created
        )

    def _lay_out(self, question: Question) -> tuple[datetime, dict[str, Any]]:
        """Return the instant up to which stored events are judged, and the plan.

        Batches that are being stored now may have been judged by the rules as they were before: they are waited for.
        Those that began meanwhile are judged by the rules as they are, and left out, finished or not.
        """
        desk = self._lake.state.hunts
        before, patience = set(desk.under_way()), time.monotonic() + _PATIENCE_SECONDS
        while before & set(desk.under_way()) and time.monotonic() < patience:
            time.sleep(_POLL_SECONDS)
        cut = self._lake.store.query("SELECT now64(6, 'UTC') AS now")["now"][0]
        excluded = [instant.isoformat() for instant in desk.under_way()]
        where, params = _condition(question.begin, question.end, cut, excluded)
        pieces = list(HuntMap(self._lake.store, question.ruleset).lay_out(where, params))
        return cut, {"excluded": excluded, "pieces": pieces}

    def _run(
        self,
        course: _Course,
        report: HuntReport,
        progress: HuntProgress | None,
        stop: threading.Event | None,
        *,
        dry: bool = False,
    ) -> bool:
        """Judge the pieces that are left; return whether all are done."""
        watcher = progress or Unwatched()
        report.estimate = course.estimate()
        watcher.planned(sum(piece["rows"] for piece in course.left), len(course.question.rules), report.estimate)
        for piece, events in course.read():
            if stop is not None and stop.is_set():
                return False
            found = self._overlays.apply(course.detector.run(events), self._whole_events)
            new, revealed = self._new(found)
            report.count(found, new)
            report.events += events.height
            report.findings += new.height
            report.hidden += new.height - visible(new).height
            if not dry:
                report.alerts += self._take(course.hunt.id, new, piece["rows"], revealed=revealed)
            watcher.advanced(piece["rows"], new.height)
        return True

    def _whole_events(self, findings: pl.DataFrame) -> pl.DataFrame:
        times = findings[TIMESTAMP]
        return self._lake.store.events(findings["event.id"].unique().to_list(), (_first(times), _last(times)))

    def _new(self, found: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
        """Return the findings that are not stored, or only as hidden ones although nothing hides them now.

        With them, whether there are any of the latter.
        """
        if found.is_empty():
            return found, False
        known = self._lake.store.known_findings(found)
        joined = found.unique("finding.id", keep="first", maintain_order=True).join(
            known, on=_PAIR, how="left", maintain_order="left"
        )
        revealed = pl.col("hidden").fill_null(value=False) & (pl.col(HIDDEN_BY) == "")
        new = joined.filter(pl.col("hidden").is_null() | revealed)
        return new.select(found.columns), bool(new.select(revealed.any()).item())

    def _take(self, hunt_id: str, new: pl.DataFrame, events: int, *, revealed: bool) -> int:
        if new.height:
            sink = io.BytesIO()
            new.write_ipc(sink, compression="zstd")
            self._lake.state.hunts.write_down(hunt_id, sink.getvalue())
            self._step("written")
        return self._land(hunt_id, new, events, revealed=revealed)

    def _land(
        self, hunt_id: str, new: pl.DataFrame, events: int, *, again: bool = False, revealed: bool = False
    ) -> int:
        """Store the findings of a piece; write their alerts and mark the piece done in one transaction."""
        if new.height:
            if again or revealed:
                self._lake.store.reveal(visible(new))
            token = hash_parts("hunt", hunt_id, *new["finding.id"])
            self._lake.store.insert_later("findings", new, token, again=again).result()
            self._step("stored")
        gap: timedelta = self._settings.session_gap
        with self._lake.state.transaction() as transaction:
            opened = write_alerts(transaction, sessions(visible(new), gap), gap, self._targets)
            transaction.finish_hunt(hunt_id, (events, new.height, opened))
        self._step("committed")
        return opened


class _Course:
    """The pieces of a hunt that are left, read ahead by one while the last one is judged."""

    def __init__(self, lake: Lake, question: Question, hunt: Hunt) -> None:
        self.question = question
        self.hunt = hunt
        self.left: Sequence[Piece] = hunt.plan["pieces"][hunt.done :]
        self._map = HuntMap(lake.store, question.ruleset)
        self._where, self._params = _condition(question.begin, question.end, hunt.cut, hunt.plan["excluded"])
        self.detector = Detector(question.ruleset)

    def read(self) -> Iterator[tuple[Piece, pl.DataFrame]]:
        """Yield each piece with its events."""
        with ThreadPoolExecutor(1, thread_name_prefix="miharu-hunt") as pool:
            coming = pool.submit(self._read, self.left[0]) if self.left else None
            for piece, following in pairwise([*self.left, None]):
                assert coming is not None
                assert piece is not None
                events = coming.result()
                coming = pool.submit(self._read, following) if following is not None else None
                yield piece, events

    def estimate(self) -> float:
        """Return about how many seconds the pieces will take, by judging a little of each log source."""
        rows: dict[str, int] = {}
        samples: dict[str, Piece] = {}
        for piece in self.left:
            rows[piece["dataset"]] = rows.get(piece["dataset"], 0) + piece["rows"]
            samples.setdefault(piece["dataset"], piece)
        seconds = 0.0
        for dataset, piece in samples.items():
            events, took = self._timed_read(piece)
            half = events.height // 2
            # What is judged first fills the caches and opens the pattern databases, which happens once.
            self.detector.run(events[:half])
            began = time.monotonic()
            self.detector.run(events[half:])
            took = took / 2 + time.monotonic() - began
            seconds += took * rows[dataset] / max(1, events.height - half)
        return seconds

    def _timed_read(self, piece: Piece) -> tuple[pl.DataFrame, float]:
        self._map.read(piece, self._where, self._params, 1)
        began = time.monotonic()
        events = self._map.read(piece, self._where, self._params, _SAMPLE)
        return events, time.monotonic() - began

    def _read(self, piece: Piece) -> pl.DataFrame:
        return self._map.read(piece, self._where, self._params)


def _condition(
    begin: datetime | None, end: datetime | None, cut: datetime, excluded: Sequence[str]
) -> tuple[str, Mapping[str, Any]]:
    """Return which events a hunt judges, as SQL with its parameters."""
    parts, params = ["`event.ingested` < {cut:DateTime64(6, 'UTC')}"], {"cut": cut}
    if begin is not None:
        parts.append("`@timestamp` >= {first:DateTime64(6, 'UTC')}")
        params["first"] = begin
    if end is not None:
        parts.append("`@timestamp` < {last:DateTime64(6, 'UTC')}")
        params["last"] = end
    for number, instant in enumerate(excluded):
        parts.append(f"`event.created` != {{x{number}:DateTime64(6, 'UTC')}}")
        params[f"x{number}"] = datetime.fromisoformat(instant)
    return " AND ".join(parts), params


def _first(times: pl.Series) -> datetime:
    found = times.min()
    assert isinstance(found, datetime)
    return found


def _last(times: pl.Series) -> datetime:
    found = times.max()
    assert isinstance(found, datetime)
    return found
