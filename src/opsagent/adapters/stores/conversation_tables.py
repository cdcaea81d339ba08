"""The tables of the chat; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

conversations = Table(
    "conversations",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("owner"),
    _text("title"),
    _count("lines"),
    _time("created_at"),
    _time("updated_at"),
    Index("conversations_newest", "tenant", "created_at", "id"),
    Index("conversations_of_owner", "tenant", "owner", "created_at", "id"),
    Index("conversations_oldest", "updated_at"),
)

conversation_lines = Table(
    "conversation_lines",
    metadata,
    _key("tenant"),
    _key("conversation_id"),
    Column("number", Integer, primary_key=True, autoincrement=False, nullable=False),
    Column("key", Text),  # NULL where nobody named the line
    _text("request_sha256"),
    _text("body"),
    Index("conversation_lines_by_key", "tenant", "conversation_id", "key", unique=True),
)
