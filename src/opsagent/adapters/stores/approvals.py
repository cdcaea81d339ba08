"""Questions to people, and the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, Select, func, select

from opsagent.adapters.stores.approval_rows import PENDING, fetch, store
from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.run_rows import fetch as fetch_run
from opsagent.adapters.stores.run_rows import wake
from opsagent.adapters.stores.tables import approvals
from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.event import AuditEntry
from opsagent.errors import ApprovalMismatch
from opsagent.ports.clock import Clock


class SqlApprovals:
    """ApprovalStore over SQL. A pending question whose end has passed is shown as expired."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def get(self, tenant: str, approval_id: str) -> Approval:
        """One question. NotFound."""
        return self._aged(await self._engine.read(lambda connection: fetch(connection, tenant, approval_id)))

    async def pending(self, tenant: str, *, run_id: str = "", limit: int = 100) -> Sequence[Approval]:
        """Open questions whose end has not passed, oldest first; with `run_id` those of that run."""
        query = select(approvals.c.body).where(*self._open(tenant))
        if run_id:
            query = query.where(approvals.c.run_id == run_id)
        return await self._read(query.order_by(approvals.c.requested_at, approvals.c.id).limit(limit))

    async def count_pending(self, tenant: str) -> int:
        """How many those are in all."""
        query = select(func.count()).select_from(approvals).where(*self._open(tenant))
        return await self._engine.read(lambda connection: connection.execute(query).scalar_one())

    def _open(self, tenant: str) -> tuple[ColumnElement[bool], ...]:
        return (
            approvals.c.tenant == tenant,
            approvals.c.status == PENDING,
            approvals.c.expires_at > self._clock.now(),
        )

    async def of_run(self, tenant: str, run_id: str) -> Sequence[Approval]:
        """All questions of a run, oldest first."""
        return await self._read(
            select(approvals.c.body)
            .where(approvals.c.tenant == tenant, approvals.c.run_id == run_id)
            .order_by(approvals.c.requested_at, approvals.c.id)
        )

    async def alike(self, tenant: str, likeness: str, *, limit: int = 5) -> Sequence[Approval]:
        """Decided questions of that likeness, newest decision first."""
        return await self._read(
            select(approvals.c.body)
            .where(approvals.c.tenant == tenant, approvals.c.likeness == likeness, approvals.c.decided_at.is_not(None))
            .order_by(approvals.c.decided_at.desc(), approvals.c.id)
            .limit(limit)
        )

    async def decide(
        self, tenant: str, approval_id: str, *, grant: bool, by: str, notes: str, digest: str = ""
    ) -> Approval:
        """Store a person's answer, its audit entry, and make the run due. The same answer twice returns the first.

        NotFound, ApprovalMismatch, ApprovalDecided, ApprovalExpired.
        """

        def work(connection: Connection) -> Approval:
            now = self._clock.now()
            question = fetch(connection, tenant, approval_id, lock=True)
            if digest and digest != question.digest:
                raise ApprovalMismatch(
                    "The question is about another command than the one you saw.",
                    fix="Look at the present command and decide about that.",
                )
            decided = question.decide(grant=grant, by=by, notes=notes, now=now)
            if decided is question:
                return question
            fetch_run(connection, tenant, question.run_id, lock=True)
            store(connection, decided)
            if decided.status is not ApprovalStatus.PENDING:  # else more people are needed, and nothing goes on
                wake(connection, tenant, question.run_id, now)
            self._chain.append(connection, [_entry(decided, by, notes, now)])
            return decided

        return await self._engine.write("approvals.decide", work)

    def _aged(self, question: Approval) -> Approval:
        if question.status is ApprovalStatus.PENDING and self._clock.now() >= question.expires_at:
            return replace(question, status=ApprovalStatus.EXPIRED)
        return question

    async def _read(self, query: Select[str]) -> Sequence[Approval]:
        def work(connection: Connection) -> list[Approval]:
            return [self._aged(decode(Approval, body)) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)


def _entry(question: Approval, by: str, notes: str, now: float) -> AuditEntry:
    counted = question.status is ApprovalStatus.PENDING
    return AuditEntry(
        tenant=question.tenant,
        at=now,
        actor=by,
        action="approval.counted" if counted else f"approval.{question.status.value}",
        run_id=question.run_id,
        step_id=question.step_id,
        digest=question.digest,
        detail={"approval": question.id, "target": question.target, "notes": notes},
    )
