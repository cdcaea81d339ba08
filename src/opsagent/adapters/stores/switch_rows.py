"""A person's switches, as read inside other transactions."""

from __future__ import annotations

from sqlalchemy import Connection, select

from opsagent.adapters.stores.tables import switches

EVERYWHERE = "*"
PAUSED, ACTING = "paused", "acting"


def read_switches(connection: Connection, tenant: str) -> dict[str, bool]:
    """`paused`: the tenant's or the installation's; `acting`: the tenant's own, else the installation's, else off."""
    rows = connection.execute(
        select(switches.c.tenant, switches.c.name, switches.c.value).where(switches.c.tenant.in_([tenant, EVERYWHERE]))
    )
    found = {(row.tenant, row.name): bool(row.value) for row in rows}
    return {
        PAUSED: found.get((tenant, PAUSED), False) or found.get((EVERYWHERE, PAUSED), False),
        ACTING: found.get((tenant, ACTING), found.get((EVERYWHERE, ACTING), False)),
    }
