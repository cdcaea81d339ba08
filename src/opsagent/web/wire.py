"""The shapes of runs, sessions and approvals on the wire: camelCase, with the field names of the source documents."""

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


class ModelRiskJson(TypedDict):
    """What a model thinks the task risks: `level` is low, medium or high. An opinion; no rule reads it."""

    level: str
    by: str


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
    parent: str
    subtasks: list[str]
    requestedBy: str
    callbackHost: str
    model: str
    onlyLooks: bool
    node: str
    assessment: AssessmentJson | None
    modelRisk: ModelRiskJson | None
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
    """A page of runs, newest first. `lastKey` is `nextCursor` under another name; both are null on the last page."""

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


class ThinkingJson(TypedDict):
    """The end of what a model wrote so far, in place of the one before. It is not stored and may be missed."""

    runId: str
    node: str
    model: str
    text: str
    createdAt: str


class LiveJson(TypedDict):
    """What to ask for to be told of changes."""

    accept: str


class EventList(TypedDict):
    """A page of events in order; `nextAfter` goes into `after` for the next page, null when there is none.

    `lastEvent` is the number of the run's newest event, wherever the page ends.
    """

    events: list[EventJson]
    nextAfter: int | None
    lastEvent: int


class Accepted(TypedDict):
    """A run that is stored and will be worked on."""

    runId: str
    status: str
    threadId: str
    links: dict[str, str]


class Ignored(TypedDict):
    """A delivery that starts nothing, and why."""

    runId: None
    ignored: str


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
    author: str
    reasons: list[str]


class VerdictJson(TypedDict):
    """What the policy says of one command."""

    command: str
    decision: str
    rule: str
    reason: str
    manifest: ManifestJson
    undoManifest: ManifestJson | None


class OutsideJson(TypedDict):
    """Characters `start` to `end` of the command came from outside."""

    start: int
    end: int
    origin: str


class RehearsedJson(TypedDict):
    """One step of a dry run: as it would run, or `problem`: why that cannot be told yet."""

    name: str
    phase: str
    command: str
    target: str
    when: str
    undo: str
    saves: list[str]
    verdict: VerdictJson | None
    problem: str


class Rehearsal(TypedDict):
    """A whole runbook, judged and not run; `denied` when a step would never be allowed."""

    steps: list[RehearsedJson]
    denied: bool


class GrantJson(TypedDict):
    """One person's yes."""

    by: str
    at: str
    notes: str


class AlikeJson(TypedDict):
    """What people said to a question like this one: the same step of the same runbook, or the same command."""

    runId: str
    status: str
    decidedBy: str
    decidedAt: str | None
    notes: str
    command: str
    target: str


class ApprovalJson(TypedDict):
    """A question to people about one digest; some names are there in snake_case too."""

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
    undoManifest: ManifestJson | None
    requestedAt: str
    expiresAt: str
    decidedAt: str | None
    decidedBy: str
    notes: str
    usedAt: str | None
    persons: int
    fourEyes: bool
    startedBy: str
    grants: list[GrantJson]
    alike: list[AlikeJson]


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
    """A run seen as the execution of a runbook; some names are there in snake_case too.

    `cost` is what its questions to models cost, in the currency of the prices that were set, 0 without any.
    """

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
    cost: float
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
    waiting: int  # how many there are in all, shown here or not
