"""Ask: put one effect before people, bound to its digest, with an end."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from opsagent.domain.approval import Approval
from opsagent.domain.command import RESTORE, Command, digest
from opsagent.domain.connection import Connection
from opsagent.domain.run import Run
from opsagent.domain.step import Step, StepStatus
from opsagent.ports.clock import Clock, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Makes the question; `expiry_s` is how long it may be answered and used, in seconds."""

    clock: Clock
    ids: Ids
    expiry_s: float

    def __call__(self, run: Run, step: Step, connection: Connection, *, title: str) -> tuple[Step, Approval]:
        """The step waiting, and the question about exactly what it would do now."""
        if step.verdict is None:
            raise ValueError("only a judged step can be asked about")
        now = self.clock.now()
        approval = Approval(
            id=self.ids.uuid(),
            tenant=run.tenant,
            run_id=run.id,
            step_id=step.id,
            step_number=step.number,
            attempt=step.attempt,
            digest=step.digest,
            target=connection.name,
            command=step.command.shown,
            manifest=step.verdict.manifest,
            requested_at=now,
            expires_at=now + self.expiry_s,
            why=step.why,
            title=title,
            task=run.task,
            runbook_id=run.runbook_id,
            undo=_taken_back_by(step.command),
            undo_manifest=step.verdict.undo,
            reason=step.verdict.reason,
            persons=step.verdict.persons,
            four_eyes=step.verdict.four_eyes,
            started_by=run.started_by,
            likeness=_likeness(run, step),
        )
        waiting = step if step.status is StepStatus.AWAITING_APPROVAL else step.move(StepStatus.AWAITING_APPROVAL, now)
        return replace(waiting, approval_id=approval.id), approval


def _taken_back_by(command: Command) -> str:
    """Its undo as people read it: with the paths it would write over."""
    restores = command.undo == RESTORE and command.keeps
    return f"{command.undo}: {', '.join(command.keeps)}" if restores else command.undo


def _likeness(run: Run, step: Step) -> str:
    """The same step of the same runbook, whatever its values; without a runbook the same command."""
    about = [run.runbook_id, step.name] if run.runbook_id else [step.command.executor, step.command.text]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def digest_of(step: Step) -> str:
    """The digest of what this attempt would do (DESIGN 6)."""
    return digest(step.command, tenant=step.tenant, run_id=step.run_id, step_id=step.id, attempt=step.attempt)
