"""The tables of the library: runbooks, their versions, their uses, drafts; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

runbooks = Table(
    "runbooks",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("title"),
    _text("version"),
    _count("revision"),
    _count("position"),
    _time("created_at"),
    _time("updated_at"),
    _time("deleted_at", optional=True),
    _text("body"),
    Index("runbooks_by_creation", "tenant", "position", unique=True),
)

runbook_versions = Table(
    "runbook_versions",
    metadata,
    _key("tenant"),
    _key("id"),
    Column("revision", Integer, primary_key=True, autoincrement=False, nullable=False),
    _text("version"),
    _time("stored_at"),
    _text("stored_by"),
    Column("note", Text, nullable=False, server_default=""),
    _text("body"),
    Index("runbook_versions_by_hash", "tenant", "id", "version"),
)

runbook_uses = Table(
    "runbook_uses",
    metadata,
    _key("tenant"),
    _key("id"),
    *[_count(name, "0") for name in ("used", "yes", "no", "not_measurable")],
    _time("last_at"),
    _text("last_run"),
    _text("last_result"),
)

drafts = Table(
    "drafts",
    metadata,
    _key("tenant"),
    _key("run_id"),
    _text("status"),
    _time("created_at"),
    _text("body"),
    Index("drafts_newest", "tenant", "status", "created_at", "run_id"),
)
