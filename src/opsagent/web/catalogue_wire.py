"""The shapes of tickets, runbooks, connections, keys and switches on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on

from opsagent.web.wire import AssessmentJson, VerdictJson


class TicketJson(TypedDict):
    """One problem; `severity` is its `priority` under another name. It fires while one of its `members` does."""

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
    service: str
    grouping: str
    members: int
    membersFiring: int
    recurrences: int
    flappingUntil: str | None
    assessment: AssessmentJson | None
    takenBy: str
    silenced: str
    mergedInto: str
    reason: str
    createdAt: str
    updatedAt: str
    closedAt: str | None


class FreezeJson(TypedDict):
    """A time in which nothing is changed."""

    freezeId: str
    startsAt: str
    endsAt: str
    reason: str
    by: str
    environments: list[str]
    connections: list[str]


class FreezeList(TypedDict):
    """Those that have not ended."""

    freezes: list[FreezeJson]


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


class MemberJson(TypedDict):
    """One alert of a ticket."""

    fingerprint: str
    name: str
    title: str
    firing: bool
    priority: str
    environment: str
    service: str
    labels: dict[str, str]
    signals: int
    changes: int
    firstAt: str | None
    lastAt: str | None


class FeedbackJson(TypedDict):
    """What a person said of a ticket: `real` or `noise`."""

    ticketId: str
    verdict: str
    note: str
    by: str
    at: str


class ActJson(TypedDict):
    """Something that was done to a ticket, from the audit record; `about` has what was said with it."""

    at: str
    by: str
    what: str
    about: dict[str, str]


class TicketDetail(TicketJson):
    """A ticket with its alerts, its latest signals (oldest first), what a person said, and its acts (newest first)."""

    acts: list[ActJson]
    alerts: list[MemberJson]
    feedback: FeedbackJson | None
    latestSignals: list[SignalJson]


class JoinedJson(TypedDict):
    """What became of one signal."""

    ticketId: str | None
    runId: str | None
    created: bool
    duplicate: bool
    reopened: bool


class Received(TypedDict):
    """What became of a delivery's signals, in order; `words` say what else it was."""

    received: int
    tickets: list[JoinedJson]
    words: str


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
    address: str
    options: dict[str, str]
    credential: str
    readCredential: str
    version: int
    createdAt: str | None
    updatedAt: str | None


class TestedJson(TypedDict):
    """What was seen when a target was really connected to, with one of its accounts."""

    ok: bool
    text: str
    fix: str
    facts: dict[str, str]


class TestResult(TypedDict):
    """`ok` when every account works."""

    ok: bool
    results: list[TestedJson]


class CredentialJson(TypedDict):
    """A credential; its value is never shown."""

    credentialId: str
    name: str
    kind: str
    keeper: str
    reference: str
    connections: list[str]
    version: int
    createdAt: str | None
    updatedAt: str | None
    usedAt: str | None
    usedBy: str


class CredentialList(TypedDict):
    """All of the tenant by name."""

    credentials: list[CredentialJson]


class Rotated(TypedDict):
    """How many values were sealed anew."""

    resealed: int


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


class ChatUserJson(TypedDict):
    """A user of a chat and the person they are here; an empty `workspace` means any of the tenant's."""

    user: str
    person: str
    role: str
    workspace: str
    createdAt: str


class ChatUserList(TypedDict):
    """All of the tenant by user id."""

    people: list[ChatUserJson]


class WorkspaceJson(TypedDict):
    """A chat's workspace and the tenant it belongs to."""

    workspaceId: str
    tenantId: str


class WorkspaceList(TypedDict):
    """All of the tenant."""

    workspaces: list[WorkspaceJson]


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
    """Whether work can be taken, what holds sandbox commands in, and what is degraded."""

    status: str
    version: str
    sandbox: str
    degraded: list[DegradedJson]
