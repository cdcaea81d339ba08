"""Numbers that only grow: which version of a tenant's runbooks an index has seen, and the next position in a list."""

from __future__ import annotations

from sqlalchemy import Connection, select

from opsagent.adapters.stores.tables import counters
from opsagent.adapters.stores.upsert import upsert


def count(connection: Connection, tenant: str, name: str, *, lock: bool = False) -> int:
    """The present number; 0 before the first."""
    query = select(counters.c.value).where(counters.c.tenant == tenant, counters.c.name == name)
    value = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    return value or 0


def grow(connection: Connection, tenant: str, name: str) -> int:
    """The next number, stored."""
    value = count(connection, tenant, name, lock=True) + 1
    upsert(connection, counters, [{"tenant": tenant, "name": name, "value": value}])
    return value
