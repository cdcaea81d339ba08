"""Writes everything one node of the loop has to say, in one transaction that only the holder of the lease can make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Integer, and_, bindparam, case, not_, or_, select, update

from opsagent.adapters.stores.approval_rows import save_approvals, withdraw_pending
from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import encode
from opsagent.adapters.stores.effects import claim_effect, release_target
from opsagent.adapters.stores.ending_rows import put_ending
from opsagent.adapters.stores.engine import Work
from opsagent.adapters.stores.notices import put_notices
from opsagent.adapters.stores.run_rows import OF_RUN, SAVED, columns_of, of_run
from opsagent.adapters.stores.run_texts import note_words
from opsagent.adapters.stores.tables import measurements, runs, steps
from opsagent.adapters.stores.ticket_rows import save_ticket
from opsagent.adapters.stores.timeline import write_events_if_possible
from opsagent.adapters.stores.upsert import upsert
from opsagent.adapters.stores.use_rows import note_use
from opsagent.domain.run import TERMINAL, Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import IllegalMove, InputError, LeaseLost
from opsagent.ports.clock import Clock
from opsagent.ports.stores import Change, EffectClaim, Lease
from opsagent.ports.tickets import Measurement

# Built once: building this statement would cost more than executing it. Columns are set from parameters of their name.
_SAVE = (
    update(runs)
    .where(OF_RUN, runs.c.fence == bindparam("of_fence"), runs.c.lease_worker == bindparam("of_worker"))
    .values({name: bindparam(name) for name in SAVED})
    .values(version=runs.c.version + 1, last_event=runs.c.last_event + bindparam("count", type_=Integer))
    .returning(runs.c.version, runs.c.due_at, runs.c.last_event)
)
_GO = _SAVE.values(due_at=case((runs.c.woken, runs.c.due_at), else_=bindparam("due")))
_END = _SAVE.values(due_at=None, woken=False, lease_worker=None, lease_until=None)
_SAYS_MORE = TERMINAL | {RunStatus.AWAITING_APPROVAL}  # it is bound to a runbook, or has an end, in words
_RESOLVED = (StepStatus.HAPPENED.value, StepStatus.NOT_HAPPENED.value, StepStatus.ABORTED.value)


class ChangeWriter:
    """Makes the work of a save."""

    def __init__(self, clock: Clock, chain: Chain) -> None:
        self._clock = clock
        self._chain = chain

    def prepare(self, lease: Lease, change: Change) -> Work[Run]:
        """The work that writes `change` and returns the run as stored.

        Raises InputError at once for rows of another run or tenant. The work raises LeaseLost (nothing is written
        behind a stale fence), what `EffectClaim` says, and IllegalMove when the ticket has been changed by others.
        """
        _refuse_foreign(lease, change)
        columns = columns_of(change.run)
        step_rows = [_step_row(step) for step in change.steps]

        def work(connection: Connection) -> Run:
            now = self._clock.now()
            stored, first = _save_run(connection, lease, change.run, columns, len(change.events), now)
            if step_rows:
                _save_steps(connection, step_rows)
            save_approvals(connection, change.approvals)
            if change.run.ended:
                withdraw_pending(connection, lease.tenant, lease.run_id)
                note_use(connection, change.run, now)
            if change.run.status in _SAYS_MORE:
                note_words(connection, [change.run])
            if change.release_target:
                release_target(connection, lease.tenant, change.release_target, now)
            if change.claim is not None:
                claim_effect(connection, lease, change.claim, now)
            if change.ticket is not None:
                save_ticket(connection, change.ticket)
            if change.ending is not None:
                put_ending(connection, change.ending)
            if change.measured is not None:
                _save_measurement(connection, change.measured)
            put_notices(connection, change.notices)
            self._chain.append(connection, change.audit)
            write_events_if_possible(connection, change.events, first, now)
            return stored

        return work


def _refuse_foreign(lease: Lease, change: Change) -> None:
    own = (lease.tenant, lease.run_id)
    of_the_run = {(change.run.tenant, change.run.id)}
    of_the_run |= {(step.tenant, step.run_id) for step in change.steps}
    of_the_run |= {(question.tenant, question.run_id) for question in change.approvals}
    of_the_run |= {(line.tenant, line.run_id) for line in change.events}
    tenants = {entry.tenant for entry in change.audit} | {notice.tenant for notice in change.notices}
    tenants |= {item.tenant for item in (change.ticket, change.measured, change.ending) if item is not None}
    if of_the_run != {own} or tenants - {lease.tenant}:
        raise InputError("The change holds rows of another run or tenant.", fix="Save each run under its own lease.")
    if change.claim is not None:
        _refuse_unfit(change.claim, change.steps)


def _refuse_unfit(claim: EffectClaim, saved: Sequence[Step]) -> None:
    """An effect is claimed together with its step, or a crash between the two would leave one without the other."""
    for step in saved:
        if (step.id, step.attempt, step.digest, step.status) == (
            claim.step_id,
            claim.attempt,
            claim.digest,
            StepStatus.CLAIMED,
        ):
            return
    raise IllegalMove(
        f"The claim of step {claim.step_id} does not come with that step, claimed and with the same digest.",
        fix="Save the claimed step in the same change.",
    )


def _save_run(
    connection: Connection, lease: Lease, run: Run, columns: dict[str, Any], count: int, now: float
) -> tuple[Run, int]:
    """The fenced write of the run's own row; returns the run as stored and the first of `count` event numbers."""
    values: dict[str, Any] = {
        **columns,
        **of_run(lease.tenant, lease.run_id),
        "of_fence": lease.fence,
        "of_worker": lease.worker,
        "count": count,
    }
    if run.ended:
        statement = _END
    else:
        asked = run.status is RunStatus.AWAITING_APPROVAL  # nobody else is woken by a person, so never without a time
        statement, values["due"] = _GO, run.due_at if asked or run.due_at is not None else now
    row = connection.execute(statement, values).first()
    if row is None:
        raise LeaseLost(
            f"Worker {lease.worker} no longer holds run {lease.run_id}; nothing of this change was stored.",
            fix="Stop working on it; whoever holds it now goes on.",
        )
    return replace(run, version=row.version, due_at=row.due_at), row.last_event - count + 1


