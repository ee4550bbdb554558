"""Rows → INSERT … ON CONFLICT DO UPDATE, which SQLite and PostgreSQL spell alike and SQLAlchemy keeps apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], change: Collection[str]) -> None:
    """Insert rows; of one whose primary key is there, change only the columns named in `change` (none: leave it)."""
    if not rows:
        return
    keys = list(table.primary_key.columns)
    if connection.dialect.name == "postgresql":
        # Takes a while to import, and most installations have no use for it.
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        theirs = postgresql.insert(table)
        changes = {name: theirs.excluded[name] for name in change}
        statement = (
            theirs.on_conflict_do_update(index_elements=keys, set_=changes)
            if change
            else theirs.on_conflict_do_nothing()
        )
        connection.execute(statement, list(rows))
        return
    ours = sqlite.insert(table)
    changes = {name: ours.excluded[name] for name in change}
    local = ours.on_conflict_do_update(index_elements=keys, set_=changes) if change else ours.on_conflict_do_nothing()
    connection.execute(local, list(rows))
