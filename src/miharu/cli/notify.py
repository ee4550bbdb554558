"""`miharu notify`: whom alerts are told to, whether it works, and what could not be delivered."""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miharu.cli.context import context
from miharu.cli.output import iso, json_line
from miharu.core.clock import system_clock
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.respond import DeliveryError, Target, deliver, load_targets, trial_delivery
from miharu.store import OutboxCount, State

app = typer.Typer(help="Notifications: whom alerts are told to, and whether that works.", no_args_is_help=True)

_STATES = ("waiting", "sent", "failed", "dead")


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the targets, and how many notices to each wait, were sent, were refused, or were given up.

    Examples:

      miharu notify list

      miharu --json notify list
    """
    here = context(ctx)
    targets = load_targets(here.settings)
    with State.open(here.settings.data) as state:
        rows = _rows(targets, state.outbox_counts())
    if here.json:
        sys.stdout.write(json_line({"targets": rows}))
        return
    if not rows:
        here.notes.print("no targets; give them in the setting notify (docs/how-to/notify.md)", markup=False)
        return
    Console(file=sys.stdout).print(_table(rows))


def _rows(targets: list[Target], counts: list[OutboxCount]) -> list[dict[str, Any]]:
    by_target: dict[str, dict[str, OutboxCount]] = defaultdict(dict)
    for count in counts:
        by_target[count.target][count.state] = count
    known = {target.name: target for target in targets}
    names = [*known, *(name for name in by_target if name not in known)]
    return [_row(name, known.get(name), by_target[name]) for name in names]


def _row(name: str, target: Target | None, counts: dict[str, OutboxCount]) -> dict[str, Any]:
    waiting = counts.get("waiting")
    oldest: datetime | None = waiting.oldest if waiting else None
    return {
        "name": name,
        "kind": target.kind if target else "not configured",
        "min_level": target.min_level if target else None,
        "rules": sorted(target.rules) if target else None,
        **{state: counts[state].notices if state in counts else 0 for state in _STATES},
        "waiting_since": iso(oldest) if oldest else None,
        "last_error": _last_error(counts),
    }


def _last_error(counts: dict[str, OutboxCount]) -> str:
    found = (counts[state].last_error for state in ("waiting", "dead", "failed") if state in counts)
    return next(filter(None, found), "")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("name", "kind", "from level", *_STATES, "last error"):
        table.add_column(name, justify="right" if name in _STATES else "left", overflow="fold")
    for row in rows:
        numbers = [f"{row[state]:,}" for state in _STATES]
        table.add_row(row["name"], row["kind"], row["min_level"] or "-", *numbers, Text(row["last_error"] or "-"))
    return table


@app.command("test")
def test(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The target's name.")],
) -> None:
    """Send a test message to a target now, past the outbox.

    Example: miharu notify test ops
    """
    here = context(ctx)
    target = _target(here.settings, name)
    try:
        deliver(target, trial_delivery(name, system_clock()))
    except DeliveryError as error:
        message = f"the test message to {name} was not taken: {error.text}"
        raise OperatorError(message) from error
    here.answer({"target": name, "sent": True}, f"the test message to {name} was taken")


def _target(settings: Settings, name: str) -> Target:
    targets = {target.name: target for target in load_targets(settings)}
    if name not in targets:
        there = f"the names are {', '.join(targets)}" if targets else "the setting notify gives none"
        message = f"no target is named {name!r}; {there}"
        raise OperatorError(message)
    return targets[name]


@app.command("retry")
def retry(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Only this target.", show_default=False)] = None,
) -> None:
    """Queue again what a receiver refused or what was given up after two days.

    Examples:

      miharu notify retry

      miharu notify retry ops
    """
    here = context(ctx)
    if name is not None:
        _target(here.settings, name)
    with State.open(here.settings.data) as state:
        queued = state.revive_notices(name)
    here.answer({"queued": queued}, f"{queued:,} notices wait again")
