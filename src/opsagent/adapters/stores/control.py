"""A person's switches: cancel, pause, acting, freezes, and the word on an unknown step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.changes import load_step, store_step
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.run_rows import OF_RUN, fetch, is_run, of_run, wake
from opsagent.adapters.stores.switch_rows import ACTING, PAUSED, read_switches
from opsagent.adapters.stores.tables import freezes, runs, switches
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.event import AuditEntry
from opsagent.domain.freeze import Freeze
from opsagent.domain.run import Run
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import IllegalMove, InputError, NotFound
from opsagent.ports.clock import Clock

_ANSWERS = {status.value: status for status in (StepStatus.HAPPENED, StepStatus.NOT_HAPPENED, StepStatus.ABORTED)}


_CANCEL = select(runs.c.cancel_by).where(OF_RUN)


class SqlControl:
    """ControlStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine = engine
        self._clock = clock
        self._chain = chain

    async def request_cancel(self, tenant: str, run_id: str, by: str) -> Run:
        """Mark the run to be cancelled and make it due at once; asking again changes nothing. NotFound, IllegalMove."""

        def work(connection: Connection) -> Run:
            now = self._clock.now()
            run = fetch(connection, tenant, run_id, lock=True)
            if run.ended:
                raise IllegalMove(f"Run {run_id} has ended ({run.status}).", fix="There is nothing left to cancel.")
            marked = connection.execute(
                update(runs)
                .where(is_run(tenant, run_id), runs.c.cancel_by.is_(None))
                .values(cancel_by=by)
                .returning(runs.c.id)
            ).first()
            if marked is None:
                return run
            wake(connection, tenant, run_id, now)
            self._chain.append(
                connection, [AuditEntry(tenant=tenant, at=now, actor=by, action="run.cancel_requested", run_id=run_id)]
            )
            return fetch(connection, tenant, run_id)

        return await self._engine.write("control.request_cancel", work)

    async def cancel_requested(self, tenant: str, run_id: str) -> bool:
        """Whether somebody asked to cancel it. NotFound."""

        def work(connection: Connection) -> bool:
            row = connection.execute(_CANCEL, of_run(tenant, run_id)).first()
            if row is None:
                raise NotFound(f"There is no run {run_id}.", fix="List the runs.")
            return row.cancel_by is not None

        return await self._engine.read(work)

    async def set_switch(self, tenant: str, name: str, value: bool, by: str) -> None:
        """Set `paused` or `acting`; tenant `*` is the whole installation. InputError for another name."""
        if name not in {PAUSED, ACTING}:
            raise InputError(f"There is no switch {name!r}.", fix="The switches are `paused` and `acting`.")

        def work(connection: Connection) -> None:
            now = self._clock.now()
            row = {"tenant": tenant, "name": name, "value": value, "set_by": by, "set_at": now}
            upsert(connection, switches, [row])
            action = f"switch.{name}.{'on' if value else 'off'}"
            self._chain.append(connection, [AuditEntry(tenant=tenant, at=now, actor=by, action=action)])

        await self._engine.write("control.set_switch", work)

    async def switches(self, tenant: str) -> Mapping[str, bool]:
        """`paused`: the tenant's or the installation's; `acting`: the tenant's own, else the installation's."""
        return await self._engine.read(lambda connection: read_switches(connection, tenant))

    async def resolve_step(self, tenant: str, run_id: str, step_id: str, *, answer: str, by: str) -> Step:
        """A person's word on an unknown step. NotFound; IllegalMove; InputError for another answer."""
        status = _ANSWERS.get(answer)
        if status is None:
            raise InputError(f"{answer!r} is no answer.", fix=f"Say one of: {', '.join(_ANSWERS)}.")

        def work(connection: Connection) -> Step:
            now = self._clock.now()
            body = load_step(connection, tenant, run_id, step_id)
            if body is None:
                raise NotFound(f"Run {run_id} has no step {step_id}.", fix="Look at the steps of the run.")
            step = decode(Step, body)
            if step.status is not StepStatus.UNKNOWN:
                raise IllegalMove(f"Step {step_id} is {step.status}, not unknown.", fix="Look at the run again.")
            resolved = step.move(status, now)
            store_step(connection, resolved)
            wake(connection, tenant, run_id, now)
            entry = AuditEntry(
                tenant=tenant,
                at=now,
                actor=by,
                action="step.resolved",
                run_id=run_id,
                step_id=step_id,
                digest=step.digest,
                detail={"answer": answer},
            )
            self._chain.append(connection, [entry])
            return resolved

        return await self._engine.write("control.resolve_step", work)

    async def freeze(self, freeze: Freeze) -> None:
        """Store a maintenance freeze; one with the same id is replaced. InputError when it ends before it starts."""
        if freeze.ends_at <= freeze.starts_at:
            raise InputError("The freeze ends before it starts.", fix="Give an end after the start.")

        def work(connection: Connection) -> None:
            row = {
                "tenant": freeze.tenant,
                "id": freeze.id,
                "starts_at": freeze.starts_at,
                "ends_at": freeze.ends_at,
                "body": encode(freeze),
            }
            upsert(connection, freezes, [row])
            self._note(connection, freeze.tenant, freeze.by, "freeze.set", freeze.id, freeze.reason)

        await self._engine.write("control.freeze", work)

    async def freezes(self, tenant: str) -> Sequence[Freeze]:
        """Those that have not ended, by their start."""
        query = (
            select(freezes.c.body)
            .where(freezes.c.tenant == tenant, freezes.c.ends_at > self._clock.now())
            .order_by(freezes.c.starts_at, freezes.c.id)
        )
        return await self._engine.read(
            lambda connection: [decode(Freeze, b) for b in connection.execute(query).scalars()]
        )

    async def lift(self, tenant: str, freeze_id: str, by: str) -> None:
        """End a freeze now. NotFound."""

        def work(connection: Connection) -> None:
            gone = connection.execute(
                delete(freezes).where(freezes.c.tenant == tenant, freezes.c.id == freeze_id).returning(freezes.c.id)
            ).first()
            if gone is None:
                raise NotFound(f"There is no freeze {freeze_id}.", fix="List them: opsagent freeze list.")
            self._note(connection, tenant, by, "freeze.lifted", freeze_id, "")

        await self._engine.write("control.lift", work)

    def _note(self, connection: Connection, tenant: str, by: str, action: str, freeze_id: str, reason: str) -> None:
        detail = {"freeze": freeze_id, "reason": reason}
        entry = AuditEntry(tenant=tenant, at=self._clock.now(), actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])
