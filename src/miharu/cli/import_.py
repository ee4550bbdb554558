"""`miharu import`: files into the store, judged on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import typer
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from miharu import detect, pipeline
from miharu.cli.context import Context, context
from miharu.core.errors import EXIT_CONTENT

_SHOWN_PROBLEMS = 20


def run(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files, folders, archives.")],
    per_file: Annotated[bool, typer.Option("--per-file", help="Report every file.")] = False,
) -> None:
    """Read files, folders and archives: recognise, normalise, store and judge every record.

    What was imported before, under any name or compression, is not stored twice; a file that has grown
    gives only its new lines; an import that was stopped goes on where it was.

    Example: miharu import /var/log evidence.zip
    """
    here = context(ctx)
    with pipeline.waking_store(here.settings) as awake:
        reader = pipeline.make_reader(here.settings)
        detector = detect.Detector(pipeline.load_ruleset(here.settings))
        with pipeline.open_lake(here.settings, awake) as lake, _Bar(here) as bar:
            report = pipeline.Importer(reader, detector, lake, here.settings).run(paths, bar)
    here.answer(report.as_dict(per_file=per_file), _summary(report, per_file=per_file))
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        here.notes.print(problem, markup=False)
    if len(report.problems) > _SHOWN_PROBLEMS:
        here.notes.print(f"… and {len(report.problems) - _SHOWN_PROBLEMS} more; `--json` lists all", markup=False)
    if report.total("rejects") or report.problems:
        raise typer.Exit(EXIT_CONTENT)


def _summary(report: pipeline.ImportReport, *, per_file: bool) -> str:
    lines = [_file_line(file) for file in report.files] if per_file else []
    lines.append(
        f"{len(report.files):,} files, {report.total('records'):,} records: "
        f"{report.total('events'):,} events ({report.total('added'):,} new), {report.total('rejects'):,} rejects; "
        f"{report.findings:,} findings, {report.alerts:,} new alerts in {report.seconds:.1f} s"
    )
    if report.alerts:
        lines.append("`miharu alerts list` shows the alerts")
    return "\n".join(lines)


def _file_line(file: pipeline.FileReport) -> str:
    return (
        f"{file.path}: {file.state}, {file.records:,} records, {file.events:,} events, "
        f"{file.rejects:,} rejects, {file.added:,} new"
    )


class _Bar:
    """A progress bar on stderr; nothing with `-q`, with `--json`, or where stderr is not a terminal."""

    def __init__(self, here: Context) -> None:
        notes = here.notes
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TimeRemainingColumn(),
            console=notes,
            transient=True,
            disable=here.json or here.quiet or not notes.is_terminal,
        )
        self._task = self._progress.add_task("looking", total=None, events=0)
        self._events = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def surveyed(self, path: str, size: int) -> None:
        """Show the file that was just found."""
        self._progress.update(self._task, description=f"looking at {path[-40:]}", advance=size)

    def planned(self, files: int, size: int) -> None:
        """Show how much is to be read."""
        self._progress.update(self._task, description=f"reading {files:,} files", total=size, completed=0)

    def advanced(self, size: int, events: int) -> None:
        """Show what was read."""
        self._events += events
        self._progress.update(self._task, advance=size, events=self._events)
