"""A trip round the loop: its status machine, the only legal moves, and where it goes on.

queued -> in_progress <-> awaiting_approval
queued | in_progress | awaiting_approval -> completed | failed | cancelled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opsagent.domain.connection import Connection
from opsagent.domain.notice import ReplyTo
from opsagent.domain.plan import Excerpt, Plan, Subtask
from opsagent.domain.priority import Priority
from opsagent.domain.ticket import Assessment
from opsagent.errors import IllegalMove

RETENTION_S = 30 * 24 * 3600  # DA-5: ended runs and their events are kept for 30 days
MAX_GENERATE_STARTS = 50  # AG-5: counted across parks and restarts, not per graph invocation


class RunStatus(StrEnum):
    """Where a run stands; the first three are open, the last three are final."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
LEGAL_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.IN_PROGRESS}) | TERMINAL,
    RunStatus.IN_PROGRESS: frozenset({RunStatus.AWAITING_APPROVAL}) | TERMINAL,
    RunStatus.AWAITING_APPROVAL: frozenset({RunStatus.IN_PROGRESS}) | TERMINAL,
    RunStatus.COMPLETED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}


class Source(StrEnum):
    """Where the work came from."""

    SLACK = "slack"
    JIRA = "jira"
    API = "api"
    CHAT = "chat"
    CLI = "cli"
    SCHEDULE = "schedule"
    TICKET = "ticket"


class Mode(StrEnum):
    """What was asked for (`auto`), or which of the two paths was taken."""

    AUTO = "auto"
    PLAN = "plan"
    FAST = "fast"
    END = "end"  # only as a resolved mode: nothing to execute


class Node(StrEnum):
    """A place in the loop; the run stores the next one, the router reads it and derives nothing."""

    EVALUATOR = "evaluator"
    PLANNER = "planner"
    GENERATE = "generate"
    GUARD = "guard"
    TOOLS = "tools"
    REFLECT = "reflect"
    REVISE = "revise"
    SUBTASKS = "subtasks"
    VERIFY = "verify"
    UNDO = "undo"
    FINAL = "final"


