"""Which runs want a worker: the tenants take turns, so that one with a thousand urgent runs holds up no other."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Integer, Select, bindparam, func, or_, select

from opsagent.adapters.stores.tables import runs
from opsagent.ports.stores import DueRun

FREE = or_(runs.c.lease_until.is_(None), runs.c.lease_until <= bindparam("now"))
_COUNT = bindparam("count", type_=Integer)


def due_runs(connection: Connection, now: float, limit: int) -> list[DueRun]:
    """At most `limit` runs that are due and free: the first of each tenant, then the second of each, and so on.

    A tenant's runs, and the runs of one turn, come most urgent first, then oldest.
    """
    rows = connection.execute(_DUE, {"now": now, "count": limit})
    return [
        DueRun(tenant=row.tenant, run_id=row.id, priority_rank=row.priority_rank, due_at=row.due_at) for row in rows
    ]


def _by_turns() -> Select[tuple[str, str, int, float]]:
    """One step down the index for each tenant that has an open run, then its first `limit` rows: never a whole scan."""
    waits = runs.c.due_at.is_not(None)
    tenants = select(func.min(runs.c.tenant).label("tenant")).where(waits).cte("tenants", recursive=True)
    following = select(func.min(runs.c.tenant)).where(waits, runs.c.tenant > tenants.c.tenant).scalar_subquery()
    tenants = tenants.union_all(select(following).where(tenants.c.tenant.is_not(None)))
    own = runs.alias("own")
    urgency: tuple[ColumnElement[int], ColumnElement[float]] = (own.c.priority_rank, own.c.due_at)
    first = (
        select(runs.c.id)
        .where(runs.c.tenant == tenants.c.tenant, waits, runs.c.due_at <= bindparam("now"), FREE)
        .order_by(runs.c.priority_rank, runs.c.due_at)
        .limit(_COUNT)
        .correlate(tenants)
    )
    turn = func.row_number().over(partition_by=own.c.tenant, order_by=urgency)
    return (
        select(own.c.tenant, own.c.id, *urgency)
        .join_from(tenants, own, (own.c.tenant == tenants.c.tenant) & own.c.id.in_(first))
        .order_by(turn, *urgency)
        .limit(_COUNT)
    )


_DUE = _by_turns()
