"""`miharu rules enable, disable, set-level, except, unexcept, exceptions`: what is said about rules, beside them."""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final

import polars as pl
import typer

from miharu.catalog import load_sigma_mapping
from miharu.cli.context import Context, context
from miharu.cli.output import RowFormat, iso, json_line, write_rows
from miharu.cli.rules_hunt import hunt_waiting
from miharu.cli.rules_named import find_rule
from miharu.core.clock import system_clock
from miharu.core.finding import LEVELS
from miharu.pipeline import (
    Hidden,
    ask_for_hunt,
    hidden_counts,
    hidden_findings,
    load_ruleset,
    open_lake,
    read_condition,
)
from miharu.search import parse_time
from miharu.store import RuleException, State

_OWN: Final = "own"
_SHOWN_ID: Final = 8

RuleName = Annotated[str, typer.Argument(help="The rule's id or its beginning, or its title.", metavar="RULE")]


def enable(ctx: typer.Context, rule: RuleName) -> None:
    """Turn a rule on again; it then hunts back over the configured span (setting `hunt_back`).

    Example: miharu rules enable 36046a3d
    """
    here = context(ctx)
    ruleset = load_ruleset(here.settings)
    found = find_rule(ruleset, rule)
    with State.open(here.settings.data) as state:
        changed = state.overlays.set_enabled(found.id, _who(), enabled=True)
        if changed:
            ask_for_hunt(state, {found.id: found.hash}, here.settings)
    told = {"rule": found.id, "enabled": True, "changed": changed}
    if changed:
        told["hunts"] = hunt_waiting(here, ruleset)
    here.answer(told, f"{found.title!r} is {'on again' if changed else 'on already'}")


def disable(ctx: typer.Context, rule: RuleName) -> None:
    """Turn a rule off: it finds nothing from the next batch on, here and in a running `serve`. Its file stays as it is.

    Example: miharu rules disable 36046a3d
    """
    here = context(ctx)
    found = find_rule(load_ruleset(here.settings), rule)
    with State.open(here.settings.data) as state:
        changed = state.overlays.set_enabled(found.id, _who(), enabled=False)
    told = {"rule": found.id, "enabled": False, "changed": changed}
    here.answer(told, f"{found.title!r} is off{'' if changed else ' already'}")


def set_level(
    ctx: typer.Context,
    rule: RuleName,
    level: Annotated[str, typer.Argument(help=f"{', '.join(LEVELS)}, or {_OWN} for the rule's own.")],
) -> None:
    """Give what a rule finds from now on another level; its file stays as it is.

    Examples:

      miharu rules set-level 36046a3d low

      miharu rules set-level 36046a3d own
    """
    here = context(ctx)
    found = find_rule(load_ruleset(here.settings), rule)
    with State.open(here.settings.data) as state:
        state.overlays.set_level(found.id, None if level == _OWN else level, _who())
    now = found.level if level == _OWN else level
    here.answer({"rule": found.id, "level": now}, f"{found.title!r} is now of level {now}")


