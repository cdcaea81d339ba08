"""The tables: typed columns for what is looked up or read by people, and `body`, the whole noun as JSON.

Where a column and the body disagree the column holds: it is what the conditional writes move. Times are epoch
seconds. Every primary key starts with the tenant. A change here needs a migration (`migrations/versions`); a test
compares the two.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text, false, text

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

runs = Table(
    "runs",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("source"),
    _text("status"),
    _text("task"),
    _text("requested_by"),
    _text("next_node"),
    _text("ticket_id"),
    _text("runbook_id"),
    _time("created_at"),
    _time("updated_at"),
    _time("started_at", optional=True),
    _time("completed_at", optional=True),
    Column("ttl", BigInteger),  # epoch second at which an ended run is deleted
    _count("priority_rank"),
    _time("due_at", optional=True),
    Column("woken", Boolean, nullable=False, server_default=false()),  # due_at was set by a person: no save moves it
    _count("fence", "0"),
    Column("lease_worker", Text),
    _time("lease_until", optional=True),
    Column("cancel_by", Text),  # who asked to cancel it; no save ever overwrites it
    _count("last_event", "0"),
    _count("version"),
    _text("body"),
)
Index("runs_newest", runs.c.tenant, runs.c.created_at, runs.c.id)
Index("runs_newest_by_source", runs.c.tenant, runs.c.source, runs.c.created_at, runs.c.id)
Index("runs_newest_by_status", runs.c.tenant, runs.c.status, runs.c.created_at, runs.c.id)
Index("runs_newest_by_both", runs.c.tenant, runs.c.source, runs.c.status, runs.c.created_at, runs.c.id)
_due = runs.c.due_at.is_not(None)
Index(
    "runs_due",
    runs.c.tenant,
    runs.c.priority_rank,
    runs.c.due_at,
    runs.c.lease_until,
    runs.c.id,
    sqlite_where=_due,
    postgresql_where=_due,
)
_ended = runs.c.ttl.is_not(None)
Index("runs_ttl", runs.c.ttl, sqlite_where=_ended, postgresql_where=_ended)
_of_ticket = runs.c.ticket_id != ""
Index(
    "runs_of_ticket",
    runs.c.tenant,
    runs.c.ticket_id,
    runs.c.completed_at,
    sqlite_where=_of_ticket,
    postgresql_where=_of_ticket,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _key("tenant"),
    _key("key"),
    _text("request_sha256"),
    _text("run_id"),
    _time("created_at"),
    Index("idempotency_keys_of_run", "tenant", "run_id"),
)

steps = Table(
    "steps",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("run_id"),
    _count("number"),
    _count("attempt"),
    _text("name"),
    _text("phase"),
    _text("status"),
    _text("command"),
    _time("claimed_at", optional=True),
    _time("created_at"),
    _time("updated_at"),
    _text("body"),
    Index("steps_of_run", "tenant", "run_id", "number", unique=True),
)
_nobody_knows = steps.c.status == "unknown"
Index(
    "steps_unknown",
    steps.c.tenant,
    steps.c.created_at,
    steps.c.id,
    sqlite_where=_nobody_knows,
    postgresql_where=_nobody_knows,
)

events = Table(
    "events",
    metadata,
    _key("tenant"),
    _key("run_id"),
    Column("sequence", Integer, primary_key=True, autoincrement=False, nullable=False),
    _time("created_at"),
    _text("type"),
    _text("node"),
    _text("body"),
)

approvals = Table(
    "approvals",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("run_id"),
    _text("step_id"),
    _count("step_number"),
    _text("status"),
    _text("target"),
    _text("command"),
    _text("digest"),
    _time("requested_at"),
    _time("expires_at"),
    _time("decided_at", optional=True),
    _text("decided_by"),
    _time("used_at", optional=True),
    Column("likeness", Text, nullable=False, server_default=""),
    _text("body"),
    Index("approvals_alike", "tenant", "likeness", "decided_at"),
    Index("approvals_by_status", "tenant", "status", "requested_at", "id"),
    Index("approvals_of_run", "tenant", "run_id", "requested_at", "id"),
)

effects = Table(
    "effects",
    metadata,
    _key("tenant"),
    _key("step_id"),
    Column("attempt", Integer, primary_key=True, autoincrement=False, nullable=False),
    _text("run_id"),
    _text("target"),
    _text("digest"),
    _time("claimed_at"),
    _time("ended_at", optional=True),
    Index("effects_on_target", "tenant", "target", "claimed_at"),
    Index("effects_of_run", "tenant", "run_id"),
)

target_locks = Table("target_locks", metadata, _key("tenant"), _key("target"), _text("step_id"), _time("taken_at"))

tickets = Table(
    "tickets",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("fingerprint"),
    _text("name"),
    _text("title"),
    _text("source"),
    _text("priority"),
    _text("environment"),
    _text("status"),
    _count("signals"),
    Column("firing", Boolean, nullable=False),
    Column("silenced", Text, nullable=False, server_default=""),
    _text("run_id"),
    _time("created_at"),
    _time("updated_at"),
    _time("closed_at", optional=True),
    _count("version"),
    _text("body"),
    _count("members", "1"),
    _count("members_firing", "1"),
    _count("recurrences", "0"),
    Column("flapping_until", Double, nullable=False, server_default="0"),
    Column("group_key", Text, nullable=False, server_default=""),  # empty once it takes in no others any more
    Column("grouped_at", Double, nullable=False, server_default="0"),  # when the latest alert joined it
    Column("storm_key", Text, nullable=False, server_default=""),
    Index("tickets_newest", "tenant", "created_at", "id"),
    Index("tickets_newest_by_status", "tenant", "status", "created_at", "id"),
    Index("tickets_newest_by_priority", "tenant", "status", "priority", "created_at", "id"),
    Index("tickets_of_fingerprint", "tenant", "fingerprint", "created_at", "id"),
)
_open = tickets.c.status.in_(["open", "escalated"])
Index(
    "tickets_one_open", tickets.c.tenant, tickets.c.fingerprint, unique=True, sqlite_where=_open, postgresql_where=_open
)
_takes_in = tickets.c.group_key != ""
Index(
    "tickets_one_group",
    tickets.c.tenant,
    tickets.c.group_key,
    unique=True,
    sqlite_where=_takes_in,
    postgresql_where=_takes_in,
)
_counted = tickets.c.storm_key != ""
Index(
    "tickets_of_storm",
    tickets.c.tenant,
    tickets.c.storm_key,
    tickets.c.created_at,
    sqlite_where=_counted,
    postgresql_where=_counted,
)

_hushed = tickets.c.silenced != ""
Index("tickets_silenced", tickets.c.tenant, tickets.c.id, sqlite_where=_hushed, postgresql_where=_hushed)

signals = Table(
    "signals",
    metadata,
    _key("tenant"),
    _key("ticket_id"),
    Column("number", Integer, primary_key=True, autoincrement=False, nullable=False),
    _text("source"),
    _text("delivery"),
    _text("status"),
    _time("received_at"),
    _text("body"),
)
_named = signals.c.delivery != ""
Index(
    "signals_delivery",
    signals.c.tenant,
    signals.c.source,
    signals.c.delivery,
    unique=True,
    sqlite_where=_named,
    postgresql_where=_named,
)

measurements = Table(
    "measurements",
    metadata,
    _key("tenant"),
    _key("fingerprint"),
    Column("healthy", Boolean, nullable=False),
    _time("at"),
    _text("text"),
)

connections = Table(
    "connections",
    metadata,
    _key("tenant"),
    _key("name"),
    _text("id"),
    _text("executor"),
    _text("reach"),
    _text("environment"),
    _text("credential"),
    _count("version"),
    _time("created_at"),
    _time("updated_at"),
    _time("deleted_at", optional=True),
    _text("body"),
    Index("connections_by_id", "tenant", "id", unique=True),
)

credentials = Table(
    "credentials",
    metadata,
    _key("tenant"),
    _key("name"),
    _text("kind"),
    _count("version"),
    Column("sealed", LargeBinary),  # the value under CREDENTIAL_ENCRYPTION_KEY; NULL where another vault has it
    _time("created_at"),
    _time("updated_at"),
    _text("body"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("secret_sha256"),
    _text("role"),
    _text("kind"),
    _text("name"),
    _time("created_at"),
    _time("revoked_at", optional=True),
    Index("api_keys_by_hash", "secret_sha256", unique=True),
)

notices = Table(
    "notices",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("run_id"),
    _text("channel"),
    _text("status"),
    _count("attempts"),
    _time("due_at"),
    _time("created_at"),
    _text("body"),
    Column("lane", Integer, nullable=False, server_default="1"),
    Column("place", Text, nullable=False, server_default=""),
    Index("notices_newest", "tenant", "created_at", "id"),
    Index("notices_newest_by_status", "tenant", "status", "created_at", "id"),
    Index("notices_of_run", "tenant", "run_id"),
)
_to_send = notices.c.status.in_(["pending", "sending"])
Index("notices_due", notices.c.lane, notices.c.due_at, sqlite_where=_to_send, postgresql_where=_to_send)

switches = Table(
    "switches",
    metadata,
    _key("tenant"),
    _key("name"),
    Column("value", Boolean, nullable=False),
    _text("set_by"),
    _time("set_at"),
)

freezes = Table("freezes", metadata, _key("tenant"), _key("id"), _time("starts_at"), _time("ends_at"), _text("body"))

chat_users = Table("chat_users", metadata, _key("tenant"), _key("chat"), _key("member"), _text("body"))
workspaces = Table("workspaces", metadata, _key("tenant"), _key("chat"), _key("id"))
Index("workspaces_by_id", workspaces.c.chat, workspaces.c.id, unique=True)

audit = Table(
    "audit",
    metadata,
    _key("tenant"),
    Column("sequence", Integer, primary_key=True, autoincrement=False, nullable=False),
    _time("at"),
    _text("actor"),
    _text("action"),
    _text("run_id"),
    _text("step_id"),
    _text("digest"),
    _text("detail"),
    _text("previous"),
    _text("hash"),
)
# Literal, so that a question with the same words finds the index.
ABOUT_TICKETS = text("action >= 'ticket.' AND action < 'ticket/'")
Index("audit_of_tickets", audit.c.tenant, audit.c.at, sqlite_where=ABOUT_TICKETS, postgresql_where=ABOUT_TICKETS)

counters = Table("counters", metadata, _key("tenant"), _key("name"), _count("value"))
