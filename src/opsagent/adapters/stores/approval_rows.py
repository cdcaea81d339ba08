"""How a question lies in its row, and what a save may do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update

from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.tables import approvals
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.errors import ApprovalMismatch, NotFound
from opsagent.ports.stores import EffectClaim, Lease

PENDING = ApprovalStatus.PENDING.value


def fetch(connection: Connection, tenant: str, approval_id: str, *, lock: bool = False) -> Approval:
    """One question, its row locked until the transaction ends where the database has row locks. NotFound."""
    query = select(approvals.c.body).where(approvals.c.tenant == tenant, approvals.c.id == approval_id)
    body = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if body is None:
        raise NotFound(f"There is no approval {approval_id}.", fix="List the pending approvals.")
    return decode(Approval, body)


def save_approvals(connection: Connection, questions: Sequence[Approval]) -> None:
    """Insert, or overwrite a pending one: what a person has decided stands, whatever a worker still believes."""
    if questions:
        rows = [_row(question) for question in questions]
        upsert(connection, approvals, rows, only_if=_undecided)


def withdraw_pending(connection: Connection, tenant: str, run_id: str) -> None:
    """An ended run asks nothing any more."""
    bodies = connection.execute(
        select(approvals.c.body).where(
            approvals.c.tenant == tenant, approvals.c.run_id == run_id, approvals.c.status == PENDING
        )
    ).scalars()
    for body in bodies.all():
        store(connection, replace(decode(Approval, body), status=ApprovalStatus.WITHDRAWN))


def use_approval(connection: Connection, lease: Lease, claim: EffectClaim, now: float) -> None:
    """Spend the claim's approval on it. ApprovalMismatch (an unknown one too), -Expired, -Used, -Decided."""
    try:
        question = fetch(connection, lease.tenant, claim.approval_id, lock=True)
    except NotFound as error:
        raise ApprovalMismatch("There is no such approval.", fix="Propose the step again to ask again.") from error
    used = question.use(run_id=lease.run_id, step_id=claim.step_id, attempt=claim.attempt, digest=claim.digest, now=now)
    store(connection, used)


def store(connection: Connection, question: Approval) -> None:
    """Overwrite a stored question."""
    connection.execute(
        update(approvals)
        .where(approvals.c.tenant == question.tenant, approvals.c.id == question.id)
        .values(_row(question))
    )


def _undecided(_new: Any) -> Any:
    return approvals.c.status == PENDING


def _row(question: Approval) -> dict[str, Any]:
    return {
        "tenant": question.tenant,
        "id": question.id,
        "run_id": question.run_id,
        "step_id": question.step_id,
        "step_number": question.step_number,
        "status": question.status.value,
        "target": question.target,
        "command": question.command,
        "digest": question.digest,
        "likeness": question.likeness,
        "requested_at": question.requested_at,
        "expires_at": question.expires_at,
        "decided_at": question.decided_at,
        "decided_by": question.decided_by,
        "used_at": question.used_at,
        "body": encode(question),
    }
