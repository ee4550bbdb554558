"""The command line: global options, then a noun or a verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from miharu import __version__
from miharu.cli import alerts, detect, import_, notify, parse, rules, search, serve, sources, sql, tokens
from miharu.cli.context import Context
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings

COMMANDS: dict[str, Callable[..., None]] = {
    "serve": serve.run,
    "import": import_.run,
    "parse": parse.run,
    "detect": detect.run,
    "search": search.run,
    "sql": sql.run,
}
"""Verbs. Nouns with verbs of their own are in GROUPS."""

GROUPS = {
    "rules": rules.app,
    "sources": sources.app,
    "alerts": alerts.app,
    "tokens": tokens.app,
    "notify": notify.app,
}


def make_app() -> typer.Typer:
    """Return the command line with all its commands."""
    app = typer.Typer(
        name="miharu",
        help="miharu (見張る) collects logs, normalises them to ECS, stores, searches and judges them.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_globals)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"miharu {__version__}")
        raise typer.Exit


def _globals(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the store and of the state.", envvar="MIHARU_DATA", show_default=False),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML).", envvar="MIHARU_CONFIG", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON line on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but results and errors.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more.")] = 0,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keep watch over logs.

    Examples:

      miharu import /var/log

      miharu search 'user.name : root and event.outcome : failure' --from now-24h

      miharu alerts list
    """
    del version
    ctx.obj = Context(load_settings(data, config), json, quiet, verbose)


def load_settings(data: Path | None, config: Path | None) -> Settings:
    """Return settings from options, the environment, and the file, in this order of weight."""
    given: dict[str, Any] = {} if data is None else {"data": data}
    try:
        if config is None:
            return Settings(**given)
        if not config.is_file():
            msg = f"settings file {config} does not exist"
            raise OperatorError(msg)
        return _settings_with_file(config)(**given)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"]) or "settings"
        msg = (
            f"setting {name!r}: {fault['msg'].lower()} (given: {fault.get('input')!r}); see docs/reference/settings.md"
        )
        raise OperatorError(msg) from error
    except ValueError as error:
        msg = f"{config or 'MIHARU_CONFIG'} is not valid TOML: {error}"
        raise OperatorError(msg) from error


def _settings_with_file(path: Path) -> type[Settings]:
    class FileSettings(Settings):
        model_config = SettingsConfigDict(**{**Settings.model_config, "toml_file": path})

    return FileSettings
