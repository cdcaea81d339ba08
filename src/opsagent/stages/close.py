"""Close: the terminal status, the ticket's new one, the summary and the notices, from what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from opsagent.domain.ending import Closing, Ending, How
from opsagent.domain.event import AuditEntry
from opsagent.domain.notice import Notice
from opsagent.domain.run import Run, RunResult, RunStatus, Verified
from opsagent.domain.ticket import OPEN_STATUSES, Assessment, Classification, Ticket, TicketStatus
from opsagent.ports.clock import Clock


class AutoClose(StrEnum):
    """Whether a measured false positive is closed without a person."""

    OFF = "off"
    SHADOW = "shadow"  # only noted: what it would have done
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Everything the last save of a run writes."""

    run: Run
    ticket: Ticket | None
    ending: Ending | None
    audit: Sequence[AuditEntry]
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """`threshold` is the least confidence in "false positive" with which a ticket is closed automatically."""

    clock: Clock
    auto_close: AutoClose = AutoClose.OFF
    threshold: float = 0.9

    def __call__(
        self,
        run: Run,
        ticket: Ticket | None,
        *,
        summary: str,
        recommendations: Sequence[str] = (),
        others_firing: int = 0,
    ) -> Closed:
        """The run ended (completed unless `run.outcome` says otherwise), its ticket moved, its caller told.

        `others_firing`: how many alerts of the ticket fire besides the one this run looked at.
        """
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
        audit = [entry]
        moved, closing = self._ticket(ended, ticket, others_firing, now) if ticket else (None, Closing.NONE)
        if closing is Closing.CLOSED and moved is not None:
            about = {"ticket": moved.id, "confidence": str(run.assessment.confidence if run.assessment else 0.0)}
            audit.append(replace(entry, action="ticket.auto_closed", detail=about))
        return Closed(
            run=ended,
            ticket=moved,
            ending=_ending(ended, moved, closing, now) if moved else None,
            audit=audit,
            notices=_notices(ended, now),
        )

    def _ticket(self, run: Run, ticket: Ticket, others: int, now: float) -> tuple[Ticket, Closing]:
        assessed = replace(ticket, assessment=run.assessment or ticket.assessment, updated_at=now)
        if ticket.status not in OPEN_STATUSES:
            return assessed, Closing.NONE
        status, reason, closing = self._ticket_status(run, ticket, others)
        over = status in (TicketStatus.RESOLVED, TicketStatus.CLOSED)
        return replace(assessed, status=status, reason=reason, closed_at=now if over else ticket.closed_at), closing

    def _ticket_status(self, run: Run, ticket: Ticket, others: int) -> tuple[TicketStatus, str, Closing]:
        if run.verified is Verified.YES:
            if others:
                fire = (
                    "another alert of it fires, and was"
                    if others == 1
                    else f"{others} other alerts of it fire, and were"
                )
                said = f"{run.alert or ticket.name} was measured healthy; {fire} not measured."
                return TicketStatus.ESCALATED, said, Closing.NONE
            if run.had_effect:
                return TicketStatus.RESOLVED, "Repaired, and measured healthy afterwards.", Closing.NONE
            assessed = run.assessment
            if assessed and assessed.classification is Classification.TRUE_POSITIVE:
                return TicketStatus.RESOLVED, "It became healthy by itself; measured.", Closing.NONE
            return self._false_positive(assessed)
        if run.status is RunStatus.COMPLETED and not run.had_effect:
            return TicketStatus.ESCALATED, run.reason or "Looked at; nothing was changed.", Closing.NONE
        return TicketStatus.ESCALATED, run.reason or "A person is needed.", Closing.NONE

    def _false_positive(self, assessed: Assessment | None) -> tuple[TicketStatus, str, Closing]:
        """Closed only when measured over a window and sure enough; every such close can be taken back."""
        if assessed is None or not assessed.measured or assessed.window_s <= 0:
            return TicketStatus.OPEN, "Measured healthy, but not over a window: a person closes it.", Closing.NONE
        sure = f"confidence {assessed.confidence:.2f}"
        if assessed.confidence < self.threshold:
            short = f"{sure} is below the {self.threshold:.2f} at which it may be closed automatically"
            return TicketStatus.OPEN, f"Measured healthy; {short}. A person closes it.", Closing.NONE
        if self.auto_close is AutoClose.ON:
            return TicketStatus.CLOSED, f"Measured healthy over the window: a false positive ({sure}).", Closing.CLOSED
        said = f"Measured healthy; it would be closed if auto-close were on ({sure})."
        return TicketStatus.OPEN, said, Closing.SHADOW if self.auto_close is AutoClose.SHADOW else Closing.NONE


def _ending(run: Run, ticket: Ticket, closing: Closing, now: float) -> Ending:
    assessed = run.assessment
    measured = assessed is not None and assessed.measured
    if run.verified is Verified.YES:
        how = How.REPAIRED if run.had_effect else How.BY_ITSELF
    else:
        how = How.REMAINED if run.verified is Verified.NO or measured else How.UNMEASURED
    return Ending(
        tenant=run.tenant,
        run_id=run.id,
        ticket_id=ticket.id,
        fingerprint=run.fingerprint or ticket.fingerprint,
        at=now,
        how=how,
        closing=closing,
        score=assessed.score if assessed else 0.5,
        confidence=assessed.confidence if assessed else 0.0,
    )


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
