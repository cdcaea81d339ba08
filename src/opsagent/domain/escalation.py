"""One climb along a chain of people: what it is about, how far it has come, and why it ended.

open -> acknowledged | answered | closed | taken | silenced | gone | exhausted          exhausted -> acknowledged
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from opsagent.domain.approval import Approval, ApprovalStatus
from opsagent.domain.escalation_policy import EscalationPolicy, Fact, Occasion
from opsagent.domain.priority import Priority
from opsagent.domain.run import Run, RunStatus
from opsagent.domain.ticket import OPEN_STATUSES, Ticket
from opsagent.errors import IllegalMove

FORGET_S = 30 * 24 * 3600.0  # ended ones are kept as long as ended runs (DA-5)
FRESH_S = 24 * 3600.0  # what is older when it is seen for the first time is left alone


class Conclusion(StrEnum):
    """Why nobody is told any more."""

    ACKNOWLEDGED = "acknowledged"  # a person said that they are looking
    ANSWERED = "answered"  # the question is no longer open, or another run looks at the ticket
    CLOSED = "closed"  # the ticket
    TAKEN = "taken"  # a person has taken the ticket over
    SILENCED = "silenced"  # nobody wants to hear of the ticket
    GONE = "gone"  # the run or the policy is not there any more
    EXHAUSTED = "exhausted"  # everybody was told, as often as the policy says


AGAIN = frozenset({Conclusion.CLOSED, Conclusion.TAKEN, Conclusion.SILENCED, Conclusion.GONE})  # may begin anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an escalation is about, as it is now. `environment` is that of the run's target."""

    occasion: Occasion
    tenant: str
    subject: str
    run: Run | None = None
    approval: Approval | None = None
    ticket: Ticket | None = None
    environment: str = ""

    def over(self, now: float) -> Conclusion | None:
        """Why it needs nobody any more; None while it does.

        Closing a ticket by hand ends no run: what that asks needs its answer all the same.
        """
        unanswered = self.occasion is Occasion.APPROVAL_UNANSWERED
        if self.ticket is not None and (settled := _settled(self.ticket, although_closed=unanswered)) is not None:
            return settled
        match self.occasion:
            case Occasion.APPROVAL_UNANSWERED:
                asked = self.approval
                if asked is None or self.run is None:
                    return Conclusion.GONE
                waits = asked.status is ApprovalStatus.PENDING and now < asked.expires_at
                return None if waits else Conclusion.ANSWERED
            case Occasion.RUN_FAILED:
                if self.run is None or self.run.status is not RunStatus.FAILED:
                    return Conclusion.GONE
                newer = self.ticket is not None and self.ticket.run_id not in ("", self.run.id)
                return Conclusion.ANSWERED if newer else None
            case Occasion.TICKET_OPEN:
                return Conclusion.GONE if self.ticket is None else None

    @property
    def since(self) -> float:
        """When it came about, in epoch seconds."""
        if self.approval is not None:
            return self.approval.requested_at
        if self.occasion is Occasion.RUN_FAILED and self.run is not None:
            return self.run.completed_at or self.run.updated_at
        return self.ticket.created_at if self.ticket is not None else 0.0

    @property
    def recurrences(self) -> int:
        """How often an open ticket had come back: each time is a new case."""
        return self.ticket.recurrences if self.ticket is not None and self.occasion is Occasion.TICKET_OPEN else 0

    @property
    def title(self) -> str:
        """What it is called for people; outside text."""
        return self.ticket.title if self.ticket is not None else self.run.task if self.run is not None else ""

    @property
    def fact(self) -> Fact:
        """What policies choose by. `source`, `name`, `environment`, `target` and `runbook` stand in for labels."""
        run, ticket = self.run, self.ticket
        priority = ticket.priority if ticket is not None else run.priority if run is not None else Priority.MEDIUM
        environment = (ticket.environment if ticket is not None else "") or self.environment
        own = {
            "source": ticket.source if ticket is not None else run.source.value if run is not None else "",
            "name": ticket.name if ticket is not None else run.alert if run is not None else "",
            "environment": environment,
            "target": self.approval.target if self.approval is not None else run.connection if run is not None else "",
            "runbook": run.runbook_id if run is not None else "",
        }
        labels = ticket.labels if ticket is not None else run.labels if run is not None else {}
        return Fact(
            occasion=self.occasion,
            tenant=self.tenant,
            priority=priority,
            environment=environment,
            labels=own | {"alertname": own["name"]} | dict(labels),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """One climb. Times are epoch seconds; `title` is outside text.

    `number` counts the climbs about one subject. `step` and `told` (both from 0) name the telling that comes next, at
    `next_at`; the policy of that name says to whom, as it is then. `policy_version` is the one it began with.
    """

    id: str
    tenant: str
    policy: str
    policy_version: str
    occasion: Occasion
    subject: str
    since: float
    began_at: float
    number: int = 1
    recurrences: int = 0
    run_id: str = ""
    ticket_id: str = ""
    title: str = ""
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    step: int = 0
    told: int = 0
    next_at: float | None = None
    last_told_at: float | None = None
    ended_at: float | None = None
    ended: Conclusion | None = None
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    version: int = 1

    @property
    def telling(self) -> str:
        """The name of the telling that comes next: everything it makes has its key from this."""
        return f"{self.tellings}{self.step} {self.told}"

    @property
    def tellings(self) -> str:
        """What the name of each of its tellings begins with."""
        return f"escalation {self.id} "

    def tell(self, policy: EscalationPolicy, now: float) -> Escalation:
        """The next telling was done; the chain goes on, or everybody was told. IllegalMove once it has ended."""
        self._open()
        following = policy.following(self.step, self.told, now, self.priority)
        if following is None:
            return replace(self.end(Conclusion.EXHAUSTED, now), last_told_at=now)
        step, told, at = following
        return self._moved(step=step, told=told, next_at=at, last_told_at=now)

    def defer(self, until: float) -> Escalation:
        """The next telling waits. IllegalMove once it has ended."""
        self._open()
        return self._moved(next_at=until)

    def end(self, why: Conclusion, now: float) -> Escalation:
        """Nobody is told any more. IllegalMove once it has ended."""
        self._open()
        return self._moved(ended=why, ended_at=now, next_at=None)

    def acknowledge(self, by: str, now: float) -> Escalation:
        """A person is looking; again changes nothing, whoever says it. IllegalMove when it ended otherwise.

        It is no answer and approves nothing. One whose chain has come to its end can still be acknowledged: the last
        who was told may be the one who looks.
        """
        if self.ended is Conclusion.ACKNOWLEDGED:
            return self
        if self.ended not in (None, Conclusion.EXHAUSTED):
            raise IllegalMove(
                f"Nobody is told of this any more: it was {self.ended}.", fix="Look at the run or the ticket itself."
            )
        return self._moved(
            ended=Conclusion.ACKNOWLEDGED,
            ended_at=now,
            next_at=None,
            acknowledged_by=by,
            acknowledged_at=now,
        )

    def _moved(self, **changes: object) -> Escalation:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type] # checked by replace

    def _open(self) -> None:
        if self.ended is not None:
            raise IllegalMove(f"Escalation {self.id} has ended: {self.ended}.", fix="Look at it again.")


def begin(case: Case, policy: EscalationPolicy, *, identifier: str, number: int, now: float) -> Escalation:
    """The climb of a case along a policy. What began anew counts from now, all else from the fact."""
    fact = case.fact
    anew = number > 1 or case.recurrences > 0
    since = now if anew else case.since
    return Escalation(
        id=identifier,
        tenant=case.tenant,
        policy=policy.name,
        policy_version=policy.version,
        occasion=case.occasion,
        subject=case.subject,
        since=since,
        began_at=now,
        number=number,
        recurrences=case.recurrences,
        run_id=case.run.id if case.run is not None else "",
        ticket_id=case.ticket.id if case.ticket is not None else "",
        title=case.title,
        priority=fact.priority,
        environment=fact.environment,
        next_at=policy.first(since, fact.priority),
    )


def _settled(ticket: Ticket, *, although_closed: bool) -> Conclusion | None:
    if not although_closed and ticket.status not in OPEN_STATUSES:
        return Conclusion.CLOSED
    if ticket.taken_by:
        return Conclusion.TAKEN
    return Conclusion.SILENCED if ticket.silenced else None
