"""What must be kept of problems and their signals. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.correlation import Damping, Grouping, Storm
from opsagent.domain.event import AuditEntry
from opsagent.domain.page import Page
from opsagent.domain.priority import Priority
from opsagent.domain.run import Run
from opsagent.domain.ticket import Signal, Ticket, TicketStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured answer about a fingerprint: was the condition healthy, when, and the words for it."""

    tenant: str
    fingerprint: str
    healthy: bool
    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A signal on its way in, with the ticket and the run it makes if it turns out to be a new problem.

    `rerun_after_s`: seconds after the end of an open ticket's last run until an alert that still fires gets another.
    `grouping`: the group it belongs to. `storm`: from when on new problems are one, and the group they then make.
    `silenced` says who silenced it, if somebody did: it is kept, and starts no run.
    """

    signal: Signal
    ticket: Ticket
    run: Run
    rerun_after_s: float = 300.0
    grouping: Grouping | None = None
    storm: tuple[Storm, Grouping] | None = None
    damping: Damping = field(default_factory=Damping)
    silenced: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What became of a signal: its ticket, whether it made it, and whether the delivery had been seen before.

    `reopened`: a problem whose ticket is open fires again, or fires on and gets another run (`ticket.run_id`), or a
    ticket that was closed a short while ago is open again. `member`: it is a new alert of that ticket. `quiet`: the
    last alert of the ticket that fired has resolved.
    """

    ticket: Ticket
    created: bool
    duplicate: bool
    reopened: bool = False
    member: bool = False
    quiet: bool = False


class TicketStore(Protocol):
    """Problems and the signals that make them up."""

    async def receive(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        """Store each signal with the ticket it belongs to.

        That is the open ticket which has its (tenant, fingerprint) as a member, else the open one that takes in its
        group, else the one that was closed a short while ago and is open again, else a new one with its run. A
        fingerprint is a member of at most one open ticket, and a group has at most one that takes others in, whoever
        writes at the same time.

        All in one transaction, in order. A delivery seen before changes nothing. A resolved signal makes no ticket
        (Joined.ticket is then the given one, unstored); it sets its member's `firing` to False, of the open ticket or
        else of the newest ended one where it still fires, and closes nothing. A ticket fires while one of its members
        does; when the last one has resolved, its run that waits for a person is made due, to measure once more.

        A firing signal of an open ticket none of whose runs is open (ended or deleted) stores the arrival's run for
        that ticket and names it in `run_id`, if the member had stopped firing, or if the last run ended at least
        `rerun_after_s` ago: a second outage is looked at again, an alert repeated every few seconds is not. A new
        member gets one `rerun_after_s` after that end, a flapping one `damping.calm_s` after. A ticket has at most one
        open run made here, about the member that leads it. A new member that leads more than the present one takes the
        ticket and its run over, until a worker has begun with it. But for that and for a ticket that is open again,
        the ticket's status and version stay.

        A silenced arrival starts no run, and its words become the ticket's `silenced`; the next firing one that is not
        silenced takes them away and, if the ticket has no open run, starts one whenever the last one ended.
        """
        ...

    async def get(self, tenant: str, ticket_id: str) -> Ticket:
        """One ticket. NotFound."""
        ...

    async def list(
        self,
        tenant: str,
        *,
        status: TicketStatus | None = None,
        priority: Priority | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Ticket]:
        """Newest first."""
        ...

    async def signals(self, tenant: str, ticket_id: str, *, limit: int = 200) -> Sequence[Signal]:
        """The latest signals of a ticket, oldest first."""
        ...

    async def last_measurement(self, tenant: str, fingerprint: str) -> Measurement | None:
        """The newest measurement of this fingerprint."""
        ...

    async def save(self, ticket: Ticket, audit: Sequence[AuditEntry]) -> Ticket:
        """A person's change, if the version is the stored one, else IllegalMove; `run_id` is moved by signals only.

        One that is open again has come back once more (`recurrences`).
        """
        ...

    async def take(self, tenant: str, ticket_id: str, *, taken_by: str, by: str) -> Ticket:
        """A person takes it over, or (`taken_by` empty) hands it back; its open run becomes due. Audit entry. NotFound.

        In one transaction: the agent parks before its next effect and goes on when it is handed back.
        """
        ...

    async def merge(self, tenant: str, ticket_id: str, *, into: str, by: str) -> Ticket:
        """A person says that two open tickets are one problem; the one that goes on. NotFound, IllegalMove.

        In one transaction, with its audit entry: the alerts and signals of the first are the other's from now on, which
        also takes in what the first took in, and fires while one of them does; its priority is the higher of both. The
        first is closed for good. What was measured and said of it stays with it. Once more changes nothing.
        """
        ...
