"""`miharu sources audit-policy`: what Windows' audit policy evidently records, and what it does not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import polars as pl
import typer

from miharu.cli.context import context
from miharu.cli.output import RowFormat, iso, write_rows
from miharu.pipeline import Subcategory, audit_policy, open_lake, rule_needs, rule_paths


def run(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Only this host (default: all that send their Security log).")] = "",
    *,
    by_host: Annotated[bool, typer.Option("--by-host", help="One row for each host and subcategory seen.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only subcategories that never appear.")] = False,
    row_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.table,
) -> None:
    """Say which subcategories of Windows' audit policy are evidently on, by the stored events of the Security log.

    A subcategory of which no event was ever seen may be off, or nothing of its kind has happened; the rules that live
    on it alone see nothing either way, and are named. `auditpol /get /category:*` on the host tells which it is.

    Examples:

      miharu sources audit-policy

      miharu sources audit-policy --host dc01.example.com --missing
    """
    here = context(ctx)
    with open_lake(here.settings) as lake:
        found = audit_policy(lake, rule_needs(rule_paths(here.settings)), host)
    if not any(one.seen for one in found):
        whose = f" of {host}" if host else ""
        here.notes.print(f"no event of the Security log{whose} is stored: nothing is known of the audit policy")
    shown = [one for one in found if not (missing and one.seen)]
    rows = _host_rows(shown) if by_host else [_row(one, full=here.json) for one in shown]
    write_rows(pl.DataFrame(rows, infer_schema_length=None), RowFormat.ndjson if here.json else row_format, sys.stdout)


def _row(one: Subcategory, *, full: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "category": one.category,
        "subcategory": one.name,
        "state": "on" if one.seen else "never seen",
        "events": one.events,
        "success": one.success,
        "failure": one.failure,
        "hosts": len(one.hosts),
        "last": iso(one.last) if one.last else None,
        "blind_rules": len(one.blind),
    }
    if full:
        row["event_ids"] = list(one.codes)
        row["per_host"] = [
            {"host": host, "events": events, "last": iso(last)} for host, (events, last) in sorted(one.hosts.items())
        ]
        row["blind"] = [need.title for need in one.blind]
    elif one.blind:
        row["for_example"] = one.blind[0].title
    return row


def _host_rows(found: Sequence[Subcategory]) -> list[dict[str, Any]]:
    return [
        {"host": host, "category": one.category, "subcategory": one.name, "events": events, "last": iso(last)}
        for one in found
        for host, (events, last) in sorted(one.hosts.items())
    ]
