"""What must be kept. Every method takes a tenant or something that was handed out for one.

Each method is one key-range read, or one transaction of conditional writes, so that it fits DynamoDB too. All may
raise StoreUnavailable; then nothing of the call was stored. Absent and foreign things raise NotFound alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.approval import Approval
from opsagent.domain.ending import Ending
from opsagent.domain.event import AuditCheck, AuditEntry, RunEvent
from opsagent.domain.notice import Notice, NoticeStatus, Slots
from opsagent.domain.page import Page
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.step import Step
from opsagent.domain.ticket import Ticket
from opsagent.ports.catalogue import ChatUserStore, ConnectionStore, CredentialStore, KeyStore, RunbookStore
from opsagent.ports.control import ControlStore
from opsagent.ports.conversations import ConversationStore
from opsagent.ports.drafts import DraftStore
from opsagent.ports.escalations import EscalationStore
from opsagent.ports.housekeeping import Housekeeping
from opsagent.ports.intake_stores import HeartbeatStore, QuarantineStore
from opsagent.ports.people import PersonStore, SessionStore
from opsagent.ports.spending import SpendingStore
from opsagent.ports.tickets import Measurement, TicketStore
from opsagent.ports.timetable import ScheduleStore, SilenceStore
from opsagent.ports.triage import DeploymentStore, TriageStore


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

    Without a `target` it is a read that was asked about: its approval is used up, and nothing else is looked at.
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
    version is the stored one, and, where it is closed, if no alert has joined it since it was read. `ending` says
    how this look at its ticket ended.
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
    ending: Ending | None = None


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
        text: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> Page[Run]:
        """Newest first. A key-range read on the tenant's (or its source's) time index; InputError for a bad cursor.

        With `text`, those that hold each of its words somewhere (ten of them at most, capitals or not) in their id, the
        start of their task, who asked, the runbook, the target, and how they ended: a key-range read on short texts.
        """
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

    async def steps_by_id(self, tenant: str, ids: Sequence[str]) -> Sequence[Step]:
        """The steps that are there, in no order. One key read for each."""
        ...

    async def unknown(self, tenant: str, *, run_id: str = "", limit: int = 100) -> Sequence[tuple[Run, Step]]:
        """Steps whose end nobody knows, of runs that wait for a person to say it, the oldest first. An index read."""
        ...

    async def count_unknown(self, tenant: str) -> int:
        """How many those are in all."""
        ...

    async def events(self, tenant: str, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[RunEvent]:
        """Events with a sequence above `after`, in order. One key-range read."""
        ...

    async def newest(self, tenant: str, run_id: str) -> int:
        """The number of a run's last event; some before it may be missing (DA-8). NotFound. A get by key."""
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

    async def pending(self, tenant: str, *, run_id: str = "", limit: int = 100) -> Sequence[Approval]:
        """Open questions whose end has not passed, oldest first; with `run_id` those of that run."""
        ...

    async def count_pending(self, tenant: str) -> int:
        """How many those are in all. An index read."""
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


class NoticeStore(Protocol):
    """The outbox. Notices are put there by `RunStore.save`, so that none is lost and none is sent for nothing."""

    async def take(self, slots: Slots, lock_s: float, *, sending: Sequence[Notice] = ()) -> Sequence[Notice]:
        """Claim due notices (sending, due again after `lock_s`) for the slots that `sending` leaves, urgent ones first.

        One that was sending before is a possible repeat. One index read for each that is taken.
        """
        ...

    async def mark(self, before: Notice, after: Notice, *, events: Sequence[RunEvent] = ()) -> Sequence[RunEvent]:
        """Store what became of the claim `before`, as `take` gave it; the lines of its run's timeline with it.

        Returns the lines as stored; they are best effort (DA-8). A conditional write: NotFound, and IllegalMove where
        the lock ran out and another has taken it since. Then nothing is stored.
        """
        ...

    async def get(self, tenant: str, notice_id: str) -> Notice:
        """One notice. NotFound."""
        ...

    async def list(
        self,
        tenant: str,
        *,
        status: NoticeStatus | None = None,
        run_id: str = "",
        channel: str = "",
        limit: int = 100,
        cursor: str = "",
    ) -> Page[Notice]:
        """Newest first. A key-range read on the tenant's time index, or its status's; InputError for a bad cursor."""
        ...

    async def add(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Put notices there outside a save; one whose id exists is left as it is. Returns those that are new."""
        ...

    async def resend(self, tenant: str, notice_id: str, by: str) -> Notice:
        """A delivered or dead one is pending again, with all its tries, and an audit entry says so.

        It is a possible repeat where it was delivered or may have been. NotFound, IllegalMove for one on its way.
        """
        ...


class AuditStore(Protocol):
    """The append-only record of who did what."""

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Number, chain and store. Raises StoreUnavailable; then the thing it records must not happen."""
        ...

    async def list(self, tenant: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """In order."""
        ...

    async def of_ticket(self, tenant: str, ticket_id: str, *, since: float, limit: int = 100) -> Sequence[AuditEntry]:
        """What was done to a ticket, and what was merged into it, from `since` on (epoch seconds); the newest first."""
        ...

    async def verify(self, tenant: str, *, heads: Sequence[str] = ()) -> AuditCheck:
        """Read the whole record and check every seal, and that all `heads` are in it. InputError: one is no head."""
        ...

    async def heads(self) -> Mapping[str, str]:
        """Of every tenant the newest entry's number and seal (`N:HASH`), unchecked, for who keeps them elsewhere."""
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
    drafts: DraftStore
    connections: ConnectionStore
    credentials: CredentialStore
    keys: KeyStore
    chat_users: ChatUserStore
    people: PersonStore
    sessions: SessionStore
    notices: NoticeStore
    quarantine: QuarantineStore
    heartbeats: HeartbeatStore
    schedules: ScheduleStore
    silences: SilenceStore
    escalations: EscalationStore
    audit: AuditStore
    triage: TriageStore
    deployments: DeploymentStore
    conversations: ConversationStore
    spending: SpendingStore
    housekeeping: Housekeeping
    name: str = field(default="")
