"""What must be kept. Every method takes a tenant or something that was handed out for one.

Each method is one key-range read, or one transaction of conditional writes, so that it fits DynamoDB too. All may
raise StoreUnavailable; then nothing of the call was stored. Absent and foreign things raise NotFound alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.approval import Approval
from opsagent.domain.event import AuditCheck, AuditEntry, RunEvent
from opsagent.domain.freeze import Freeze
from opsagent.domain.notice import Notice
from opsagent.domain.page import Page
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.step import Step
from opsagent.domain.ticket import Signal, Ticket, TicketStatus
from opsagent.ports.catalogue import ConnectionStore, CredentialStore, KeyStore, RunbookStore
from opsagent.ports.housekeeping import Housekeeping


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to save one run until `expires_at` (epoch seconds, store clock); each claim has a higher fence."""

    tenant: str
    run_id: str
    worker: str
    fence: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRun:
    """A hint that a run wants a worker."""

    tenant: str
    run_id: str
    priority_rank: int
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A caller's key and the SHA-256 of the request it was used for."""

    key: str
    request_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectClaim:
    """What must hold, in the very transaction that stores a step as claimed, for an effect to start.

    The approval (if any) is used up: ApprovalMismatch, ApprovalExpired, ApprovalUsed, ApprovalDecided. The target is
    free, has cooled down for `cooldown_s` and is below `per_hour`, else TargetBusy. Neither the tenant nor the
    installation is paused and no cancel was asked for this run, else Disabled.
    """

    step_id: str
    attempt: int
    target: str
    digest: str
    approval_id: str = ""
    cooldown_s: float = 0.0
    per_hour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Everything one node of the loop writes, in one transaction.

    `events` are best effort (DA-8): if they cannot be written the rest still is. `release_target` frees the target
    held by that step id. `measured` notes a measurement of the ticket's fingerprint. `ticket` is saved if its
    version is the stored one.
    """

    run: Run
    steps: Sequence[Step] = ()
    approvals: Sequence[Approval] = ()
    audit: Sequence[AuditEntry] = ()
    notices: Sequence[Notice] = ()
    events: Sequence[RunEvent] = ()
    ticket: Ticket | None = None
    claim: EffectClaim | None = None
    release_target: str = ""
    measured: Measurement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measured answer about a fingerprint: was the condition healthy, when, and the words for it."""

    tenant: str
    fingerprint: str
    healthy: bool
    at: float
    text: str


class RunStore(Protocol):
    """Runs, their leases, and the one door through which a worker writes."""

    async def create(
        self,
        run: Run,
        *,
        key: IdempotencyKey | None = None,
        audit: Sequence[AuditEntry] = (),
        events: Sequence[RunEvent] = (),
    ) -> Run:
        """Store a new run (due at once) before its caller hears "accepted".

        With a key that was used before in this tenant, return the run it made; IdempotencyMismatch if the request
        differs. Conditional put on (tenant, run id) and on (tenant, key).
        """
        ...

    async def get(self, tenant: str, run_id: str) -> Run:
        """One run. NotFound. A get by key."""
        ...

    async def list(
        self,
        tenant: str,
        *,
        source: Source | None = None,
        status: RunStatus | None = None,
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Run]:
        """Newest first. A key-range read on the tenant's (or its source's) time index; InputError for a bad cursor."""
        ...

    async def due(self, limit: int) -> Sequence[DueRun]:
        """Open runs whose `due_at` has passed and that nobody holds. An index read.

        Tenants take turns: the first run of each comes before any tenant's second. A tenant's own runs, and those of
        one turn, come most urgent first, then oldest.
        """
        ...

    async def claim(self, tenant: str, run_id: str, worker: str, ttl_s: float) -> tuple[Lease, Run] | None:
        """Take the run if it is open and nobody holds it (or its lease expired): conditional write, fence + 1.

        ConflictError when what is stored cannot be read; the run stays held for `ttl_s`, so that nobody meets it again
        before.
        """
        ...

    async def renew(self, lease: Lease, ttl_s: float) -> Lease:
        """Hold it for `ttl_s` more seconds from now. LeaseLost when the fence is stale."""
        ...

    async def save(self, lease: Lease, change: Change) -> Run:
        """Write the change if the fence is current, all or nothing (events excepted); returns the run as stored.

        `run.due_at` is stored as given, so a run waits by being saved with a time to come: nobody takes it before,
        and after a worker's death somebody does then. None waits for a person (a run that awaits none becomes due
        now). Where a person woke the run since it was claimed, it stays due since then. A final status frees the
        lease and drops `due_at`.

        LeaseLost; the errors of EffectClaim; IllegalMove with `extra["stale"] == "ticket"` when the ticket was
        changed by others since it was read: read it again and save once more.
        """
        ...

    async def release(self, lease: Lease) -> None:
        """Let go and leave `due_at` alone: in the past the run is due at once, else then. A stale lease is ignored."""
        ...


