"""`miharu rules explain, why-not`: why a rule holds for an event or not, and what it nearly held for."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import polars as pl
import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from miharu.cli.context import Context, context
from miharu.cli.explanations import tree_as_dict, tree_of
from miharu.cli.output import flat_rows, iso, json_line
from miharu.cli.rules_named import find_rule
from miharu.core.clock import system_clock
from miharu.pipeline import (
    MOST_EVENTS,
    Nearly,
    explain_event,
    load_ruleset,
    look_for_misses,
    nearly_as_object,
    open_lake,
)
from miharu.search import parse_time

_RAW_SHOWN: Final = 1_000

RuleName = Annotated[str, typer.Argument(help="The rule's id or its beginning, or its title.", metavar="RULE")]


def explain(
    ctx: typer.Context,
    rule: RuleName,
    event: Annotated[str, typer.Argument(help="The event's id (`event.id`).", metavar="EVENT")],
) -> None:
    """Say for a rule and a stored event what every test looked at, wanted and found.

    Example: miharu rules explain 36046a3d 0199a1b2c3d4
    """
    here = context(ctx)
    ruleset = load_ruleset(here.settings)
    wanted = find_rule(ruleset, rule)
    with open_lake(here.settings) as lake:
        row, explanation = explain_event(lake, ruleset, wanted, event)
    if here.json:
        told = {"rule_id": wanted.id, "title": wanted.title, "holds": explanation.verdict}
        told |= {"explanation": tree_as_dict(explanation), "event": _flat(row)}
        sys.stdout.write(json_line(told))
        return
    console = Console(file=sys.stdout, highlight=False)
    verdict = "holds" if explanation.verdict else "does not hold"
    console.print(f"{wanted.title!r} {verdict} for this event", markup=False)
    console.print(_of_event(row), style="dim")
    console.print(tree_of(explanation))


def why_not(
    ctx: typer.Context,
    rule: RuleName,
    start: Annotated[str | None, typer.Option("--from", help="Events from this instant on (ISO 8601, now-7d).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Events before this instant.")] = None,
    limit: Annotated[int, typer.Option(help="Most misses shown.", min=1, max=100)] = 3,
    events: Annotated[int, typer.Option(help="Most events looked at.", min=1)] = MOST_EVENTS,
) -> None:
    """Show the stored events that a rule nearly holds for, and what kept it from each.

    Each comes with the one part of the condition that failed and with values with which the rule would have held:
    they were tried on the event.

    Examples:

      miharu rules why-not "Suspicious Encoded PowerShell"

      miharu rules why-not 36046a3d --from now-7d --limit 10
    """
    here = context(ctx)
    now = system_clock()
    ruleset = load_ruleset(here.settings)
    wanted = find_rule(ruleset, rule)
    span = (parse_time(start, now) if start else None, parse_time(end, now) if end else None)
    bar = Progress(
        TextColumn("looking at events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=here.notes, transient=True,
    )  # fmt: skip
    with open_lake(here.settings) as lake, bar:
        task = bar.add_task("events", total=None)
        found = look_for_misses(
            lake, ruleset, wanted, span, limit=limit, most=events,
            seen=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    _answer(here, found)


def _answer(here: Context, found: Nearly) -> None:
    if here.json:
        sys.stdout.write(json_line(nearly_as_object(found, tree_as_dict, _flat)))
        return
    console = Console(file=sys.stdout, highlight=False)
    console.print(_head(found), markup=False)
    for number, miss in enumerate(found.misses, 1):
        console.rule(f"miss {number} of {len(found.misses)}", align="left", style="dim")
        if miss.event_id in found.rows:
            console.print(_of_event(found.rows[miss.event_id]), style="dim")
        console.print(Text("what failed: ").append(miss.condition.label, style="bold red"))
        for name, change in miss.changes.items():
            console.print(Text(f"it would hold with {name} = ").append(_value(change), style="green"))
        console.print(tree_of(miss.explanation.pruned()))


def _head(found: Nearly) -> str:
    rule = found.rule
    if not found.stored:
        return (
            f"{rule.title!r}: no event of its log sources ({rule.logsource}) is stored in this span: it could not hold"
        )
    some = f" of {found.stored:,}" if found.events < found.stored else ""
    near = f"the {len(found.misses)} nearest misses" if found.misses else "nothing came near"
    more = f"; for {found.unturned:,} as near no change was found that makes it hold" if found.unturned else ""
    return f"{rule.title!r} looked at {found.events:,}{some} events and holds for {found.matched:,}; {near}{more}"


def _of_event(row: dict[str, Any]) -> Panel:
    raw = row.get("event.original")
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw or "")
    return Panel(
        Text(text[:_RAW_SHOWN]), title=Text(f"{iso(row['@timestamp'])}  {row['event.id']}"), title_align="left"
    )


def _value(change: Any) -> str:
    if change is None:
        return "no value"
    return ", ".join(map(repr, change)) if isinstance(change, tuple) else repr(change)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return next(flat_rows(pl.DataFrame([row])))
