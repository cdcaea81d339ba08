"""Whether an effect may start: asked and answered in the very transaction that stores its step as claimed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from opsagent.adapters.stores.approval_rows import use_approval
from opsagent.adapters.stores.run_rows import is_run
from opsagent.adapters.stores.switch_rows import read_switches
from opsagent.adapters.stores.tables import effects, runs, steps, target_locks
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.step import StepStatus
from opsagent.errors import Disabled, IllegalMove, TargetBusy
from opsagent.ports.stores import EffectClaim, Lease

_HOUR_S = 3600.0
_MAY_RUN = (StepStatus.CLAIMED.value, StepStatus.UNKNOWN.value)


def claim_effect(connection: Connection, lease: Lease, claim: EffectClaim, now: float) -> None:
    """Everything `EffectClaim` says, or its error; then the effect is on record and the target is taken."""
    if claim.target:
        _refuse_stopped(connection, lease)
    if claim.approval_id:
        use_approval(connection, lease, claim, now)
    if not claim.target:
        return  # a read holds nothing back
    _take_target(connection, lease, claim, now)
    _refuse_hot(connection, lease.tenant, claim, now)
    row = {
        "tenant": lease.tenant,
        "step_id": claim.step_id,
        "attempt": claim.attempt,
        "run_id": lease.run_id,
        "target": claim.target,
        "digest": claim.digest,
        "claimed_at": now,
    }
    try:
        connection.execute(insert(effects), row)
    except IntegrityError as error:
        raise IllegalMove(
            f"Attempt {claim.attempt} of step {claim.step_id} was claimed before; it is never run again by itself.",
            fix="Resolve the step; running it again is a new attempt with a new approval.",
        ) from error


def release_target(connection: Connection, tenant: str, step_id: str, now: float) -> None:
    """Free the target that step holds; its effect counts as ended now, which is where cooling down begins."""
    connection.execute(delete(target_locks).where(target_locks.c.tenant == tenant, target_locks.c.step_id == step_id))
    connection.execute(
        update(effects)
        .where(effects.c.tenant == tenant, effects.c.step_id == step_id, effects.c.ended_at.is_(None))
        .values(ended_at=now)
    )


def _refuse_stopped(connection: Connection, lease: Lease) -> None:
    if read_switches(connection, lease.tenant)["paused"]:
        raise Disabled("OpsAgent is paused: no effect may start.", fix="Resume with `opsagent resume`.")
    by = connection.execute(select(runs.c.cancel_by).where(is_run(lease.tenant, lease.run_id))).scalar_one()
    if by is not None:
        raise Disabled(f"{by} asked to cancel this run: no effect may start.", fix="Retry the run: it asks again.")


def _take_target(connection: Connection, lease: Lease, claim: EffectClaim, now: float) -> None:
    lock = and_(target_locks.c.tenant == lease.tenant, target_locks.c.target == claim.target)
    holder = connection.execute(select(target_locks.c.step_id).where(lock).with_for_update()).scalar_one_or_none()
    if holder is not None and holder != claim.step_id and _may_run(connection, lease.tenant, holder):
        raise TargetBusy(
            f"Step {holder} holds {claim.target}, or nobody knows how it ended: one effect at a time.",
            fix=f"Wait for it, or resolve step {holder} if it is unknown.",
            extra={"heldBy": holder},
        )
    row = {"tenant": lease.tenant, "target": claim.target, "step_id": claim.step_id, "taken_at": now}
    upsert(connection, target_locks, [row])


def _may_run(connection: Connection, tenant: str, step_id: str) -> bool:
    status = connection.execute(
        select(steps.c.status).where(steps.c.tenant == tenant, steps.c.id == step_id)
    ).scalar_one_or_none()
    return status in _MAY_RUN


def _refuse_hot(connection: Connection, tenant: str, claim: EffectClaim, now: float) -> None:
    here: ColumnElement[bool] = and_(effects.c.tenant == tenant, effects.c.target == claim.target)
    if claim.cooldown_s > 0:
        ended: Any = func.max(func.coalesce(effects.c.ended_at, effects.c.claimed_at))
        last = connection.execute(select(ended).where(here)).scalar_one()
        left = last + claim.cooldown_s - now if last is not None else 0.0
        if left > 0:
            raise TargetBusy(
                f"{claim.target} cools down for {left:.0f} s more after the last effect on it.",
                fix="Wait; or let an admin shorten the cool-down.",
                extra={"retryAfter": left},
            )
    if claim.per_hour > 0:
        recent = and_(here, effects.c.claimed_at > now - _HOUR_S)
        count, first = connection.execute(select(func.count(), func.min(effects.c.claimed_at)).where(recent)).one()
        if count >= claim.per_hour:
            raise TargetBusy(
                f"{claim.target} had {count} effects within an hour; the cap is {claim.per_hour}.",
                fix="Look at why it needs so many; wait, or let an admin raise the cap.",
                extra={"retryAfter": first + _HOUR_S - now},
            )
