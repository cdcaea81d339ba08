"""Forgets escalations that ended long ago."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select, tuple_

from opsagent.adapters.stores.escalation_tables import escalations
from opsagent.adapters.stores.tables import tickets
from opsagent.adapters.stores.ticket_rows import OPEN
from opsagent.domain.escalation import FORGET_S
from opsagent.domain.escalation_policy import Occasion

_BATCH = 200


def forget(connection: Connection, now: float) -> int:
    """Delete some that ended more than 30 days ago; how many. Where the ticket is open it would begin anew."""
    still_open = (
        select(tickets.c.id)
        .where(
            tickets.c.tenant == escalations.c.tenant,
            tickets.c.id == escalations.c.subject,
            tickets.c.status.in_(OPEN),
        )
        .exists()
    )
    past = connection.execute(
        select(escalations.c.tenant, escalations.c.id)
        .where(escalations.c.ended_at.is_not(None), escalations.c.ended_at <= now - FORGET_S)
        .where((escalations.c.occasion != Occasion.TICKET_OPEN.value) | ~still_open)
        .limit(_BATCH)
    ).all()
    if past:
        which = [(tenant, escalation_id) for tenant, escalation_id in past]
        connection.execute(delete(escalations).where(tuple_(escalations.c.tenant, escalations.c.id).in_(which)))
    return len(past)
