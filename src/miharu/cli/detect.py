"""`miharu detect`: findings of rules over files to stdout; stores nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import polars as pl
import typer

from miharu.cli.context import Context, context
from miharu.cli.output import LineFormat, flat_rows, json_line
from miharu.detect import Detector, RuleSet
from miharu.pipeline import judge_paths, load_ruleset, make_reader


def run(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, archives.")],
    rules: Annotated[
        list[Path] | None, typer.Option(help="Folder or archive of Sigma rules; default: all that apply.")
    ] = None,
    line_format: Annotated[LineFormat, typer.Option("--format", help="How findings are printed.")] = LineFormat.ndjson,
) -> None:
    """Show what rules find in files, one finding a line.

    Example: miharu detect Security.evtx --rules ~/sigma/rules
    """
    del line_format
    here = context(ctx)
    ruleset = load_ruleset(here.settings, rules or ())
    _note_problems(here, ruleset)
    for judged in judge_paths(paths, make_reader(here.settings), Detector(ruleset), here.settings):
        _write(judged.findings)


def _note_problems(here: Context, ruleset: RuleSet) -> None:
    if ruleset.problems:
        here.notes.print(
            f"{len(ruleset.rules)} rules run, {len(ruleset.problems)} cannot; `miharu rules check` says why",
            markup=False,
        )


def _write(findings: pl.DataFrame) -> None:
    for row in flat_rows(findings):
        row["entity"] = _object(row["entity"])
        row["matched"] = _object(row["matched"])
        sys.stdout.write(json_line(row))


def _object(text: str | None) -> Any:
    return orjson.loads(text) if text else {}
