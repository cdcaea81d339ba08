"""What waits for a person: open questions with what is known of the like, and steps whose end nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opsagent.domain.approval import Approval
from opsagent.domain.run import Run
from opsagent.domain.step import Step
from opsagent.ports.stores import ApprovalStore, JournalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An open question, its step if that is still there, and what people said to the like before, newest first."""

    approval: Approval
    step: Step | None
    alike: Sequence[Approval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The oldest of what waits; `total` counts all of it."""

    questions: Sequence[Question]
    unknown: Sequence[tuple[Run, Step]]
    total: int


async def waiting(
    approvals: ApprovalStore, journal: JournalStore, tenant: str, *, run_id: str = "", limit: int = 100
) -> Waiting:
    """At most `limit` of each kind, the oldest first; with `run_id` those of that run. `total` is the tenant's."""
    asked = await approvals.pending(tenant, run_id=run_id, limit=limit) if limit else ()
    steps = {one.id: one for one in await journal.steps_by_id(tenant, [one.step_id for one in asked])} if asked else {}
    return Waiting(
        questions=[
            Question(approval=one, step=steps.get(one.step_id), alike=await alike(approvals, one)) for one in asked
        ],
        unknown=await journal.unknown(tenant, run_id=run_id, limit=limit) if limit else (),
        total=await approvals.count_pending(tenant) + await journal.count_unknown(tenant),
    )


async def alike(approvals: ApprovalStore, approval: Approval) -> Sequence[Approval]:
    """What people said to questions like this one, newest first."""
    if not approval.likeness:
        return ()
    return [one for one in await approvals.alike(approval.tenant, approval.likeness) if one.id != approval.id]
