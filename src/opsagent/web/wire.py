"""The shapes that go out: camelCase JSON, the field names of the run and event records being S0's and S1's."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class ResultJson(TypedDict):
    """What a run ended with."""

    summary: str
    toolsUsed: list[str]
    iterations: int
    recommendations: list[str]


class EvidenceJson(TypedDict):
    """One thing triage looked at; weight -1 (noise) to 1 (real)."""

    kind: str
    text: str
    weight: float


class AssessmentJson(TypedDict):
    """What triage concluded; confidence 0 to 1."""

    classification: str
    confidence: float
    measured: bool
    evidence: list[EvidenceJson]
    at: str | None


class RunJson(TypedDict):
    """A run. Times are ISO 8601 UTC; `ttl` is the epoch second of its deletion, null while it is open."""

    runId: str
    tenantId: str
    source: str
    status: str
    taskDescription: str
    mode: str
    resolvedMode: str | None
    threadId: str
    trigger: dict[str, str]
    priority: str
    accountId: str
    selectedSkill: str
    runbookId: str
    connection: str
    scope: list[str]
    parameters: dict[str, str]
    alert: str
    ticketId: str
    retryOf: str
    requestedBy: str
    callbackHost: str
    model: str
    node: str
    assessment: AssessmentJson | None
    verified: str | None
    hadEffect: bool
    result: ResultJson | None
    error: str
    inputTokens: int
    outputTokens: int
    createdAt: str
    updatedAt: str
    startedAt: str | None
    completedAt: str | None
    durationMs: int | None
    ttl: int | None


class RunList(TypedDict):
    """A page of runs, newest first. `lastKey` is `nextCursor` under S0's name; both are null on the last page."""

    runs: list[RunJson]
    nextCursor: str | None
    lastKey: str | None


class EventJson(TypedDict):
    """A line of a run's timeline. `toolOutput` is null for a caller who may not look at raw output."""

    runId: str
    sequence: int
    eventType: str
    node: str
    content: str
    toolName: str
    toolArgs: dict[str, str]
    toolOutput: str | None
    metadata: dict[str, str]
    artifact: str
    createdAt: str
    ttl: int


class EventList(TypedDict):
    """A page of events in order; `nextAfter` goes into `after` for the next page, null when there is none."""

    events: list[EventJson]
    nextAfter: int | None


class Accepted(TypedDict):
    """A run that is stored and will be worked on."""

    runId: str
    status: str
    threadId: str
    links: dict[str, str]


class InvocationJson(TypedDict):
    """One program a command starts; null stands for a word known only when it runs."""

    name: str | None
    arguments: list[str | None]


class ManifestJson(TypedDict):
    """What a command would do, as far as it could be proven."""

    proof: str
    invocations: list[InvocationJson]
    reads: list[str]
    writes: list[str]
    deletes: list[str]
    contacts: list[str]
    services: list[str]
    processes: list[str]
    executes: list[str]
    sensitive: list[str]
    forbidden: list[str]
    privileged: bool
    reversible: bool | None
    reasons: list[str]


class VerdictJson(TypedDict):
    """What the policy says of one command."""

    command: str
    decision: str
    rule: str
    reason: str
    manifest: ManifestJson


class OutsideJson(TypedDict):
    """Characters `start` to `end` of the command came from outside."""

    start: int
    end: int
    origin: str


class ApprovalJson(TypedDict):
    """A question to people about one digest; snake_case names are S2's."""

    approvalId: str
    runId: str
    sessionId: str
    session_id: str
    stepNumber: int
    step_number: int
    attempt: int
    status: str
    runbookId: str
    runbookTitle: str
    runbook_title: str
    issueDescription: str
    issue_description: str
    command: str
    outside: list[OutsideJson]
    target: str
    why: str
    reason: str
    manifest: ManifestJson
    digest: str
    undo: str
    requestedAt: str
    expiresAt: str
    decidedAt: str | None
    decidedBy: str
    notes: str
    usedAt: str | None


class OutcomeJson(TypedDict):
    """How an attempt ended. `stdout` and `stderr` are capped and redacted, null without the right to look."""

    exitCode: int | None
    signal: int | None
    stdout: str | None
    stderr: str | None
    truncated: bool
    artifact: str
    timedOut: bool
    cancelled: bool
    changed: bool | None
    known: bool
    note: str
    backend: str
    startedAt: str | None
    endedAt: str | None
    durationMs: int


class StepJson(TypedDict):
    """One attempt at one command."""

    stepId: str
    stepNumber: int
    step_number: int
    name: str
    phase: str
    attempt: int
    status: str
    why: str
    executor: str
    connection: str
    command: str
    outside: list[OutsideJson]
    digest: str
    decision: str | None
    rule: str
    reason: str
    manifest: ManifestJson | None
    approval: ApprovalJson | None
    outcome: OutcomeJson | None
    undo: str
    undoOf: str
    createdAt: str | None
    updatedAt: str | None


