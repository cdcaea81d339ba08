"""The tables of what intake keeps; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

quarantine = Table(
    "quarantine",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("source"),
    _time("received_at"),
    _count("size"),
    _count("times"),
    _text("why"),
    _text("fix"),
    _text("pointer"),
    _text("headers"),
    Column("raw", LargeBinary, nullable=False),
    Index("quarantine_newest", "tenant", "received_at", "id"),
)

heartbeats = Table(
    "heartbeats", metadata, _key("tenant"), _key("source"), _time("last_at"), _time("told_at", optional=True)
)
