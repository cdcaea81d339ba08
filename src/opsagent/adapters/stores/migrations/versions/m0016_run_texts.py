"""Runs are found by words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
_AT_ONCE = 1000


def upgrade() -> None:
    """One table, and in it the text of every run there is."""
    made = op.create_table(
        "run_texts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "created_at", "run_id"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    found = connection.execute(
        sa.text("SELECT tenant, id, created_at, task, requested_by, runbook_id, body FROM runs")
    ).mappings()
    for some in found.partitions(_AT_ONCE):
        connection.execute(sa.insert(made), [_row(one) for one in some])


def _row(run: sa.RowMapping) -> dict[str, Any]:
    words = " ".join(_said(run)).casefold().split()
    return {
        "tenant": run["tenant"],
        "created_at": run["created_at"],
        "run_id": run["id"],
        "words": " ".join(words),
    }


def _said(run: sa.RowMapping) -> Iterator[str]:
    body = json.loads(run["body"])
    yield run["id"]
    yield run["task"][:500]
    yield run["requested_by"]
    yield run["runbook_id"]
    yield body.get("connection") or ""
    yield (body.get("error") or "")[:500]
    yield ((body.get("result") or {}).get("summary") or "")[:500]