def except_(
    ctx: typer.Context,
    rule: RuleName,
    when: Annotated[str, typer.Option(help="A filter as in `search`, or a Sigma selection ({User: backup}).")],
    reason: Annotated[str, typer.Option(help="Why this is no cause for alarm.")],
    until: Annotated[
        str | None, typer.Option(help="When it runs out (2027-01-31, now+30d); default: never.", show_default=False)
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for it; default: made from the condition.")] = None,
) -> None:
    r"""Let a rule raise no alert for events that pass a condition.

    What is hidden so is stored and counted: `miharu rules exceptions --hidden` shows it.

    Examples:

      miharu rules except 36046a3d --when 'user.name : backup' --until now+30d --reason 'nightly copy, ticket 17'

      miharu rules except 36046a3d --when '{Image|endswith: \robocopy.exe}' --reason 'allowed tool'
    """
    here = context(ctx)
    found = find_rule(load_ruleset(here.settings), rule)
    now = system_clock()
    ends = parse_time(until, now) if until else None
    with open_lake(here.settings) as lake:
        draft = read_condition(when, found, load_sigma_mapping(), lake.store.column_names("events"))
        made = replace(draft, name=name or draft.condition[:60], until=ends, reason=reason, who=_who())
        kept = lake.state.overlays.add_exception(made)
    over = ends is not None and ends <= now
    end = f" until {iso(ends)}" if ends else ""
    text = f"exception {kept.id[:_SHOWN_ID]} ({kept.name}): {found.title!r} raises no alert where it holds{end}"
    here.answer(_as_dict(kept, None, now), f"{text}; that is past, so it hides nothing" if over else text)


def unexcept(
    ctx: typer.Context,
    exception: Annotated[str, typer.Argument(help="The exception's name, or its id or the beginning of it.")],
) -> None:
    """Take an exception back. What it hid stays hidden; `miharu rules hunt` brings it to light again.

    Example: miharu rules unexcept 5f2c09aa
    """
    here = context(ctx)
    with State.open(here.settings.data) as state:
        ended = state.overlays.end_exception(exception)
    here.answer({"ended": ended.id, "name": ended.name}, f"exception {ended.name!r} is ended")


def exceptions(
    ctx: typer.Context,
    hidden: Annotated[bool, typer.Option("--hidden", help="Show the findings that were hidden.")] = False,
    limit: Annotated[int, typer.Option(help="Most findings shown.", min=1)] = 100,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List exceptions, also those that ran out or were taken back, and how much each has hidden.

    Examples:

      miharu rules exceptions

      miharu rules exceptions --hidden
    """
    here = context(ctx)
    now = system_clock()
    shown = RowFormat.ndjson if here.json else row_format
    with open_lake(here.settings) as lake:
        known = lake.state.overlays.book().exceptions
        counts = hidden_counts(lake)
        found = hidden_findings(lake, [each.id for each in known], limit) if hidden else None
    if found is not None:
        write_rows(_findings(found, known, shown), shown, sys.stdout)
        return
    if shown is RowFormat.ndjson:
        sys.stdout.writelines(json_line(_as_dict(each, counts.get(each.id), now)) for each in known)
        return
    write_rows(_table(here, known, counts, now), shown, sys.stdout)


def _table(here: Context, known: tuple[RuleException, ...], counts: dict[str, Hidden], now: datetime) -> pl.DataFrame:
    titles = {rule.id: rule.title for rule in load_ruleset(here.settings).rules}
    rows = [
        {
            "exception": each.id[:_SHOWN_ID],
            "name": each.name,
            "rule": titles.get(each.rule_id, each.rule_id),
            "when": each.condition,
            "state": _state(each, now),
            "hidden": str(counts[each.id].count if each.id in counts else 0),
            "reason": f"{each.reason} ({each.who})",
        }
        for each in known
    ]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("exception", "name", "rule", "when", "state", "hidden", "reason"), pl.String)
    )


def _findings(found: pl.DataFrame, known: tuple[RuleException, ...], shown: RowFormat) -> pl.DataFrame:
    if shown is RowFormat.ndjson:
        return found
    names = {each.id: each.name for each in known}
    return found.select(
        "@timestamp",
        pl.col("rule.name").alias("rule"),
        "entity",
        pl.col("finding.hidden_by").replace(names).alias("hidden by"),
        "event.id",
    )


def _state(exception: RuleException, now: datetime) -> str:
    if exception.ended is not None:
        return "taken back"
    if not exception.holds_at(now):
        return "ran out"
    return f"until {iso(exception.until)[:16]}" if exception.until is not None else "holds"


def _as_dict(exception: RuleException, hidden: Hidden | None, now: datetime) -> dict[str, Any]:
    names = ("id", "rule_id", "name", "condition", "reason", "who")
    told: dict[str, Any] = {name: getattr(exception, name) for name in names}
    instants = {"until": exception.until, "created": exception.created, "ended": exception.ended}
    told |= {name: iso(value) if value is not None else None for name, value in instants.items()}
    told |= {"holds": exception.holds_at(now), "hidden": hidden.count if hidden else 0}
    return told


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process may run under a number that has no name
        return "unknown"