class SessionJson(TypedDict):
    """A run seen as the execution of a runbook; snake_case names are S2's."""

    sessionId: str
    session_id: str
    runId: str
    status: str
    runbookId: str
    runbook_id: str
    runbookTitle: str
    runbook_title: str
    issueDescription: str
    issue_description: str
    ticketId: str
    currentStep: int | None
    current_step: int | None
    steps: list[StepJson]
    result: ResultJson | None
    verified: str | None
    error: str
    createdAt: str
    created_at: str
    updatedAt: str
    completedAt: str | None
    completed_at: str | None


class UnknownStepJson(TypedDict):
    """An effect that was started and whose end nobody knows: a person says what became of it."""

    sessionId: str
    session_id: str
    stepNumber: int
    step_number: int
    issueDescription: str
    answers: list[str]
    step: StepJson


class PendingJson(TypedDict):
    """Everything that waits for a person, oldest first."""

    approvals: list[ApprovalJson]
    unknownSteps: list[UnknownStepJson]


class TicketJson(TypedDict):
    """One problem; `severity` is `priority` under S2's name."""

    ticketId: str
    tenantId: str
    runId: str
    status: str
    title: str
    name: str
    description: str
    source: str
    severity: str
    priority: str
    environment: str
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    firing: bool
    signals: int
    assessment: AssessmentJson | None
    reason: str
    createdAt: str
    updatedAt: str
    closedAt: str | None


class TicketList(TypedDict):
    """A page of tickets, newest first."""

    tickets: list[TicketJson]
    nextCursor: str | None
    lastKey: str | None


class SignalJson(TypedDict):
    """One observation of a ticket."""

    signalId: str
    source: str
    name: str
    status: str
    title: str
    description: str
    priority: str
    labels: dict[str, str]
    startsAt: str | None
    endsAt: str | None
    receivedAt: str | None


class TicketDetail(TicketJson):
    """A ticket with its latest signals, oldest first."""

    latestSignals: list[SignalJson]


class JoinedJson(TypedDict):
    """What became of one signal."""

    ticketId: str | None
    runId: str | None
    created: bool
    duplicate: bool
    reopened: bool


class Received(TypedDict):
    """What became of a delivery's signals, in order."""

    received: int
    tickets: list[JoinedJson]


class ParameterJson(TypedDict):
    """A hole in a runbook and the pattern its value must fit."""

    name: str
    pattern: str
    source: str
    default: str | None
    description: str


class RunbookStepJson(TypedDict):
    """A step as written."""

    name: str
    phase: str
    text: str
    executor: str
    connection: str
    why: str
    line: int
    undo: str


class RunbookJson(TypedDict):
    """A runbook without its text."""

    runbookId: str
    title: str
    position: int
    revision: int
    version: str
    executable: bool
    alerts: list[str]
    aliases: list[str]
    labels: dict[str, str]
    severity: str
    connection: str
    owner: str
    summary: str
    steps: int
    updatedAt: str | None


class RunbookDetail(RunbookJson):
    """A runbook with its text and its steps."""

    source: str
    path: str
    parameters: list[ParameterJson]
    stepList: list[RunbookStepJson]


class RunbookList(TypedDict):
    """All runbooks, by creation: the position is the number S2's clients may use as `runbook_id`."""

    runbooks: list[RunbookJson]


class HitJson(TypedDict):
    """A runbook found, and why."""

    runbookId: str
    score: float
    why: str
    exact: bool


class FoundJson(TypedDict):
    """Hits, best first; `fits` false means that nothing answers the query."""

    query: str
    fits: bool
    hits: list[HitJson]


class ConnectionJson(TypedDict):
    """A registered target; `credential` is a name, never a value."""

    connectionId: str
    name: str
    executor: str
    reach: str
    environment: str
    labels: dict[str, str]
    values: dict[str, str]
    hosts: list[str]
    credential: str
    version: int
    createdAt: str | None
    updatedAt: str | None


class ConnectionList(TypedDict):
    """All connections by name."""

    connections: list[ConnectionJson]


class KeyJson(TypedDict):
    """A key without its secret."""

    keyId: str
    name: str
    role: str
    kind: str
    createdAt: str
    revokedAt: str | None


class NewKey(KeyJson):
    """A key with its secret, which is shown this once."""

    secret: str


class KeyList(TypedDict):
    """All keys of the tenant, revoked ones too."""

    keys: list[KeyJson]


class Switches(TypedDict):
    """What holds now: no new effect starts while `paused`; without `acting` the agent observes and suggests."""

    paused: bool
    acting: bool


class Verdicts(TypedDict):
    """One verdict per command, in order."""

    verdicts: list[VerdictJson]


class DegradedJson(TypedDict):
    """A part that does not work as it should, and why."""

    part: str
    why: str


class ReadyJson(TypedDict):
    """Whether work can be taken, and what is degraded."""

    status: str
    version: str
    degraded: list[DegradedJson]
