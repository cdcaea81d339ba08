"""The tables of people and their sessions; see tables.py, whose rules hold here too."""

from __future__ import annotations

from sqlalchemy import Index, Table

from opsagent.adapters.stores.columns import count_column as _count
from opsagent.adapters.stores.columns import key_column as _key
from opsagent.adapters.stores.columns import metadata
from opsagent.adapters.stores.columns import text_column as _text
from opsagent.adapters.stores.columns import time_column as _time

people = Table(
    "people",
    metadata,
    _key("tenant"),
    _key("id"),
    _text("login"),
    _text("name_key"),  # the name with its case folded
    _text("subject"),
    _text("invitation_sha256"),
    _count("version"),
    _time("created_at"),
    _time("last_seen_at", optional=True),
    _text("body"),
    Index("people_by_login", "tenant", "login", unique=True),
    Index("people_by_name", "tenant", "name_key", unique=True),
)
_from_outside = people.c.subject != ""
Index(
    "people_by_subject",
    people.c.tenant,
    people.c.subject,
    unique=True,
    sqlite_where=_from_outside,
    postgresql_where=_from_outside,
)
_invited = people.c.invitation_sha256 != ""
Index(
    "people_by_invitation",
    people.c.invitation_sha256,
    unique=True,
    sqlite_where=_invited,
    postgresql_where=_invited,
)

browser_sessions = Table(
    "browser_sessions",
    metadata,
    _key("tenant"),
    _key("id_sha256"),
    _text("means"),
    _text("person_id"),
    _text("key_sha256"),
    _count("generation"),
    _time("created_at"),
    _time("seen_at"),
    _time("ends_at"),
    Index("browser_sessions_by_id", "id_sha256", unique=True),
    Index("browser_sessions_oldest", "ends_at"),
)
