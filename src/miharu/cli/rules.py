"""`miharu rules`: import, list, check and test Sigma rules."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from miharu.cli.context import context
from miharu.cli.output import RowFormat, json_line, write_rows
from miharu.core.errors import EXIT_CONTENT
from miharu.detect import RuleProblem
from miharu.pipeline import RuleTestResult, import_rules, load_ruleset, remove_imported, run_rule_tests

app = typer.Typer(help="Import, list, check and test Sigma rules.", no_args_is_help=True)


@app.command("import")
def import_(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A folder, a .yml file, a .zip or a .tar.gz of Sigma rules.")],
) -> None:
    """Copy Sigma rules into the data folder, byte for byte, and compile them.

    Example: miharu rules import ~/sigma/rules
    """
    here = context(ctx)
    done = import_rules(source, here.settings)
    ruleset = load_ruleset(here.settings)
    here.answer(
        {"name": done.name, "files": done.files, "rules": len(ruleset.rules), "cannot_run": len(ruleset.problems)},
        f"{done.files:,} files imported as {done.name!r}; all in all {len(ruleset.rules):,} rules run, "
        f"{len(ruleset.problems):,} cannot (`miharu rules check` says why)",
    )


@app.command("remove")
def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Name the import was given.")]) -> None:
    """Remove one import of rules.

    Example: miharu rules remove sigma
    """
    here = context(ctx)
    remove_imported(name, here.settings)
    here.answer({"removed": name}, f"rules imported as {name!r} are removed")


@app.command("list")
def list_(
    ctx: typer.Context,
    level: Annotated[str | None, typer.Option(help="Only rules of this level.")] = None,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List the rules that run.

    Example: miharu rules list --level critical
    """
    here = context(ctx)
    rows = [
        {"id": rule.id, "level": rule.level, "title": rule.title, "path": rule.path}
        for rule in load_ruleset(here.settings).rules
        if level is None or rule.level == level
    ]
    schema = dict.fromkeys(("id", "level", "title", "path"), pl.String)
    write_rows(pl.DataFrame(rows, schema=schema), RowFormat.ndjson if here.json else row_format, sys.stdout)


@app.command("check")
def check(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Rules to check; default: all that apply.")] = None,
) -> None:
    """Say of every rule that cannot run why, with file, line and remedy. Exit code 3 where there is one.

    Example: miharu rules check my-rules/
    """
    here = context(ctx)
    ruleset = load_ruleset(here.settings, paths or ())
    for problem in ruleset.problems:
        if here.json:
            sys.stdout.write(json_line(_as_dict(problem)))
        else:
            where = f"{problem.path}:{problem.line}" if problem.line else problem.path
            typer.echo(f"{where}: {problem.reason}: {problem.text} ({problem.remedy})")
    reasons = Counter(problem.reason for problem in ruleset.problems)
    tail = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    here.notes.print(
        f"{len(ruleset.rules):,} rules run, {len(ruleset.problems):,} cannot" + (f": {tail}" if tail else ""),
        markup=False,
    )
    if ruleset.problems:
        raise typer.Exit(EXIT_CONTENT)


@app.command("test")
def run_tests(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Rules to test; default: all that apply.")] = None,
) -> None:
    """Run the records that rules carry under `tests` through the real reader. Exit code 3 where one fails.

    Example: miharu rules test my-rules/
    """
    here = context(ctx)
    results = run_rule_tests(paths or (), here.settings)
    failed = [result for result in results if not result.passed]
    if here.json:
        sys.stdout.writelines(json_line(dataclasses.asdict(result)) for result in results)
    elif failed:
        write_rows(_failures(failed), RowFormat.table, sys.stdout)
    rules = len({(result.path, result.rule_id) for result in results})
    here.notes.print(f"{len(results):,} records of {rules:,} rules tested, {len(failed):,} failed", markup=False)
    if failed:
        raise typer.Exit(EXIT_CONTENT)


def _failures(failed: list[RuleTestResult]) -> pl.DataFrame:
    rows = [
        {"record": f"{one.path}:{one.line}", "rule": one.title, "kind": one.kind, "reason": one.reason}
        for one in failed
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("record", "rule", "kind", "reason"), pl.String))


def _as_dict(problem: RuleProblem) -> dict[str, object]:
    names = ("path", "line", "rule_id", "title", "reason", "text", "remedy")
    return {name: getattr(problem, name) for name in names}
