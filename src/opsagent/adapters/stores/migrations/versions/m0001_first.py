"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Runs as sessions, with times a person can read: `SELECT * FROM sessions` in a sqlite3 shell (DA-11).
_SESSIONS = """
CREATE VIEW sessions AS
SELECT tenant, id AS session_id, ticket_id, runbook_id, source, status, task, requested_by, next_node,
       strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch') AS started,
       strftime('%Y-%m-%dT%H:%M:%SZ', completed_at, 'unixepoch') AS completed,
       strftime('%Y-%m-%dT%H:%M:%SZ', due_at, 'unixepoch') AS due,
       lease_worker AS worker, cancel_by AS cancel_asked_by
FROM runs
"""


def upgrade() -> None:
    """Make all tables; the view is for people with a SQLite shell."""
    _make_runs()
    _make_idempotency_keys()
    _make_steps()
    _make_events()
    _make_approvals()
    _make_effects()
    _make_target_locks()
    _make_tickets()
    _make_signals()
    _make_measurements()
    _make_runbooks()
    _make_runbook_versions()
    _make_connections()
    _make_credentials()
    _make_api_keys()
    _make_notices()
    _make_switches()
    _make_audit()
    _make_counters()
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SESSIONS)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _count(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), autoincrement=False, nullable=False) for name in names]


def _flag(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean(), nullable=False) for name in names]


def _time(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=False) for name in names]


def _past(*names: str) -> list[sa.Column[float]]:
    """Times that are not there yet."""
    return [sa.Column(name, sa.Double(), nullable=True) for name in names]