class Verified(StrEnum):
    """Whether the world was measured healthy after the run; only `yes` closes a ticket."""

    YES = "yes"
    NO = "no"
    NOT_MEASURABLE = "not_measurable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run ended with: a summary people read, the tools it used, and how often it started to generate."""

    summary: str
    tools_used: tuple[str, ...] = ()
    iterations: int = 0
    recommendations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens spent on models, summed over the run; `calls` counts the questions, `by` names who was asked."""

    input_tokens: int = 0
    output_tokens: int = 0
    calls: int = 0
    by: tuple[str, ...] = ()

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            calls=self.calls + other.calls,
            by=tuple(dict.fromkeys((*self.by, *other.by))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for by name, before anything was found or filled in: a retry starts from it."""

    runbook_id: str = ""
    connection: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trip round the loop. Times are epoch seconds; `id` is a UUID version 4, of a subtask's run version 5.

    `scope` names the only connections it may use; empty, it may use those registered before it was accepted: a target
    that appears later is never in it. `request` is what was asked; `runbook_id`, `connection` and `parameters` are what
    the evaluator bound it to. `labels` select a target where there is no ticket. `waiting` says what it waits for.
    `labels`, `parameters` and `captures` are outside text. `next_node` is written in one transaction with the result of
    the node before it. `due_at` is when a worker may pick it up; None while it waits for a person. `active_s` counts
    the seconds it was in progress, waiting for people left out. `version` grows with every save.

    `plan` is what a model wrote where no runbook fits, stored before it is used; `revisions` counts how often it was
    changed. `chosen_by` is the model that chose the runbook, where neither a person nor the alert did. `excerpts` are
    what a model asked to read on in. `take_back`: a model wants undone what was done, unless it is measured healthy.
    `only_looks`: nothing but proven reads is executed, and nobody is asked for more.
    `risk` is low, medium or high in the opinion of the model `risk_by`: shown to people, read by no rule.
    `subtasks` are the goals it was split into, each a run of its own whose `parent` it is.
    """

    id: str
    tenant: str
    source: Source
    task: str
    created_at: float
    updated_at: float
    requested_by: str
    status: RunStatus = RunStatus.QUEUED
    mode: Mode = Mode.AUTO
    resolved_mode: Mode | None = None
    next_node: Node = Node.EVALUATOR
    priority: Priority = Priority.MEDIUM
    scope: tuple[str, ...] = ()
    request: Request = field(default_factory=Request)
    runbook_id: str = ""
    runbook_version: str = ""
    chosen_by: str = ""
    plan: Plan | None = None
    revisions: int = 0
    excerpts: tuple[Excerpt, ...] = ()
    take_back: bool = False
    only_looks: bool = False
    parent: str = ""
    subtasks: tuple[Subtask, ...] = ()
    connection: str = ""
    alert: str = ""
    ticket_id: str = ""
    fingerprint: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    captures: Mapping[str, str] = field(default_factory=dict)
    trigger: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    callback_url: str = ""
    reply_to: tuple[ReplyTo, ...] = ()
    account_id: str = ""
    selected_skill: str = ""
    risk: str = ""
    risk_by: str = ""
    model: str = ""
    retry_of: str = ""
    active_s: float = 0.0
    active_since: float | None = None
    due_at: float | None = None
    generate_starts: int = 0
    current_step: str = ""
    had_effect: bool = False
    verified: Verified | None = None
    assessment: Assessment | None = None
    outcome: RunStatus | None = None
    reason: str = ""
    waiting: str = ""
    tools_used: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    result: RunResult | None = None
    error: str = ""
    started_at: float | None = None
    completed_at: float | None = None
    version: int = 1

    @property
    def started_by(self) -> str:
        """Who answers for it, for rules that want somebody else to approve: its maker, if a schedule started it."""
        maker = self.trigger.get("madeBy", "") if self.source is Source.SCHEDULE else ""
        return maker if maker and self.requested_by.startswith("schedule:") else self.requested_by

    @property
    def thread_id(self) -> str:
        """The isolation key of this run (DA-4)."""
        return f"agent-ops-{self.id}"

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from creation to the end; None while it is open."""
        return None if self.completed_at is None else round((self.completed_at - self.created_at) * 1000)

    @property
    def ttl(self) -> int | None:
        """Epoch second at which an ended run is deleted; an open run has none."""
        return None if self.completed_at is None else round(self.completed_at) + RETENTION_S

    def may_use(self, connection: Connection) -> bool:
        """Whether the connection is in the scope that was fixed when the run was accepted."""
        if self.scope:
            return connection.name in self.scope
        return connection.created_at <= self.created_at

    def spent(self, usage: Usage) -> Run:
        """The run with what a question to a model cost."""
        return replace(self, usage=self.usage.plus(usage)) if usage.calls else self

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in TERMINAL

    def begin(self, now: float) -> Run:
        """A worker took it: queued or parked becomes in_progress. Raises IllegalMove from a final status."""
        if self.status is RunStatus.IN_PROGRESS:
            return self if self.active_since is not None else replace(self, active_since=now)
        moved = self._move(RunStatus.IN_PROGRESS, now)
        return replace(moved, started_at=self.started_at or now, active_since=now, due_at=now)

    def park(self, now: float, *, until: float | None) -> Run:
        """Wait for a person; `until` is when a worker looks again by itself (the approval's end). IllegalMove."""
        moved = self._move(RunStatus.AWAITING_APPROVAL, now)
        return replace(moved, due_at=until, active_s=self.active_for(now), active_since=None)

    def wait(self, now: float, *, until: float, why: str) -> Run:
        """Stay in progress and look again later: a busy target, a pause. The time until then is not time at work."""
        return replace(
            self.begin(now), due_at=until, waiting=why, active_s=self.active_for(now), active_since=None, updated_at=now
        )

    def taken(self, now: float) -> Run:
        """A worker goes on with it: the time since its last save, when nobody worked on it, is not time at work."""
        if self.active_since is None:
            return self
        return replace(self, active_s=self.active_for(max(self.updated_at, self.active_since)), active_since=now)

    def active_for(self, now: float) -> float:
        """Seconds in progress so far."""
        return self.active_s + (now - self.active_since if self.active_since is not None else 0.0)

    def end(self, status: RunStatus, now: float, *, result: RunResult, error: str = "") -> Run:
        """Reach a final status, with `completed_at` set and nothing due any more. Raises IllegalMove."""
        if status not in TERMINAL:
            raise IllegalMove(f"{status} does not end a run", fix="End a run as completed, failed or cancelled.")
        moved = self._move(status, now)
        return replace(moved, completed_at=now, due_at=None, result=result, error=error)

    def go(self, node: Node, now: float) -> Run:
        """The same status, another place in the loop. Raises IllegalMove once the run has ended."""
        if self.ended:
            raise IllegalMove(f"run {self.id} has ended", fix="Retry it: that makes a new run.")
        return replace(self, next_node=node, updated_at=now, due_at=now)

    def _move(self, status: RunStatus, now: float) -> Run:
        if status not in LEGAL_MOVES[self.status]:
            raise IllegalMove(
                f"run {self.id} is {self.status} and cannot become {status}",
                fix="Look at the run again; it has moved on." if not self.ended else "Retry it: that makes a new run.",
            )
        return replace(self, status=status, updated_at=now)
