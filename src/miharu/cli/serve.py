"""`miharu serve`: the whole system, until it is told to stop."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from miharu.cli.alerts import ranked, table_of
from miharu.cli.context import Context, context
from miharu.cli.output import json_line
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.pipeline import open_lake
from miharu.serve import Running, Supervisor, make_first_tokens, token_folder

_COLOURS: Final = {"error": "bold red", "critical": "bold red", "warning": "yellow"}
_QUIET: Final = frozenset(_COLOURS)
_SHOWN_ALERTS: Final = 10


def run(ctx: typer.Context) -> None:
    """Run everything: take logs over the network, store and judge them, answer over the API. Ctrl-C ends it.

    What was acknowledged to a sender is never lost, whatever stops the system.

    Examples:

      miharu serve

      MIHARU_SYSLOG_UDP_ADDRESS=0.0.0.0:5514 miharu --data /var/lib/miharu serve

      logger --server 127.0.0.1 --port 5514 --udp 'a first line'
    """
    here = context(ctx)
    make_first_tokens(here.settings)
    notes = here.notes

    def show(level: str, part: str, message: str) -> None:
        if here.quiet and level not in _QUIET:
            return
        colour = _COLOURS.get(level, "dim")
        clock = f"{datetime.now().astimezone():%H:%M:%S}"
        notes.print(f"[dim]{clock}[/dim] [{colour}]{part:<10} {escape(message)}[/{colour}]", soft_wrap=True)

    def ready(running: Running) -> None:
        if here.json:
            sys.stdout.write(json_line({"addresses": running.addresses, "data": str(here.settings.data)}))
            sys.stdout.flush()
        elif not here.quiet:
            _banner(here, running)

    Supervisor(here.settings, show, ready).run()


def _banner(here: Context, running: Running) -> None:
    screen = Console(highlight=False)
    rows = Table.grid(padding=(0, 2))
    for name, address in _lines(here.settings, running):
        rows.add_row(f"[bold]{name}[/bold]", address)
    screen.print()
    screen.print("[bold]miharu keeps watch.[/bold] Ctrl-C ends it.")
    screen.print(rows)
    try:
        _standing(here.settings, screen)
    except OperatorError as error:
        here.notes.print(str(error), markup=False)


def _lines(settings: Settings, running: Running) -> list[tuple[str, str]]:
    found = running.addresses
    tokens = token_folder(settings)
    lines = [("data", str(settings.data))]
    if "api" in found:
        lines.append(("API", f"http://{found['api']}/api/v1 (token in {tokens / 'admin'})"))
    if "http" in found:
        lines.append(("logs by HTTP", f"http://{found['http']} (token in {tokens / 'intake'})"))
    lines += [
        (f"logs by syslog ({kind.upper()})", found[f"syslog_{kind}"])
        for kind in ("udp", "tcp")
        if f"syslog_{kind}" in found
    ]
    return lines


def _standing(settings: Settings, screen: Console) -> None:
    """Show what is there: events, and the alerts that come first."""
    with open_lake(settings) as lake:
        events = int(lake.store.query("SELECT count() FROM events").item())
        alerts = lake.state.list_alerts(state="open")
    screen.print(f"[bold]{events:,}[/bold] events, [bold]{len(alerts):,}[/bold] open alerts")
    if alerts:
        screen.print(table_of(ranked(alerts)[:_SHOWN_ALERTS]))
        screen.print("`miharu alerts list` shows all, `miharu alerts show ID` explains one")
