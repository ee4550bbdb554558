"""The command line: global options, then a noun or a verb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from miharu import __version__
from miharu.cli.context import Context
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings

COMMANDS: Final = {
    "serve": "serve",
    "import": "import_",
    "parse": "parse",
    "detect": "detect",
    "search": "search",
    "sql": "sql",
}
"""Verbs, with the module of each, whose `run` it is. Nouns with verbs of their own are in GROUPS."""

GROUPS: Final = {
    "rules": "rules",
    "sources": "sources",
    "alerts": "alerts",
    "tokens": "tokens",
    "notify": "notify",
}
"""Nouns, with the module of each, whose `app` it is."""


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line; with all its commands, or those alone that `words` name after the global options."""
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
    wanted = frozenset(_named(words)) or {*COMMANDS, *GROUPS}
    for name, module in COMMANDS.items():
        if name in wanted:
            app.command(name)(import_module(f"miharu.cli.{module}").run)
    for name, module in GROUPS.items():
        if name in wanted:
            app.add_typer(import_module(f"miharu.cli.{module}").app, name=name)
    return app


def _named(words: Sequence[str]) -> Iterator[str]:
    """Yield the commands that `words` may name: to import only them saves most of a second.

    A folder may be named like a command, so all that might be meant are. Help for everything names nothing.
    """
    for word in words:
        if word in {"-h", "--help"}:
            return
        if word in COMMANDS or word in GROUPS:
            yield word


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