def _make_runs() -> None:
    op.create_table(
        "runs",
        *_text("tenant", "id", "source", "status", "task", "requested_by", "next_node", "ticket_id", "runbook_id"),
        *_time("created_at", "updated_at"),
        *_past("started_at", "completed_at"),
        sa.Column("ttl", sa.BigInteger(), nullable=True),
        *_count("priority_rank"),
        *_past("due_at"),
        sa.Column("woken", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_worker", sa.Text(), nullable=True),
        *_past("lease_until"),
        sa.Column("cancel_by", sa.Text(), nullable=True),
        sa.Column("last_event", sa.Integer(), server_default="0", nullable=False),
        *_count("version"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(
        "runs_due",
        "runs",
        ["priority_rank", "due_at", "lease_until"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("runs_newest", "runs", ["tenant", "created_at", "id"], unique=False)
    op.create_index("runs_newest_by_both", "runs", ["tenant", "source", "status", "created_at", "id"], unique=False)
    op.create_index("runs_newest_by_source", "runs", ["tenant", "source", "created_at", "id"], unique=False)
    op.create_index("runs_newest_by_status", "runs", ["tenant", "status", "created_at", "id"], unique=False)
    op.create_index(
        "runs_ttl",
        "runs",
        ["ttl"],
        unique=False,
        sqlite_where=sa.text("ttl IS NOT NULL"),
        postgresql_where=sa.text("ttl IS NOT NULL"),
    )


def _make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        *_text("tenant", "key", "request_sha256", "run_id"),
        *_time("created_at"),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index("idempotency_keys_of_run", "idempotency_keys", ["tenant", "run_id"], unique=False)


def _make_steps() -> None:
    op.create_table(
        "steps",
        *_text("tenant", "id", "run_id"),
        *_count("number", "attempt"),
        *_text("name", "phase", "status", "command"),
        *_past("claimed_at"),
        *_time("created_at", "updated_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("steps_of_run", "steps", ["tenant", "run_id", "number"], unique=True)


def _make_events() -> None:
    op.create_table(
        "events",
        *_text("tenant", "run_id"),
        *_count("sequence"),
        *_time("created_at"),
        *_text("type", "node", "body"),
        sa.PrimaryKeyConstraint("tenant", "run_id", "sequence"),
    )


def _make_approvals() -> None:
    op.create_table(
        "approvals",
        *_text("tenant", "id", "run_id", "step_id"),
        *_count("step_number"),
        *_text("status", "target", "command", "digest"),
        *_time("requested_at", "expires_at"),
        *_past("decided_at"),
        *_text("decided_by"),
        *_past("used_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("approvals_by_status", "approvals", ["tenant", "status", "requested_at", "id"], unique=False)
    op.create_index("approvals_of_run", "approvals", ["tenant", "run_id", "requested_at", "id"], unique=False)


def _make_effects() -> None:
    op.create_table(
        "effects",
        *_text("tenant", "step_id"),
        *_count("attempt"),
        *_text("run_id", "target", "digest"),
        *_time("claimed_at"),
        *_past("ended_at"),
        sa.PrimaryKeyConstraint("tenant", "step_id", "attempt"),
    )
    op.create_index("effects_of_run", "effects", ["tenant", "run_id"], unique=False)
    op.create_index("effects_on_target", "effects", ["tenant", "target", "claimed_at"], unique=False)


def _make_target_locks() -> None:
    op.create_table(
        "target_locks",
        *_text("tenant", "target", "step_id"),
        *_time("taken_at"),
        sa.PrimaryKeyConstraint("tenant", "target"),
    )


def _make_tickets() -> None:
    op.create_table(
        "tickets",
        *_text("tenant", "id", "fingerprint", "name", "title", "source", "priority", "environment", "status"),
        *_count("signals"),
        *_flag("firing"),
        *_text("run_id"),
        *_time("created_at", "updated_at"),
        *_past("closed_at"),
        *_count("version"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("tickets_newest", "tickets", ["tenant", "created_at", "id"], unique=False)
    op.create_index("tickets_newest_by_status", "tickets", ["tenant", "status", "created_at", "id"], unique=False)
    op.create_index("tickets_of_fingerprint", "tickets", ["tenant", "fingerprint", "created_at", "id"], unique=False)
    op.create_index(
        "tickets_one_open",
        "tickets",
        ["tenant", "fingerprint"],
        unique=True,
        sqlite_where=sa.text("status IN ('open', 'escalated')"),
        postgresql_where=sa.text("status IN ('open', 'escalated')"),
    )


def _make_signals() -> None:
    op.create_table(
        "signals",
        *_text("tenant", "ticket_id"),
        *_count("number"),
        *_text("source", "delivery", "status"),
        *_time("received_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "ticket_id", "number"),
    )
    op.create_index(
        "signals_delivery",
        "signals",
        ["tenant", "source", "delivery"],
        unique=True,
        sqlite_where=sa.text("delivery != ''"),
        postgresql_where=sa.text("delivery != ''"),
    )


def _make_measurements() -> None:
    op.create_table(
        "measurements",
        *_text("tenant", "fingerprint"),
        *_flag("healthy"),
        *_time("at"),
        *_text("text"),
        sa.PrimaryKeyConstraint("tenant", "fingerprint"),
    )


def _make_runbooks() -> None:
    op.create_table(
        "runbooks",
        *_text("tenant", "id", "title", "version"),
        *_count("revision", "position"),
        *_time("created_at", "updated_at"),
        *_past("deleted_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("runbooks_by_creation", "runbooks", ["tenant", "position"], unique=True)


def _make_runbook_versions() -> None:
    op.create_table(
        "runbook_versions",
        *_text("tenant", "id"),
        *_count("revision"),
        *_text("version"),
        *_time("stored_at"),
        *_text("stored_by", "body"),
        sa.PrimaryKeyConstraint("tenant", "id", "revision"),
    )
    op.create_index("runbook_versions_by_hash", "runbook_versions", ["tenant", "id", "version"], unique=False)


def _make_connections() -> None:
    op.create_table(
        "connections",
        *_text("tenant", "name", "id", "executor", "reach", "environment", "credential"),
        *_count("version"),
        *_time("created_at", "updated_at"),
        *_past("deleted_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
    op.create_index("connections_by_id", "connections", ["tenant", "id"], unique=True)


def _make_credentials() -> None:
    op.create_table(
        "credentials",
        *_text("tenant", "name", "kind"),
        *_count("version"),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        *_time("created_at", "updated_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )


def _make_api_keys() -> None:
    op.create_table(
        "api_keys",
        *_text("tenant", "id", "secret_sha256", "role", "kind", "name"),
        *_time("created_at"),
        *_past("revoked_at"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("api_keys_by_hash", "api_keys", ["secret_sha256"], unique=True)


def _make_notices() -> None:
    op.create_table(
        "notices",
        *_text("tenant", "id", "run_id", "channel", "status"),
        *_count("attempts"),
        *_time("due_at", "created_at"),
        *_text("body"),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index(
        "notices_due",
        "notices",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'sending')"),
        postgresql_where=sa.text("status IN ('pending', 'sending')"),
    )
    op.create_index("notices_newest", "notices", ["tenant", "created_at", "id"], unique=False)
    op.create_index("notices_of_run", "notices", ["tenant", "run_id"], unique=False)


def _make_switches() -> None:
    op.create_table(
        "switches",
        *_text("tenant", "name"),
        *_flag("value"),
        *_text("set_by"),
        *_time("set_at"),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        *_text("tenant"),
        *_count("sequence"),
        *_time("at"),
        *_text("actor", "action", "run_id", "step_id", "digest", "detail", "previous", "hash"),
        sa.PrimaryKeyConstraint("tenant", "sequence"),
    )


def _make_counters() -> None:
    op.create_table("counters", *_text("tenant", "name"), *_count("value"), sa.PrimaryKeyConstraint("tenant", "name"))
