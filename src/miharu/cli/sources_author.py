"""`miharu sources new` and `accept`: what helps to write a log source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miharu.catalog import content_root
from miharu.cli.context import context
from miharu.core.errors import EXIT_CONTENT, OperatorError
from miharu.pipeline import accept_samples, start_source


def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The id: <vendor>.<dataset>.")],
    sample: Annotated[Path, typer.Option("--from", help="A file with records of the log.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write (default: its place in the content folder).", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
) -> None:
    """Start a log source from sample lines: guess how they are wrapped, read, dated and mapped.

    The file is a start to be corrected: its guesses are marked by what they are. Then
    `miharu sources accept NAME` writes the events that the samples give into it.

    Example: miharu sources new example.app --from app.log
    """
    here = context(ctx)
    path = out or content_root() / "logsources" / name.partition(".")[0] / f"{name}.yml"
    if path.exists() and not force:
        msg = f"{path} exists; give --force to write over it, or --out"
        raise OperatorError(msg)
    text = start_source(name, sample, here.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    here.answer({"id": name, "path": str(path)}, f"started {path}; correct it, then: miharu sources accept {name}")


def accept(
    ctx: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="Log sources (default: all).")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say what would change.")] = False,
) -> None:
    """Write the events that the samples of log sources give into their files, as expected.

    Read what changed (`git diff`) before you keep it: what is accepted is what tests hold from then on. Comments and
    everything that is already right stay as they are. Ends with 3 where a sample is rejected, or claimed by another
    log source; with `--check` also where anything would change.

    Examples:

      miharu sources accept example.app

      miharu sources accept --check
    """
    here = context(ctx)
    done = accept_samples(ids or [], write=not check)
    for one in done:
        for fault in one.faults:
            here.notes.print(fault, markup=False)
    changed = sum(one.changed for one in done)
    faults = sum(len(one.faults) for one in done)
    files = [str(one.path) for one in done if one.changed]
    here.answer(
        {"sources": len(done), "changed": changed, "faults": faults, "files": files},
        f"{changed} samples {'would change' if check else 'written'} in {len(files)} files, {faults} faults",
    )
    if faults or (check and changed):
        raise typer.Exit(EXIT_CONTENT)
