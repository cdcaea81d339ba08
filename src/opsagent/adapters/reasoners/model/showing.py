"""What a model is shown of a run: fenced, labelled as data, without secrets, and cut to a budget."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.connection import Connection
from opsagent.domain.event import cap
from opsagent.domain.outcome import Outcome
from opsagent.domain.runbook import Runbook
from opsagent.domain.step import Step
from opsagent.domain.ticket import Ticket
from opsagent.ports.reasoner import Part, Passage, Situation
from opsagent.ports.redact import Redactor

# Shares of the budget, of 100. What is not used by one is not given to another: a budget, not a puzzle.
_TASK, _TICKET, _RUNBOOKS, _CONNECTIONS, _PASSAGES, _STEPS, _PARTS = 12, 10, 10, 8, 20, 30, 10
_NEWEST = 2  # so many of the newest outputs share half of what steps may take
_LINE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Fence:
    """Marks a stretch as data from outside. The mark depends on the whole text, so that no text can hold its own."""

    mark: str

    def __call__(self, label: str, text: str) -> str:
        """The text between two lines nobody outside could have written."""
        return f"<<< data {self.mark}: {label}\n{text.rstrip()}\n>>> end {self.mark}"


def show(situation: Situation, budget: int, redact: Redactor, about: str = "") -> str:
    """The situation in about `budget` bytes at most. Secrets go before anything is cut: a cut leaves half of one."""
    parts = [
        ("the task", cap(redact(situation.run.task), _share(budget, _TASK))),
        ("the ticket", cap(redact(_ticket(situation.ticket)), _share(budget, _TICKET))),
        ("what was found out before, for this", _parts(situation.parts, _share(budget, _PARTS), redact)),
        ("runbooks that were found", _runbooks(situation.candidates, _share(budget, _RUNBOOKS))),
        ("connections in scope", _connections(situation, _share(budget, _CONNECTIONS))),
        ("the runbook or plan that is followed", _followed(situation, _share(budget, _RUNBOOKS))),
        ("what was asked to read on in", _passages(situation.passages, _share(budget, _PASSAGES))),
        ("steps so far and their outputs, the oldest first", _steps(situation.steps, _share(budget, _STEPS))),
        ("what this question is about", cap(redact(about), _share(budget, _TASK))),
    ]
    told = [(label, text) for label, text in parts if text]
    whole = "\n".join([situation.run.id, *(text for _, text in told)])
    fence = Fence(hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:12])
    return redact("\n\n".join(fence(label, text) for label, text in told))


def _share(budget: int, percent: int) -> int:
    return max(200, budget * percent // 100)


def _ticket(ticket: Ticket | None) -> str:
    if ticket is None:
        return ""
    lines = [f"alert: {ticket.name}", f"title: {ticket.title}", f"environment: {ticket.environment}"]
    lines += [f"label {name}: {value}" for name, value in sorted(ticket.labels.items())]
    lines += [f"annotation {name}: {value}" for name, value in sorted(ticket.annotations.items())]
    return "\n".join([*lines, ticket.description])


def _parts(parts: Sequence[Part], room: int, redact: Redactor) -> str:
    told = [f"{one.task}: {one.run.result.summary if one.run and one.run.result else 'nothing'}" for one in parts]
    return cap(redact("\n".join(told)), room)


def _runbooks(found: Sequence[Runbook], room: int) -> str:
    lines = []
    for runbook in found[:10]:
        about = runbook.summary or runbook.title
        lines.append(f"{runbook.id}: {about[:_LINE_CHARS]}" + ("" if runbook.executable else " (for reading only)"))
        lines += [f"  parameter {one.name} (must fit {one.pattern}) {one.description}" for one in runbook.parameters]
    return cap("\n".join(lines), room)


def _connections(situation: Situation, room: int) -> str:
    own = situation.run.connection
    ordered = sorted(situation.connections, key=lambda one: (one.name != own, one.name))
    return cap("\n".join(_connection(one, own) for one in ordered), room)


def _connection(connection: Connection, own: str) -> str:
    """Names and labels only: where it is and how it is opened is nobody's business there."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(connection.labels.items()))
    values = ", ".join(f"{{{{connection.{name}}}}}" for name in sorted(connection.values))
    words = [f"{connection.name}: takes {connection.language} commands", f"environment {connection.environment}"]
    words += [f"labels {labels}"] if labels else []
    words += [f"registered values {values}"] if values else []
    words += ["scratch space on this machine, no network"] if connection.is_scratch else []
    words += ["the run's own target"] if connection.name == own else []
    return "; ".join(words)


def _followed(situation: Situation, room: int) -> str:
    steps = situation.runbook.steps if situation.runbook else situation.run.plan.steps if situation.run.plan else ()
    title = situation.runbook.title if situation.runbook else situation.run.plan.reason if situation.run.plan else ""
    if not steps:
        return ""
    return cap("\n".join([title, *(f"{step.name} ({step.phase.value}): {step.text}" for step in steps)]), room)


def _passages(passages: Sequence[Passage], room: int) -> str:
    if not passages:
        return ""
    each = room // len(passages)
    told = [
        f"step {one.excerpt.step}, bytes {one.excerpt.start} to {one.excerpt.end}:\n{cap(one.text, each)}"
        for one in passages
    ]
    return "\n".join(told)


def _steps(steps: Sequence[Step], room: int) -> str:
    """Every step in a line; of the newest ones more of the output than of the older ones."""
    older = steps[:-_NEWEST]
    small = room // 2 // max(1, len(older))
    told = [_step(step, small) for step in older] + [_step(step, room // 2 // _NEWEST) for step in steps[-_NEWEST:]]
    return cap("\n".join(told), room + room // 4)


def _step(step: Step, room: int) -> str:
    verdict = f", {step.verdict.decision.value} by rule {step.verdict.rule}" if step.verdict else ""
    head = f"[{step.number}] {step.name}: {step.command.text[:_LINE_CHARS]}\n{step.status.value}{verdict}"
    told = step.told
    if told is None:
        return head + (f"; {step.why[:_LINE_CHARS]}" if step.why else "")
    return f"{head}; {_ended(told)}\n{cap(_output(told), max(120, room))}"


def _ended(outcome: Outcome) -> str:
    ran = outcome.note or ("stopped at its time limit" if outcome.timed_out else "")
    return f"exit {outcome.exit_code}" + (f"; {ran}" if ran else "")


def _output(outcome: Outcome) -> str:
    return outcome.stdout + (f"\n[stderr]\n{outcome.stderr}" if outcome.stderr else "")
