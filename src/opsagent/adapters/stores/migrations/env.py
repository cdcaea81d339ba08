"""Run by Alembic: applies the revisions on the connection it was handed, inside the caller's transaction."""

from __future__ import annotations

from alembic import context

from opsagent.adapters.stores.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
context.run_migrations()
