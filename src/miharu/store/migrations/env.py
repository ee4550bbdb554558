"""Alembic's entry: a connection handed over by `miharu.store.schema` → migrations run on it."""

from __future__ import annotations

from alembic import context

from miharu.store.state_tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
