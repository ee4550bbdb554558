"""`miharu alerts`: what people look at, most severe first, and why each was raised."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
import polars as pl
import typer
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from miharu.cli.context import Context, context
from miharu.cli.explanations import tree_as_dict, tree_of
from miharu.cli.output import RowFormat, flat_rows, iso, json_line, write_rows
from miharu.core.alert import Alert
from miharu.core.finding import LEVELS
from miharu.detect import Detector
from miharu.pipeline import Casefile, Evidence, load_ruleset, open_case, open_lake

app = typer.Typer(help="Alerts: list them, most severe first; show why one was raised.", no_args_is_help=True)

_STYLES = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}
_ID_SHOWN = 8
_RAW_SHOWN = 2_000


@app.command("list")
def list_(
    ctx: typer.Context,
    level: Annotated[str | None, typer.Option(help=f"At least this severe: {', '.join(LEVELS)}.")] = None,
    state: Annotated[str, typer.Option(help="open, closed, superseded or all.")] = "open",
    limit: Annotated[int, typer.Option(help="Most alerts shown.", min=1)] = 100,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """List alerts, most severe and newest first.

    Example: miharu alerts list --level high
    """
    here = context(ctx)
    if level is not None and level not in LEVELS:
        msg = f"{level!r} is no level; choose one of {', '.join(LEVELS)}"
        raise typer.BadParameter(msg)
    with open_lake(here.settings) as lake:
        alerts = lake.state.list_alerts(state=None if state == "all" else state)
    least = LEVELS.index(level) if level else 0
    alerts = [alert for alert in alerts if LEVELS.index(alert.rule_level) >= least]
    _write(here, ranked(alerts), limit, row_format)


def ranked(alerts: Sequence[Alert]) -> list[Alert]:
    """Return alerts as people should look at them: most severe first, then newest first."""
    return sorted(alerts, key=lambda alert: (-LEVELS.index(alert.rule_level), -alert.last.timestamp(), alert.id))


def _write(here: Context, alerts: list[Alert], limit: int, row_format: RowFormat) -> None:
    shown = RowFormat.ndjson if here.json else row_format
    if shown is not RowFormat.table:
        rows = [_as_dict(alert) for alert in alerts[:limit]]
        if shown is RowFormat.ndjson:
            sys.stdout.writelines(json_line(row) for row in rows)
        else:
            flat = [row | {"entity": orjson.dumps(row["entity"]).decode()} for row in rows]
            write_rows(pl.DataFrame(flat), shown, sys.stdout)
        return
    console = Console(file=sys.stdout)
    console.print(table_of(alerts[:limit]))
    more = f", {len(alerts) - limit:,} not shown (--limit)" if len(alerts) > limit else ""
    console.print(f"{len(alerts):,} alerts{more}; `miharu alerts show ID` explains one", style="dim")


def table_of(alerts: Sequence[Alert]) -> Table:
    """Return alerts as a table for a terminal."""
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("level", "alert", "rule", "entity", "hits", "last"):
        whole = name in {"level", "alert", "last"}
        table.add_column(name, justify="right" if name == "hits" else "left", overflow="fold", no_wrap=whole)
    for alert in alerts:
        table.add_row(
            Text(alert.rule_level, style=_STYLES.get(alert.rule_level, "")),
            alert.id[:_ID_SHOWN],
            Text(alert.rule_name),
            Text(_entity(alert.entity)),
            f"{alert.count:,}",
            _short(alert.last),
        )
    return table


@app.command("show")
def show(
    ctx: typer.Context,
    alert_id: Annotated[str, typer.Argument(help="The alert's id, or its first digits.")],
    limit: Annotated[int, typer.Option(help="Most findings explained.", min=1)] = 3,
) -> None:
    """Explain an alert: which conditions held on which values, with the raw record.

    Example: miharu alerts show 1f3a
    """
    here = context(ctx)
    detector = Detector(load_ruleset(here.settings))
    with open_lake(here.settings) as lake:
        case = open_case(lake, detector, alert_id, limit)
    if here.json:
        sys.stdout.write(json_line(_case_as_dict(case)))
        return
    console = Console(file=sys.stdout, highlight=False)
    console.print(_head(case.alert))
    for number, evidence in enumerate(case.evidence, 1):
        _print_evidence(console, evidence, f"finding {number} of {case.alert.count:,}")
    if case.alert.count > len(case.evidence):
        console.print(f"{case.alert.count - len(case.evidence):,} more findings; `--limit` shows more", style="dim")


def _head(alert: Alert) -> Panel:
    lines = Text()
    lines.append(f"{alert.rule_level} ", style=_STYLES.get(alert.rule_level, ""))
    lines.append(f"{alert.rule_name}\n", style="bold")
    lines.append(f"{_entity(alert.entity)}\n")
    lines.append(f"{alert.count:,} findings from {_short(alert.first)} to {_short(alert.last)}; {alert.state}\n")
    if alert.superseded_by:
        lines.append(f"superseded by {alert.superseded_by}\n")
    lines.append(f"alert {alert.id}\nrule {alert.rule_id}", style="dim")
    return Panel(lines, expand=False)


def _print_evidence(console: Console, evidence: Evidence, title: str) -> None:
    console.rule(title, align="left", style="dim")
    console.print(f"{iso(evidence.finding['@timestamp'])}  event {evidence.finding['event.id']}")
    if evidence.explanation is not None:
        console.print(tree_of(evidence.explanation.pruned()))
    else:
        console.print("the rule is not loaded now, or the event is gone; these values had matched:", style="yellow")
        console.print(str(evidence.finding["matched"]), markup=False)
    if evidence.event is not None:
        raw = evidence.event["event.original"]
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        where = f"{evidence.event['log.file.path']} at {evidence.event['log.offset']}"
        console.print(Panel(Text(text[:_RAW_SHOWN]), title=Text(where), title_align="left", style="dim"))


def _entity(text: str) -> str:
    return ", ".join(str(value) for value in orjson.loads(text or "{}").values()) or "-"


def _short(instant: Any) -> str:
    return str(iso(instant))[:19].replace("T", " ")


def _as_dict(alert: Alert) -> dict[str, Any]:
    names = ("id", "rule_id", "rule_name", "rule_level", "first", "last", "count", "state", "superseded_by")
    row: dict[str, Any] = {name: getattr(alert, name) for name in names}
    row |= {"first": iso(alert.first), "last": iso(alert.last), "entity": orjson.loads(alert.entity or "{}")}
    return row


def _case_as_dict(case: Casefile) -> dict[str, Any]:
    return {
        "alert": _as_dict(case.alert),
        "evidence": [
            {
                "finding": next(flat_rows(pl.DataFrame([evidence.finding]))),
                "event": None if evidence.event is None else next(flat_rows(pl.DataFrame([evidence.event]))),
                "explanation": None if evidence.explanation is None else tree_as_dict(evidence.explanation),
            }
            for evidence in case.evidence
        ],
    }
