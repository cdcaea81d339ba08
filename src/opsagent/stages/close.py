"""Close: the terminal status, the ticket's new one, the summary and the notices, from what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opsagent.domain.event import AuditEntry
from opsagent.domain.notice import Notice
from opsagent.domain.run import Run, RunResult, RunStatus, Verified
from opsagent.domain.ticket import Classification, Ticket, TicketStatus
from opsagent.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Everything the last save of a run writes."""

    run: Run
    ticket: Ticket | None
    audit: Sequence[AuditEntry]
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """`auto_close` lets a measured false positive be closed without a person; off, it is only said."""

    clock: Clock
    auto_close: bool

    def __call__(self, run: Run, ticket: Ticket | None, *, summary: str, recommendations: Sequence[str] = ()) -> Closed:
        """The run ended (completed unless `run.outcome` says otherwise), its ticket moved, its caller told."""
        now = self.clock.now()
        status = run.outcome or RunStatus.COMPLETED
        result = RunResult(
            summary=summary,
            tools_used=run.tools_used,
            iterations=run.generate_starts,
            recommendations=tuple(recommendations),
        )
        ended = run.end(status, now, result=result, error=run.reason if status is RunStatus.FAILED else "")
        entry = AuditEntry(
            tenant=run.tenant,
            at=now,
            actor="opsagent",
            action=f"run.{status.value}",
            run_id=run.id,
            detail={"verified": run.verified.value if run.verified else "", "reason": run.reason},
        )
        return Closed(
            run=ended,
            ticket=self._ticket(ended, ticket, now) if ticket else None,
            audit=(entry,),
            notices=_notices(ended, now),
        )

    def _ticket(self, run: Run, ticket: Ticket, now: float) -> Ticket:
        status, reason = self._ticket_status(run)
        moved = ticket.status in (TicketStatus.OPEN, TicketStatus.ESCALATED)
        return replace(
            ticket,
            assessment=run.assessment or ticket.assessment,
            status=status if moved else ticket.status,
            reason=reason if moved else ticket.reason,
            closed_at=now if moved and status in (TicketStatus.RESOLVED, TicketStatus.CLOSED) else ticket.closed_at,
            updated_at=now,
        )

    def _ticket_status(self, run: Run) -> tuple[TicketStatus, str]:
        if run.verified is Verified.YES and run.had_effect:
            return TicketStatus.RESOLVED, "Repaired, and measured healthy afterwards."
        if run.verified is Verified.YES:
            assessed = run.assessment
            if assessed and assessed.classification is Classification.TRUE_POSITIVE:
                return TicketStatus.RESOLVED, "It became healthy by itself; measured."
            if self.auto_close:
                return TicketStatus.CLOSED, "Measured healthy over the window: a false positive."
            return TicketStatus.OPEN, "Measured healthy; it would be closed if auto-close were on."
        if run.status is RunStatus.COMPLETED and not run.had_effect:
            return TicketStatus.ESCALATED, run.reason or "Looked at; nothing was changed."
        return TicketStatus.ESCALATED, run.reason or "A person is needed."


def _notices(run: Run, now: float) -> tuple[Notice, ...]:
    if not run.callback_url:
        return ()
    body = {
        "runId": run.id,
        "tenantId": run.tenant,
        "source": run.source.value,
        "status": run.status.value,
        "taskDescription": run.task,
        "verified": run.verified.value if run.verified else None,
        "result": {
            "summary": run.result.summary if run.result else "",
            "toolsUsed": list(run.tools_used),
            "iterations": run.generate_starts,
        },
        "error": run.error or None,
        "durationMs": run.duration_ms,
    }
    return (
        Notice(
            id=f"{run.id}:callback",
            tenant=run.tenant,
            channel="webhook",
            address=run.callback_url,
            body=json.dumps(body, ensure_ascii=False),
            created_at=now,
            run_id=run.id,
            due_at=now,
        ),
    )
