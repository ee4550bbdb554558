"""`miharu tokens`: what programs and people show to send logs and to ask."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import polars as pl
import typer

from miharu.cli.context import context
from miharu.cli.output import RowFormat, iso, write_rows
from miharu.core.clock import system_clock
from miharu.store import SCOPES, State

app = typer.Typer(help="Tokens: make one, list them, revoke one.", no_args_is_help=True)


@app.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it allows ({', '.join(SCOPES)}); may be given several times.")
    ],
    days: Annotated[float | None, typer.Option(help="Days it lives; without it, until it is revoked.")] = None,
) -> None:
    """Make a token and print its secret, once: only a hash of it is kept.

    Examples:

      miharu tokens create web01 --scope intake

      miharu tokens create dashboard --scope read --days 90
    """
    here = context(ctx)
    expires = None
    if days is not None:
        try:
            expires = system_clock() + timedelta(days=days)
        except OverflowError as error:
            raise typer.BadParameter("that is too far away; give fewer days") from error
    with State.open(here.settings.data) as state:
        secret = state.create_token(name, scope, expires)
    kept = [each for each in SCOPES if each in scope]
    if here.json:
        here.answer({"name": name, "scopes": kept, "expires": expires and iso(expires), "token": secret}, "")
        return
    here.notes.print(f"token {name!r} for {', '.join(kept)}; it is shown this once:", markup=False)
    sys.stdout.write(f"{secret}\n")


@app.command("list")
def list_(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also tokens that were revoked or have expired.")] = False,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List the tokens that live.

    Example: miharu tokens list --all
    """
    here = context(ctx)
    now = system_clock()
    with State.open(here.settings.data) as state:
        tokens = [token for token in state.list_tokens() if every or token.live(now)]
    rows = [
        {
            "name": token.name,
            "scopes": ", ".join(token.scopes),
            "created": iso(token.created),
            "expires": token.expires and iso(token.expires),
            "state": "revoked" if token.revoked else "live" if token.live(now) else "expired",
        }
        for token in tokens
    ]
    schema = dict.fromkeys(("name", "scopes", "created", "expires", "state"), pl.String)
    write_rows(pl.DataFrame(rows, schema=schema), RowFormat.ndjson if here.json else row_format, sys.stdout)


@app.command("revoke")
def revoke(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name the token was given.")]) -> None:
    """End a token; whoever shows it is refused from now on.

    Example: miharu tokens revoke web01
    """
    here = context(ctx)
    with State.open(here.settings.data) as state:
        state.revoke_token(name)
    here.answer({"revoked": name}, f"token {name!r} is revoked")
