"""How a run lies in its row, and the two moves others make on it: wake it, lock it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, select, update

from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.tables import runs
from opsagent.domain.run import TERMINAL, Run, RunStatus
from opsagent.errors import NotFound

OF_RUN = and_(runs.c.tenant == bindparam("of_tenant"), runs.c.id == bindparam("of_run"))
OPEN = tuple(status.value for status in RunStatus if status not in TERMINAL)
LOADED = (runs.c.id, runs.c.created_at, runs.c.body, runs.c.due_at, runs.c.version)


SAVED = (
    "source",
    "status",
    "task",
    "requested_by",
    "next_node",
    "ticket_id",
    "runbook_id",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "ttl",
    "priority_rank",
    "body",
)
_FETCH = select(*LOADED).where(OF_RUN)
_FETCH_LOCKED = _FETCH.with_for_update()
_WAKE = update(runs).where(OF_RUN, runs.c.status.in_(list(OPEN))).values(due_at=bindparam("now"), woken=True)


def of_run(tenant: str, run_id: str) -> dict[str, str]:
    """The parameters of OF_RUN."""
    return {"of_tenant": tenant, "of_run": run_id}


def is_run(tenant: str, run_id: str) -> ColumnElement[bool]:
    """The condition for one run's row."""
    return and_(runs.c.tenant == tenant, runs.c.id == run_id)


def columns_of(run: Run) -> dict[str, Any]:
    """The columns SAVED: those that any save writes; `due_at` and `version` are left to the caller."""
    return {
        "source": run.source.value,
        "status": run.status.value,
        "task": run.task,
        "requested_by": run.requested_by,
        "next_node": run.next_node.value,
        "ticket_id": run.ticket_id,
        "runbook_id": run.runbook_id,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "ttl": run.ttl,
        "priority_rank": run.priority.rank,
        "body": encode(run),
    }


def new_row(run: Run) -> dict[str, Any]:
    """The row of a run that is to be stored for the first time; its `due_at` must be set."""
    return {"tenant": run.tenant, "id": run.id, "due_at": run.due_at, "version": run.version, **columns_of(run)}


def load(row: Any) -> Run:
    """The run of a row with LOADED: `due_at` and `version` are moved by statements that leave the body alone.

    ConflictError when the body is not one of a run.
    """
    run = decode(Run, row.body, name=row.id)
    if run.due_at != row.due_at or run.version != row.version:
        return replace(run, due_at=row.due_at, version=row.version)
    return run


def fetch(connection: Connection, tenant: str, run_id: str, *, lock: bool = False) -> Run:
    """One run, its row locked until the transaction ends where the database has row locks. NotFound."""
    row = connection.execute(_FETCH_LOCKED if lock else _FETCH, of_run(tenant, run_id)).first()
    if row is None:
        raise NotFound(f"There is no run {run_id}.", fix="List the runs; ended ones are deleted after 30 days.")
    return load(row)


def wake(connection: Connection, tenant: str, run_id: str, now: float) -> None:
    """Make an open run due at once. `woken` keeps a worker that is just parking it from moving that."""
    connection.execute(_WAKE, {**of_run(tenant, run_id), "now": now})


def wake_waiting(connection: Connection, tenant: str, run_id: str, now: float) -> None:
    """Make a run that waits for a person due at once: the world has changed, and it measures again."""
    waits = runs.c.status == RunStatus.AWAITING_APPROVAL.value
    connection.execute(update(runs).where(is_run(tenant, run_id), waits).values(due_at=now, woken=True))