class JournalStore(Protocol):
    """What is known about a run: its steps and its timeline."""

    async def steps(self, tenant: str, run_id: str) -> Sequence[Step]:
        """All steps of a run by number. One key-range read."""
        ...

    async def events(self, tenant: str, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[RunEvent]:
        """Events with a sequence above `after`, in order. One key-range read."""
        ...

    async def append(self, events: Sequence[RunEvent]) -> Sequence[RunEvent]:
        """Number and store events outside a save; returns them numbered. Content is capped at 10 KB each.

        Raises StoreUnavailable; callers log it and go on (DA-8).
        """
        ...


class ApprovalStore(Protocol):
    """Questions to people."""

    async def get(self, tenant: str, approval_id: str) -> Approval:
        """One question. NotFound."""
        ...

    async def pending(self, tenant: str, *, limit: int = 100) -> Sequence[Approval]:
        """Open questions whose end has not passed, oldest first."""
        ...

    async def of_run(self, tenant: str, run_id: str) -> Sequence[Approval]:
        """All questions of a run, oldest first."""
        ...

    async def alike(self, tenant: str, likeness: str, *, limit: int = 5) -> Sequence[Approval]:
        """Decided questions of that likeness, newest decision first. An index read."""
        ...

    async def decide(
        self, tenant: str, approval_id: str, *, grant: bool, by: str, notes: str, digest: str = ""
    ) -> Approval:
        """Store a person's answer (`Approval.decide`), an audit entry and make the run due, in one transaction.

        With `digest`, refuse (ApprovalMismatch) unless it is the question's. NotFound, ApprovalDecided,
        ApprovalExpired. The same answer twice returns the first.
        """
        ...


class ControlStore(Protocol):
    """A person's switches: cancel, pause, acting, freezes. Every change is an audit entry in the same transaction."""

    async def request_cancel(self, tenant: str, run_id: str, by: str) -> Run:
        """Mark the run to be cancelled and make it due at once. NotFound; IllegalMove once it has ended."""
        ...

    async def cancel_requested(self, tenant: str, run_id: str) -> bool:
        """Whether somebody asked to cancel it."""
        ...

    async def set_switch(self, tenant: str, name: str, value: bool, by: str) -> None:
        """Set `paused` or `acting`; tenant `*` is the whole installation."""
        ...

    async def switches(self, tenant: str) -> Mapping[str, bool]:
        """`paused`: the tenant's or the installation's; `acting`: the tenant's own, else the installation's."""
        ...

    async def resolve_step(self, tenant: str, run_id: str, step_id: str, *, answer: str, by: str) -> Step:
        """A person says of an unknown step: happened, not_happened or aborted; audit entry; the run becomes due.

        NotFound; IllegalMove when the step is not unknown.
        """
        ...

    async def freeze(self, freeze: Freeze) -> None:
        """Store a maintenance freeze, with an audit entry. One with the same id is replaced."""
        ...

    async def freezes(self, tenant: str) -> Sequence[Freeze]:
        """Those of the tenant that have not ended, by their start. One key-range read."""
        ...

    async def lift(self, tenant: str, freeze_id: str, by: str) -> None:
        """End a freeze now, with an audit entry. NotFound."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A signal on its way in, with the ticket and the run it makes if it turns out to be a new problem.

    `rerun_after_s`: seconds after the end of an open ticket's last run until an alert that still fires gets another.
    """

    signal: Signal
    ticket: Ticket
    run: Run
    rerun_after_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What became of a signal: its ticket, whether it made it, and whether the delivery had been seen before.

    `reopened`: a problem whose ticket is open fires again, or fires on and gets another run (`ticket.run_id`).
    """

    ticket: Ticket
    created: bool
    duplicate: bool
    reopened: bool = False


class TicketStore(Protocol):
    """Problems and the signals that make them up."""

    async def receive(self, arrivals: Sequence[Arrival]) -> Sequence[Joined]:
        """Join each signal to the open ticket of its (tenant, fingerprint), or store its new ticket and run.

        All in one transaction, in order. A delivery seen before changes nothing. A resolved signal makes no ticket
        (Joined.ticket is then the given one, unstored); it sets `firing` to False, of the open ticket or else of the
        newest ended one that still fires, and closes nothing.

        A firing signal of an open ticket none of whose runs is open (ended or deleted) stores the arrival's run for
        that ticket and names it in `run_id`, if the ticket had stopped firing, or if its last run ended at least
        `rerun_after_s` ago: a second outage is looked at again, an alert repeated every few seconds is not. The
        ticket's status and version stay; a ticket has at most one open run made here.
        """
        ...

    async def get(self, tenant: str, ticket_id: str) -> Ticket:
        """One ticket. NotFound."""
        ...

    async def list(
        self, tenant: str, *, status: TicketStatus | None = None, limit: int = 50, cursor: str = ""
    ) -> Page[Ticket]:
        """Newest first."""
        ...

    async def signals(self, tenant: str, ticket_id: str, *, limit: int = 200) -> Sequence[Signal]:
        """The latest signals of a ticket, oldest first."""
        ...

    async def history(self, tenant: str, fingerprint: str, *, limit: int = 20) -> Sequence[Ticket]:
        """Earlier tickets with this fingerprint, newest first."""
        ...

    async def last_measurement(self, tenant: str, fingerprint: str) -> Measurement | None:
        """The newest measurement of this fingerprint."""
        ...

    async def save(self, ticket: Ticket, audit: Sequence[AuditEntry]) -> Ticket:
        """A person's change, if the version is the stored one, else IllegalMove; `run_id` is moved by signals only."""
        ...

    async def take(self, tenant: str, ticket_id: str, *, taken_by: str, by: str) -> Ticket:
        """A person takes it over, or (`taken_by` empty) hands it back; its open run becomes due. Audit entry. NotFound.

        In one transaction: the agent parks before its next effect and goes on when it is handed back.
        """
        ...


class NoticeStore(Protocol):
    """The outbox. Notices are put there by `RunStore.save`, so that none is lost and none is sent for nothing."""

    async def take(self, limit: int, lock_s: float) -> Sequence[Notice]:
        """Claim due notices (sending, due again after `lock_s`). One that was sending before is a possible repeat."""
        ...

    async def mark(self, notice: Notice) -> None:
        """Store its new status, attempts, due time and last error."""
        ...

    async def list(self, tenant: str, *, limit: int = 100) -> Sequence[Notice]:
        """Newest first."""
        ...

    async def add(self, notices: Sequence[Notice]) -> None:
        """Put notices there outside a save; one whose id exists is left as it is."""
        ...


class AuditStore(Protocol):
    """The append-only record of who did what."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Number, chain and store. Raises StoreUnavailable; then the thing it records must not happen."""
        ...

    async def list(self, tenant: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """In order."""
        ...

    async def verify(self, tenant: str, *, head: str = "") -> AuditCheck:
        """Read the whole record and check every seal, and that `head` is in it. InputError: that is no head."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """All stores of one backend, as bootstrap hands them out."""

    runs: RunStore
    journal: JournalStore
    approvals: ApprovalStore
    control: ControlStore
    tickets: TicketStore
    runbooks: RunbookStore
    connections: ConnectionStore
    credentials: CredentialStore
    keys: KeyStore
    notices: NoticeStore
    audit: AuditStore
    housekeeping: Housekeeping
    name: str = field(default="")
