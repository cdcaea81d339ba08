"""The tables of what triage remembers; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Table

from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

members = Table(
    "members",
    metadata,
    _key("tenant"),
    _key("ticket_id"),
    _key("fingerprint"),
    Column("open", Boolean, nullable=False),  # its ticket is
    Column("firing", Boolean, nullable=False),
    _text("service"),
    _text("environment"),
    _time("first_at"),
    _time("last_at"),
    _text("body"),
    Index("members_of_fingerprint", "tenant", "fingerprint", "last_at"),
    Index("members_alongside", "tenant", "service", "environment", "last_at", "fingerprint"),
)
Index(
    "members_one_open",
    members.c.tenant,
    members.c.fingerprint,
    unique=True,
    sqlite_where=members.c.open,
    postgresql_where=members.c.open,
)

endings = Table(
    "endings",
    metadata,
    _key("tenant"),
    _key("run_id"),
    _text("ticket_id"),
    _text("fingerprint"),
    _time("at"),
    _text("how"),
    _text("closing"),
    Column("score", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    _time("recurred_at", optional=True),
    _time("opened_at", optional=True),  # when its ticket was made
    _time("began_at", optional=True),  # when the problem began; at the first look of a ticket, so that it counts once
    Index("endings_of_fingerprint", "tenant", "fingerprint", "at"),
    Index("endings_of_ticket", "tenant", "ticket_id", "at"),
    Index("endings_newest", "tenant", "at", "how", "opened_at", "began_at"),
)
_automatic = endings.c.closing != "none"
Index(
    "endings_closed",
    endings.c.tenant,
    endings.c.at,
    endings.c.closing,
    endings.c.ticket_id,
    endings.c.recurred_at,
    sqlite_where=_automatic,
    postgresql_where=_automatic,
)

feedback = Table(
    "feedback",
    metadata,
    _key("tenant"),
    _key("ticket_id"),
    _text("run_id"),  # of the ending it is about; empty when there was none yet
    _text("fingerprint"),
    Column("real", Boolean, nullable=False),
    Column("score", Double),
    _text("by"),
    _text("note"),
    _time("at"),
    Index("feedback_of_fingerprint", "tenant", "fingerprint", "at"),
)

deployments = Table(
    "deployments",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("service"),
    _text("environment"),
    _text("version"),
    _text("by"),
    _time("at"),
    Index("deployments_newest", "tenant", "at", "id"),
    Index("deployments_of_service", "tenant", "service", "at", "id"),
)
