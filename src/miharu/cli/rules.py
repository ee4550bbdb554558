"""`miharu rules`: import, list, check and test Sigma rules."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from miharu.cli import rules_hunt, rules_overlays, rules_reasons
from miharu.cli.context import context
from miharu.cli.output import RowFormat, json_line, write_rows
from miharu.core.errors import EXIT_CONTENT
from miharu.core.settings import Settings
from miharu.detect import RuleProblem
from miharu.pipeline import (
    RuleTestResult,
    check_rules,
    hashes,
    import_rules,
    load_ruleset,
    plan_hunt,
    remove_imported,
    rule_paths,
    run_rule_tests,
    worker_runs,
)
from miharu.store import RuleOverlay, State

app = typer.Typer(help="Import, list, check, test and tune Sigma rules, and hunt with them.", no_args_is_help=True)
app.command("hunt")(rules_hunt.hunt)
app.command("hunts")(rules_hunt.hunts)
app.command("explain")(rules_reasons.explain)
app.command("why-not")(rules_reasons.why_not)
app.command("enable")(rules_overlays.enable)
app.command("disable")(rules_overlays.disable)
app.command("set-level")(rules_overlays.set_level)
app.command("except")(rules_overlays.except_)
app.command("unexcept")(rules_overlays.unexcept)
app.command("exceptions")(rules_overlays.exceptions)


@app.command("import")
def import_(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A folder, a .yml file, a .zip or a .tar.gz of Sigma rules.")],
    hunt: Annotated[
        bool, typer.Option("--hunt/--no-hunt", help="Whether new and changed rules look at stored events.")
    ] = True,
) -> None:
    """Copy Sigma rules into the data folder, byte for byte, and compile them.

    What is said about rules (off, level, exceptions) stays. Rules that are new or have changed are then hunted back
    over the configured span (setting `hunt_back`).

    Examples:

      miharu rules import ~/sigma/rules

      miharu rules import sigma.zip --no-hunt
    """
    here = context(ctx)
    before = hashes(load_ruleset(here.settings))
    done = import_rules(source, here.settings)
    ruleset = load_ruleset(here.settings)
    # A running worker takes the rules up by itself, and hunts from that moment on: it must not be before it has them.
    running = worker_runs(here.settings)
    if running and hunt:
        here.notes.print(
            "the running `serve` takes the rules up, and hunts back with new and changed ones", markup=False
        )
    else:
        settings = here.settings if hunt else here.settings.model_copy(update={"hunt_back": timedelta(0)})
        with State.open(here.settings.data) as state:
            plan_hunt(state, ruleset, settings, before)
    told = {"name": done.name, "files": done.files, "rules": len(ruleset.rules), "cannot_run": len(ruleset.problems)}
    here.answer(
        told | {"hunts": rules_hunt.hunt_waiting(here, ruleset) if hunt and not running else []},
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
    cannot_run: Annotated[bool, typer.Option("--cannot-run", help="The rules that cannot run, and why.")] = False,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List the rules that run, with what is said about them, or those that cannot.

    Examples:

      miharu rules list --level critical

      miharu rules list --cannot-run
    """
    here = context(ctx)
    ruleset = load_ruleset(here.settings)
    shown = RowFormat.ndjson if here.json else row_format
    if cannot_run:
        names = ("rule_id", "title", "reason", "text", "remedy", "path", "line")
        problems = [{name: str(getattr(problem, name)) for name in names} for problem in ruleset.problems]
        write_rows(pl.DataFrame(problems, schema=dict.fromkeys(names, pl.String)), shown, sys.stdout)
        return
    said = _overlays(here.settings)
    rows = [
        {
            "id": rule.id,
            "level": said[rule.id].level or rule.level if rule.id in said else rule.level,
            "on": "yes" if rule.id not in said or said[rule.id].enabled else "no",
            "title": rule.title,
            "path": rule.path,
        }
        for rule in ruleset.rules
    ]
    schema = dict.fromkeys(("id", "level", "on", "title", "path"), pl.String)
    wanted = [row for row in rows if level is None or row["level"] == level]
    write_rows(pl.DataFrame(wanted, schema=schema), shown, sys.stdout)


def _overlays(settings: Settings) -> dict[str, RuleOverlay]:
    """Return what is said about rules; a folder that holds no state yet is left as it is."""
    if not (settings.data / "state.db").exists():
        return {}
    with State.open(settings.data) as state:
        return dict(state.overlays.book().rules)


@app.command("check")
def check(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Rules to check; default: all that apply.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Also end with 3 where there is something to mend.")] = False,
) -> None:
    """Say of every rule that cannot run why, and what should be mended in those that can.

    Looked at are ids, dates, words, tags, names of fields, keys, unused selections and doubled values. Exit code 3
    where a rule cannot run.

    Examples:

      miharu rules check my-rules/

      miharu --json rules check --strict my-rules/
    """
    here = context(ctx)
    ruleset = load_ruleset(here.settings, paths or ())
    remarks = check_rules(paths or rule_paths(here.settings))
    for problem in ruleset.problems:
        if here.json:
            sys.stdout.write(json_line(_as_dict(problem)))
        else:
            typer.echo(str(problem))
    for remark in remarks:
        if here.json:
            told = dataclasses.asdict(remark)
            sys.stdout.write(json_line({**told, "reason": told.pop("check"), "remark": True}))
        else:
            typer.echo(str(remark))
    reasons = Counter(problem.reason for problem in ruleset.problems)
    tail = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    here.notes.print(
        f"{len(ruleset.rules):,} rules run, {len(ruleset.problems):,} cannot{f': {tail}' if tail else ''}; "
        f"{len(remarks):,} remarks",
        markup=False,
    )
    if ruleset.problems or (strict and remarks):
        raise typer.Exit(EXIT_CONTENT)


@app.command("test")
def run_tests(
    ctx: typer.Context,
    paths: Annotated[list[Path] | None, typer.Argument(help="Rules to test; default: all that apply.")] = None,
) -> None:
    """Run the records that rules carry through the real reader. Exit code 3 where one fails.

    They stand in the rule under `tests`, in a file NAME.tests.yml beside NAME.yml, or, as recorded logs, in folders of
    regression tests in SigmaHQ's layout (info.yml).

    Examples:

      miharu rules test my-rules/

      miharu rules test sigma/rules sigma/regression_data
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
