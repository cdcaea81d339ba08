"""The table of escalations; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Index, Table

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time
from opsagent.adapters.stores.tables import approvals, runs, tickets

escalations = Table(
    "escalations",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("occasion"),
    _text("subject"),
    _text("policy"),
    _count("recurrences"),
    _time("created_at"),
    _time("next_at", optional=True),
    _time("ended_at", optional=True),
    _text("ended"),
    _count("version"),
    _text("body"),
    Index("escalations_newest", "tenant", "created_at", "id"),
    Index("escalations_of_subject", "tenant", "occasion", "subject"),
)
_open = escalations.c.ended_at.is_(None)
Index("escalations_open", escalations.c.tenant, escalations.c.id, sqlite_where=_open, postgresql_where=_open)
_due = escalations.c.next_at.is_not(None)
Index("escalations_due", escalations.c.next_at, sqlite_where=_due, postgresql_where=_due)
_ended = escalations.c.ended_at.is_not(None)
Index("escalations_ended", escalations.c.ended_at, sqlite_where=_ended, postgresql_where=_ended)

# What escalations are about, of every tenant.
_asked = approvals.c.status == "pending"
Index("approvals_asked", approvals.c.tenant, approvals.c.id, sqlite_where=_asked, postgresql_where=_asked)
_failed = runs.c.status == "failed"
Index("runs_failed", runs.c.tenant, runs.c.id, runs.c.completed_at, sqlite_where=_failed, postgresql_where=_failed)
_standing = tickets.c.status.in_(["open", "escalated"])
Index("tickets_standing", tickets.c.tenant, tickets.c.id, sqlite_where=_standing, postgresql_where=_standing)