def _step_row(step: Step) -> dict[str, Any]:
    return {
        "tenant": step.tenant,
        "id": step.id,
        "run_id": step.run_id,
        "number": step.number,
        "attempt": step.attempt,
        "name": step.name,
        "phase": step.phase.value,
        "status": step.status.value,
        "command": step.command.text,
        "claimed_at": step.claimed_at,
        "created_at": step.created_at,
        "updated_at": step.updated_at,
        "body": encode(step),
    }


def _save_steps(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or overwrite, except that a worker never takes back what a person or a probe has resolved before."""
    upsert(connection, steps, rows, only_if=_not_resolved)


def _not_resolved(new: Any) -> Any:
    resolved = or_(*[steps.c.status == status for status in _RESOLVED])  # IN does not go with several rows at once
    fits = or_(steps.c.status == new.status, new.status == StepStatus.UNDONE.value)
    return and_(steps.c.run_id == new.run_id, or_(not_(resolved), fits))


def store_step(connection: Connection, step: Step) -> None:
    """Overwrite one stored step: a person's answer about it."""
    row = _step_row(step)
    connection.execute(update(steps).where(steps.c.tenant == step.tenant, steps.c.id == step.id).values(row))


def load_step(connection: Connection, tenant: str, run_id: str, step_id: str) -> str | None:
    """The body of one step of a run, its row locked; None when there is no such step."""
    return connection.execute(
        select(steps.c.body)
        .where(steps.c.tenant == tenant, steps.c.run_id == run_id, steps.c.id == step_id)
        .with_for_update()
    ).scalar_one_or_none()


def _save_measurement(connection: Connection, measured: Measurement) -> None:
    row = {
        "tenant": measured.tenant,
        "fingerprint": measured.fingerprint,
        "healthy": measured.healthy,
        "at": measured.at,
        "text": measured.text,
    }
    upsert(connection, measurements, [row], only_if=_newer)


def _newer(new: Any) -> Any:
    return measurements.c.at <= new.at
