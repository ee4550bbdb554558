"""`miharu rules hunt`: rules over what is stored already."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final, Self

import polars as pl
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from miharu.cli.context import Context, context
from miharu.cli.output import RowFormat, iso, json_line, write_rows
from miharu.cli.rules_named import find_rule
from miharu.core.clock import system_clock
from miharu.core.errors import OperatorError
from miharu.core.finding import LEVELS
from miharu.core.identity import hash_parts
from miharu.detect import RuleSet, only_rules
from miharu.pipeline import Hunter, HuntReport, Question, hashes, load_ruleset, open_lake, run_waiting, worker_runs
from miharu.search import parse_time
from miharu.store import State

_MINUTE: Final = 60.0


def hunt(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Rules to hunt with; default: all that apply.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule: id, its beginning, or title; may be repeated.")
    ] = None,
    level: Annotated[str | None, typer.Option(help=f"Only rules at least this severe: {', '.join(LEVELS)}.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Events from this instant on (ISO 8601, now-7d).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Events before this instant.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; say what would be found.")] = False,
) -> None:
    """Judge stored events with rules, as live work would have.

    What was found before is not found twice. A hunt that was stopped goes on where it was when it is asked for again.

    Examples:

      miharu rules hunt --from now-30d

      miharu rules hunt new-rules/ --level high --dry-run

      miharu rules hunt --rule 36046a3d --from 2026-11-01 --to 2026-11-08
    """
    here = context(ctx)
    ruleset = _chosen(here, paths or [], rule or [], level)
    now = system_clock()
    question = Question(
        ruleset,
        parse_time(start, now) if start else None,
        parse_time(end, now) if end else None,
        hash_parts(
            "asked", start or "", end or "", *(part for pair in sorted(hashes(ruleset).items()) for part in pair)
        ),
    )
    with open_lake(here.settings) as lake, HuntBar(here) as bar:
        hunter = Hunter(lake, here.settings)
        report = hunter.look(question, bar) if dry_run else hunter.hunt(question, bar)
    _answer(here, report, ruleset, dry=dry_run)


def hunts(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(help="Most hunts shown.", min=1)] = 20,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List hunts, the latest first: those that were asked for, and those for new and changed rules.

    Example: miharu rules hunts
    """
    here = context(ctx)
    with State.open(here.settings.data) as state:
        known = state.hunts.latest(limit)
    rows = [
        {
            "hunt": each.id[:8],
            "asked": iso(each.created)[:19],
            "why": "asked for" if each.origin == "asked" else "new or changed rules",
            "rules": len(each.rules),
            "from": iso(each.begin)[:19] if each.begin else "",
            "to": iso(each.end)[:19] if each.end else "",
            "state": each.state,
            "done": f"{each.done}/{len(each.plan.get('pieces', ()))}",
            "events": each.events,
            "findings": each.findings,
            "alerts": each.alerts,
        }
        for each in known
    ]
    write_rows(pl.DataFrame(rows), RowFormat.ndjson if here.json else row_format, sys.stdout)


def hunt_waiting(here: Context, ruleset: RuleSet) -> list[dict[str, Any]]:
    """Run the hunts that new, changed and enabled rules wait for, unless a running `serve` does; return what they did.

    Says beforehand what is going to happen.
    """
    with State.open(here.settings.data) as state:
        waiting = state.hunts.unfinished("changed")
    if not waiting:
        return []
    rules = len({rule for each in waiting for rule in each.rules})
    back = f"{_many(rules)} new or changed: looking back over {_days(here)} of stored events (setting hunt_back)"
    if worker_runs(here.settings):
        here.notes.print(f"{back}; the running `serve` does that", markup=False)
        return []
    here.notes.print(back, markup=False)
    with open_lake(here.settings) as lake, HuntBar(here) as bar:
        reports = run_waiting(Hunter(lake, here.settings), lake.state, ruleset, lambda: bar)
    for report in reports:
        here.notes.print(_summary(report, dry=False), markup=False)
    return [_as_dict(report) for report in reports]


