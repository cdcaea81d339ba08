"""The tables of schedules and silences; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Index, Table

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

schedules = Table(
    "schedules",
    metadata,
    _key("tenant"),
    _key("name"),
    _text("id"),
    _count("version"),
    _time("due_at", optional=True),  # as Schedule.due_at says; NULL where there is none
    _time("next_at", optional=True),
    _time("queued_at", optional=True),
    _time("taken_at", optional=True),
    _time("lock_until"),
    _time("last_at", optional=True),
    _text("last_run_id"),
    _text("body"),
)
_firing = schedules.c.due_at.is_not(None)
Index("schedules_due", schedules.c.due_at, sqlite_where=_firing, postgresql_where=_firing)

silences = Table("silences", metadata, _key("tenant"), _key("id"), _time("starts_at"), _time("ends_at"), _text("body"))
Index("silences_by_end", silences.c.tenant, silences.c.ends_at)

maintenance_windows = Table(
    "maintenance_windows", metadata, _key("tenant"), _key("name"), _text("id"), _count("version"), _text("body")
)
