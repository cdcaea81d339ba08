"""What people are told about a run, in words no brand has shaped yet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from opsagent.domain.approval import Approval
from opsagent.domain.escalation import Case, Escalation
from opsagent.domain.manifest import Manifest
from opsagent.domain.priority import Priority
from opsagent.domain.run import Run
from opsagent.domain.ticket import Ticket


class MessageKind(StrEnum):
    """The facts people are told."""

    PLANNED = "planned"  # a run knows what it will do, in order; told to who started it, to others only by name
    ASKED = "asked"  # an effect waits for a person
    ANSWERED = "answered"  # that question is no longer open, whoever or whatever closed it
    ENDED = "ended"  # a run has come to its end
    REMINDED = "reminded"  # nobody has answered, or taken what was escalated
    SAID = "said"  # words of a person or a program, to whom they named: a test of a channel, the Python API


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one approval is about. `effects` are lines such as `writes /etc/x`; `expires_at` is in epoch seconds."""

    id: str
    digest: str
    status: str
    target: str
    command: str
    reason: str
    expires_at: float
    why: str = ""
    undo: str = ""
    persons: int = 1
    effects: tuple[str, ...] = ()
    decided_by: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One fact about a run. Every text in it may hold words from outside: a channel escapes what it renders.

    `status` is the run's; `run_id` is empty where it is about none. `text` is the plan, the summary of an ended run, or
    what a reminder or somebody says. `at` is in epoch seconds. `link` is where a person sees the run; empty where
    nobody said what this server is called outside. A reminder names the `escalation` it belongs to, and who has said
    that they are looking.
    """

    kind: MessageKind
    tenant: str
    run_id: str
    at: float
    title: str
    text: str = ""
    status: str = ""
    verified: str = ""
    priority: Priority = Priority.MEDIUM
    environment: str = ""
    ticket_id: str = ""
    target: str = ""
    source: str = ""
    link: str = ""
    question: Question | None = None
    escalation: str = ""
    acknowledged_by: str = ""

    @property
    def about(self) -> str:
        """The same for every message about the same thing: a question, or the run."""
        return self.question.id if self.question else self.run_id

    def to_json(self) -> str:
        """As text for the outbox."""
        return json.dumps(asdict(self), ensure_ascii=False)


def message_of(text: str) -> Message:
    """The message in a notice's body. ValueError where it holds none."""
    try:
        raw = json.loads(text)
        question = raw.pop("question", None)
        asked = Question(**{**question, "effects": tuple(question["effects"])}) if question else None
        kind, priority = MessageKind(raw.pop("kind")), Priority(raw.pop("priority"))
        return Message(**raw, kind=kind, priority=priority, question=asked)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no message: {error}") from error


def of_question(kind: MessageKind, run: Run, approval: Approval, at: float) -> Message:
    """What is said about a question that was asked or answered."""
    question = Question(
        id=approval.id,
        digest=approval.digest,
        status=approval.status.value,
        target=approval.target,
        command=approval.command,
        reason=approval.reason,
        expires_at=approval.expires_at,
        why=f"In the words of {approval.author}: {approval.why}" if approval.author else approval.why,
        undo=approval.undo,
        persons=approval.persons,
        effects=effects_of(approval.manifest),
        decided_by=approval.decided_by,
        notes=approval.notes,
    )
    return replace(_of_run(kind, run, at), title=approval.title or run.task, target=approval.target, question=question)


def of_words(tenant: str, title: str, text: str, at: float) -> Message:
    """Words somebody wants told."""
    return Message(kind=MessageKind.SAID, tenant=tenant, run_id="", at=at, title=title, text=text)


def of_plan(run: Run, plan: str, at: float) -> Message:
    """What is said when a run has a plan."""
    return replace(_of_run(MessageKind.PLANNED, run, at), text=plan)


def of_end(run: Run, ticket: Ticket | None, at: float) -> Message:
    """What is said when a run has ended."""
    said = replace(_of_run(MessageKind.ENDED, run, at), text=run.result.summary if run.result else run.error)
    return replace(said, title=ticket.title, environment=ticket.environment) if ticket else said


def of_reminder(escalation: Escalation, case: Case, text: str, at: float) -> Message:
    """What is said while nobody reacts, and when somebody does."""
    run = case.run
    if case.approval is not None and run is not None:
        said = of_question(MessageKind.REMINDED, run, case.approval, at)
    elif run is not None:
        said = replace(_of_run(MessageKind.REMINDED, run, at), title=case.title)
    else:
        said = Message(kind=MessageKind.REMINDED, tenant=case.tenant, run_id="", at=at, title=case.title)
    return replace(
        said,
        text=text,
        priority=escalation.priority,
        environment=escalation.environment,
        ticket_id=escalation.ticket_id,
        escalation=escalation.id,
        acknowledged_by=escalation.acknowledged_by,
    )


def _of_run(kind: MessageKind, run: Run, at: float) -> Message:
    return Message(
        kind=kind,
        tenant=run.tenant,
        run_id=run.id,
        at=at,
        title=run.task,
        status=run.status.value,
        verified=run.verified.value if run.verified else "",
        priority=run.priority,
        ticket_id=run.ticket_id,
        target=run.connection,
        source=run.source.value,
    )


def minute(at: float) -> str:
    """A moment (epoch seconds) as messages say it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def effects_of(manifest: Manifest) -> tuple[str, ...]:
    """The manifest in short lines, what is worst first."""
    named = (
        ("deletes", manifest.deletes),
        ("writes", manifest.writes),
        ("starts or stops", manifest.services),
        ("signals", manifest.processes),
        ("contacts", manifest.contacts),
        ("executes", manifest.executes),
        ("needs", manifest.actions),
        ("reads what is sensitive:", manifest.sensitive),
    )
    lines = [f"was written by {manifest.author}, not by a person"] if manifest.author else []
    lines += [f"{verb} {what}" for verb, found in named for what in found]
    lines += ["with more rights than its user"] if manifest.privileged else []
    lines += ["cannot be taken back"] if manifest.reversible is False else []
    return tuple(lines)
