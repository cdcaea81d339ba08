"""What is known about a run: its steps and its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, literal_column, select

from opsagent.adapters.stores.codec import decode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.run_rows import OF_RUN, of_run
from opsagent.adapters.stores.tables import events, runs, steps
from opsagent.adapters.stores.timeline import write_events
from opsagent.domain.event import RunEvent
from opsagent.domain.run import Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import NotFound
from opsagent.ports.clock import Clock

_STEPS = (
    select(steps.c.body)
    .where(steps.c.tenant == bindparam("of_tenant"), steps.c.run_id == bindparam("of_run"))
    .order_by(steps.c.number)
)
_NOBODY_KNOWS: ColumnElement[str] = literal_column(f"'{StepStatus.UNKNOWN}'")  # a bound value would miss the index
_LAST = select(runs.c.last_event).where(OF_RUN)


class SqlJournal:
    """JournalStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def steps(self, tenant: str, run_id: str) -> Sequence[Step]:
        """All steps of a run by number."""

        def work(connection: Connection) -> list[Step]:
            return [decode(Step, body) for body in connection.execute(_STEPS, of_run(tenant, run_id)).scalars()]

        return await self._engine.read(work)

    async def steps_by_id(self, tenant: str, ids: Sequence[str]) -> Sequence[Step]:
        """The steps that are there, in no order."""
        query = select(steps.c.body).where(steps.c.tenant == tenant, steps.c.id.in_(ids))
        return await self._engine.read(
            lambda connection: [decode(Step, body) for body in connection.execute(query).scalars()]
        )

    async def unknown(self, tenant: str, *, run_id: str = "", limit: int = 100) -> Sequence[tuple[Run, Step]]:
        """Steps whose end nobody knows, of runs that wait for a person to say it, the oldest first."""
        query = _unknown(select(runs.c.body.label("run"), steps.c.body.label("step")), tenant)
        if run_id:
            query = query.where(steps.c.run_id == run_id)
        query = query.order_by(steps.c.created_at, steps.c.id).limit(limit)

        def work(connection: Connection) -> list[tuple[Run, Step]]:
            return [(decode(Run, row.run), decode(Step, row.step)) for row in connection.execute(query)]

        return await self._engine.read(work)

    async def count_unknown(self, tenant: str) -> int:
        """How many those are in all."""
        query = _unknown(select(func.count()), tenant)
        return await self._engine.read(lambda connection: connection.execute(query).scalar_one())

    async def events(self, tenant: str, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[RunEvent]:
        """Events with a sequence above `after`, in order."""
        query = (
            select(events.c.body)
            .where(events.c.tenant == tenant, events.c.run_id == run_id, events.c.sequence > after)
            .order_by(events.c.sequence)
            .limit(limit)
        )

        def work(connection: Connection) -> list[RunEvent]:
            return [decode(RunEvent, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def newest(self, tenant: str, run_id: str) -> int:
        """The number of the last event. NotFound."""

        def work(connection: Connection) -> int:
            last = connection.execute(_LAST, of_run(tenant, run_id)).scalar_one_or_none()
            if last is None:
                raise NotFound(f"There is no run {run_id}.", fix="List the runs; ended ones are deleted after 30 days.")
            return int(last)

        return await self._engine.read(work)

    async def append(self, events: Sequence[RunEvent]) -> Sequence[RunEvent]:
        """Number and store events outside a save; returns them numbered. StoreUnavailable; NotFound without the run."""
        lines = tuple(events)
        return await self._engine.write(
            "journal.append", lambda connection: write_events(connection, lines, self._clock.now())
        )


def _unknown(query: Select[Any], tenant: str) -> Select[Any]:
    return query.select_from(steps.join(runs, (runs.c.tenant == steps.c.tenant) & (runs.c.id == steps.c.run_id))).where(
        steps.c.tenant == tenant,
        steps.c.status == _NOBODY_KNOWS,
        runs.c.status == RunStatus.AWAITING_APPROVAL.value,
    )
