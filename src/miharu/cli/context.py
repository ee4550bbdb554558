"""Global options → what every command needs: settings, and how to speak."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console

from miharu.cli.output import json_line
from miharu.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """Settings and the way this invocation speaks to its user.

    Results go to stdout; notes, progress and faults go to stderr, so that output can be piped.
    """

    settings: Settings
    json: bool
    quiet: bool
    verbose: int

    @property
    def notes(self) -> Console:
        """Return the console for people, silent with `-q`."""
        return Console(stderr=True, quiet=self.quiet, highlight=False)

    def answer(self, value: dict[str, Any], text: str) -> None:
        """Give the final answer: one JSON line with `--json`, else text."""
        if self.json:
            sys.stdout.write(json_line(value))
        elif not self.quiet:
            Console(highlight=False).print(text)


def context(ctx: typer.Context) -> Context:
    """Return the invocation's context."""
    found = ctx.find_object(Context)
    if found is None:
        raise typer.Exit(2)
    return found