class HuntBar:
    """Says how long it will take, and a progress bar, on stderr; nothing with `-q` or `--json`."""

    def __init__(self, here: Context) -> None:
        self._here = here
        notes = here.notes
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events, {task.fields[findings]:,} findings"),
            TimeRemainingColumn(),
            console=notes,
            transient=True,
            disable=here.json or here.quiet or not notes.is_terminal,
        )
        self._task = self._progress.add_task("estimating", total=None, findings=0)
        self._findings = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def planned(self, events: int, rules: int, seconds: float) -> None:
        """Say what is ahead."""
        if not self._here.json:
            self._here.notes.print(f"{_many(rules)} over {events:,} events: about {_duration(seconds)}", markup=False)
        self._progress.update(self._task, description="hunting", total=events, completed=0)

    def advanced(self, events: int, findings: int) -> None:
        """Show what was judged."""
        self._findings += findings
        self._progress.update(self._task, advance=events, findings=self._findings)


def _key(start: str | None, end: str | None, ruleset: RuleSet) -> str:
    """Return what tells questions apart; words like `now-7d` count as they are written."""
    contents = (part for pair in sorted(hashes(ruleset).items()) for part in pair)
    return hash_parts("asked", start or "", end or "", *contents)


def _chosen(here: Context, paths: list[Path], named: list[str], level: str | None) -> RuleSet:
    if level is not None and level not in LEVELS:
        message = f"{level!r} is no level; choose one of {', '.join(LEVELS)}"
        raise typer.BadParameter(message)
    ruleset = load_ruleset(here.settings, paths)
    if named:
        ruleset = only_rules(ruleset, {find_rule(ruleset, each).id for each in named})
    with State.open(here.settings.data) as state:
        book = state.overlays.book().rules
    off = {rule.id for rule in ruleset.rules if rule.id in book and not book[rule.id].enabled}
    least = LEVELS.index(level) if level else 0
    kept = only_rules(
        ruleset, {rule.id for rule in ruleset.rules if rule.id not in off and LEVELS.index(rule.level) >= least}
    )
    if off:
        here.notes.print(f"{_many(len(off))} off and left out (`miharu rules enable` turns one on)", markup=False)
    if not kept.rules:
        message = "none of these rules can hunt; `miharu rules check` says why rules cannot run"
        raise OperatorError(message)
    return kept


def _answer(here: Context, report: HuntReport, ruleset: RuleSet, *, dry: bool) -> None:
    known = {rule.id: rule for rule in ruleset.rules}
    order = sorted(report.rules, key=lambda rule: (-LEVELS.index(known[rule].level), -report.rules[rule][0], rule))
    rows = [
        {
            "level": known[rule].level,
            "rule": known[rule].title,
            "id": rule,
            "hits": report.rules[rule][0],
            "new": report.rules[rule][1],
        }
        for rule in order
    ]
    if here.json:
        sys.stdout.write(json_line(_as_dict(report) | {"dry_run": dry, "rules": rows}))
        return
    if rows:
        write_rows(pl.DataFrame(rows), RowFormat.table, sys.stdout)
    here.notes.print(_summary(report, dry=dry), markup=False)


def _summary(report: HuntReport, *, dry: bool) -> str:
    went_on = ", part of them before it was stopped" if report.resumed else ""
    if dry:
        return (
            f"{report.events:,} events judged in {report.seconds:.1f} s: {report.findings:,} new findings; none stored"
        )
    return (
        f"{report.events:,} events judged{went_on} in {report.seconds:.1f} s: {report.findings:,} new findings "
        f"({report.hidden:,} hidden by exceptions), {report.alerts:,} new alerts"
    )


def _as_dict(report: HuntReport) -> dict[str, Any]:
    names = ("events", "findings", "hidden", "alerts", "resumed", "finished")
    told: dict[str, Any] = {name: getattr(report, name) for name in names}
    return told | {"seconds": round(report.seconds, 3), "estimate": round(report.estimate, 3)}


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 2 * _MINUTE else f"{round(seconds / _MINUTE)} min"


def _many(rules: int) -> str:
    return "1 rule" if rules == 1 else f"{rules:,} rules"


def _days(here: Context) -> str:
    days = here.settings.hunt_back.total_seconds() / 86_400
    return f"{days:g} day{'' if days == 1 else 's'}"
