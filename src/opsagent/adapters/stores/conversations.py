"""Conversations of the chat, and their lines."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.conversation_tables import conversation_lines, conversations
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.paging import newest_first, page_of
from opsagent.domain.conversation import KEPT_S, MAX_LINES, MAX_TITLE_CHARS, Conversation, Line
from opsagent.domain.event import AuditEntry
from opsagent.domain.page import Page
from opsagent.domain.visible import one_line
from opsagent.errors import ConflictError, IdempotencyMismatch, NotFound
from opsagent.ports.clock import Clock
from opsagent.ports.conversations import LineKey

_BATCH = 200  # conversations deleted in one transaction, as runs are


class SqlConversations:
    """ConversationStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine, self._clock, self._chain = engine, clock, chain

    async def create(self, conversation: Conversation) -> Conversation:
        """Store a new one."""

        def work(connection: Connection) -> Conversation:
            connection.execute(insert(conversations), asdict(conversation))
            return conversation

        return await self._engine.write("conversations.create", work)

    async def get(self, tenant: str, conversation_id: str) -> Conversation:
        """One. NotFound."""
        return await self._engine.read(lambda connection: _found(connection, tenant, conversation_id))

    async def list(self, tenant: str, *, owner: str = "", limit: int = 50, cursor: str = "") -> Page[Conversation]:
        """Newest first."""
        query = select(conversations).where(conversations.c.tenant == tenant)
        if owner:
            query = query.where(conversations.c.owner == owner)
        query = newest_first(query, conversations.c.created_at, conversations.c.id, limit=limit, cursor=cursor)
        rows = await self._engine.read(lambda connection: connection.execute(query).all())
        return page_of(rows, limit, _load)

    async def lines(self, tenant: str, conversation_id: str, *, after: int = 0, limit: int = 200) -> Sequence[Line]:
        """Lines above a number, in order."""
        query = (
            select(conversation_lines.c.body)
            .where(*_of(tenant, conversation_id), conversation_lines.c.number > after)
            .order_by(conversation_lines.c.number)
            .limit(limit)
        )

        def work(connection: Connection) -> builtins.list[Line]:
            return [decode(Line, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def append(self, line: Line, *, key: LineKey | None = None) -> Line:
        """Number and store it, or return what its key made. NotFound, IdempotencyMismatch, ConflictError."""

        def work(connection: Connection) -> Line:
            into = _found(connection, line.tenant, line.conversation_id)
            if key is not None and (known := _made(connection, line, key)) is not None:
                return known
            if into.lines >= MAX_LINES:
                raise ConflictError(f"This conversation has its {MAX_LINES} lines.", fix="Begin a new one.")
            stored = replace(line, number=into.lines + 1)
            row = {
                "tenant": line.tenant,
                "conversation_id": line.conversation_id,
                "number": stored.number,
                "key": key.key if key else None,
                "request_sha256": key.request_sha256 if key else "",
                "body": encode(stored),
            }
            connection.execute(insert(conversation_lines), row)
            title = into.title or one_line(line.text, MAX_TITLE_CHARS)
            this = (conversations.c.tenant == line.tenant, conversations.c.id == line.conversation_id)
            grown = {"lines": stored.number, "updated_at": line.at, "title": title}
            connection.execute(update(conversations).where(*this).values(grown))
            return stored

        return await self._engine.write("conversations.append", work)

    async def delete(self, tenant: str, conversation_id: str, by: str) -> None:
        """Remove it with its lines. NotFound."""

        def work(connection: Connection) -> None:
            gone = _found(connection, tenant, conversation_id)
            _remove(connection, tenant, conversation_id)
            detail = {"conversation": gone.id, "owner": gone.owner}
            entry = AuditEntry(
                tenant=tenant, at=self._clock.now(), actor=by, action="conversation.delete", detail=detail
            )
            self._chain.append(connection, [entry])

        await self._engine.write("conversations.delete", work)


def forget_conversations(connection: Connection, now: float) -> int:
    """Delete some of those nobody has added to for KEPT_S; how many there were."""
    past = (
        select(conversations.c.tenant, conversations.c.id)
        .where(conversations.c.updated_at <= now - KEPT_S)
        .limit(_BATCH)
    )
    found = connection.execute(past).all()
    for tenant, conversation_id in found:
        _remove(connection, tenant, conversation_id)
    return len(found)


def _load(row: Any) -> Conversation:
    return Conversation(
        id=row.id,
        tenant=row.tenant,
        owner=row.owner,
        created_at=row.created_at,
        updated_at=row.updated_at,
        title=row.title,
        lines=row.lines,
    )


def _of(tenant: str, conversation_id: str) -> tuple[Any, ...]:
    return (conversation_lines.c.tenant == tenant, conversation_lines.c.conversation_id == conversation_id)


def _found(connection: Connection, tenant: str, conversation_id: str) -> Conversation:
    query = select(conversations).where(conversations.c.tenant == tenant, conversations.c.id == conversation_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"There is no conversation {one_line(conversation_id, 80)}.", fix="List yours, or begin one.")
    return _load(row)


def _made(connection: Connection, line: Line, key: LineKey) -> Line | None:
    query = select(conversation_lines.c.request_sha256, conversation_lines.c.body).where(
        *_of(line.tenant, line.conversation_id), conversation_lines.c.key == key.key
    )
    known = connection.execute(query).first()
    if known is None:
        return None
    if known.request_sha256 != key.request_sha256:
        raise IdempotencyMismatch("This Idempotency-Key was used for another message.", fix="Use a new key.")
    return decode(Line, known.body)


def _remove(connection: Connection, tenant: str, conversation_id: str) -> None:
    connection.execute(delete(conversation_lines).where(*_of(tenant, conversation_id)))
    connection.execute(
        delete(conversations).where(conversations.c.tenant == tenant, conversations.c.id == conversation_id)
    )
