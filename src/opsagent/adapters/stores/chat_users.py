"""The users and workspaces of chats, and who they are here."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from opsagent.adapters.stores.chain import Chain
from opsagent.adapters.stores.codec import decode, encode
from opsagent.adapters.stores.engine import Engine
from opsagent.adapters.stores.tables import chat_users, workspaces
from opsagent.adapters.stores.upsert import upsert
from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.event import AuditEntry
from opsagent.domain.identity import DEFAULT_TENANT
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.clock import Clock

# Made once: each slash command asks, and making a statement costs more than running it.
_OF_CHAT = workspaces.c.chat == bindparam("of_chat")
_OWNER = select(workspaces.c.tenant).where(_OF_CHAT, workspaces.c.id == bindparam("named"))
_ANY = select(exists().where(_OF_CHAT))
_OWNER_S = 5.0  # how long an owner is remembered: a change by another process is known after that at the latest
_MAX_OWNERS = 1024


class SqlChatUsers:
    """ChatUserStore over SQL."""

    def __init__(self, engine: Engine, clock: Clock, chain: Chain) -> None:
        self._engine, self._clock, self._chain = engine, clock, chain
        self._owners: dict[tuple[str, str], tuple[str, float]] = {}
        self._changes = 0

    async def link(self, member: ChatUser, by: str) -> ChatUser:
        """Store who a user is, instead of what was stored before; with an audit entry."""

        def work(connection: Connection) -> ChatUser:
            now = self._clock.now()
            stored = replace(member, created_at=now)
            row = {"tenant": member.tenant, "chat": member.chat, "member": member.user, "body": encode(stored)}
            upsert(connection, chat_users, [row])
            self._note(connection, member, by, now, "chat_user.link")
            return stored

        return await self._engine.write("chat_users.link", work)

    async def find(self, tenant: str, chat: str, user: str) -> ChatUser | None:
        """Who that user is."""
        query = select(chat_users.c.body).where(
            chat_users.c.tenant == tenant, chat_users.c.chat == chat, chat_users.c.member == user
        )
        body = await self._engine.read(lambda connection: connection.execute(query).scalar())
        return decode(ChatUser, body) if body else None

    async def list(self, tenant: str, chat: str) -> Sequence[ChatUser]:
        """All of a tenant's, by user."""
        query = (
            select(chat_users.c.body)
            .where(chat_users.c.tenant == tenant, chat_users.c.chat == chat)
            .order_by(chat_users.c.member)
        )

        def work(connection: Connection) -> builtins.list[ChatUser]:
            return [decode(ChatUser, body) for body in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def unlink(self, tenant: str, chat: str, user: str, by: str) -> None:
        """The user is nobody here from now on. NotFound."""

        def work(connection: Connection) -> None:
            gone = connection.execute(
                delete(chat_users)
                .where(chat_users.c.tenant == tenant, chat_users.c.chat == chat, chat_users.c.member == user)
                .returning(chat_users.c.body)
            ).scalar()
            if gone is None:
                raise NotFound(f"{user} is linked to nobody.", fix="List who is: opsagent slack people")
            self._note(connection, decode(ChatUser, gone), by, self._clock.now(), "chat_user.unlink")

        await self._engine.write("chat_users.unlink", work)

    async def add_workspace(self, workspace: Workspace, by: str) -> None:
        """Its commands belong to that tenant from now on. ConflictError when it is another tenant's."""

        def work(connection: Connection) -> None:
            this = (workspaces.c.chat == workspace.chat, workspaces.c.id == workspace.id)
            owner = connection.execute(select(workspaces.c.tenant).where(*this)).scalar()
            if owner == workspace.tenant:
                return
            if owner is not None:
                raise ConflictError(
                    f"The workspace {workspace.id} belongs to another tenant.", fix="Have its admin remove it first."
                )
            row = {"tenant": workspace.tenant, "chat": workspace.chat, "id": workspace.id}
            connection.execute(insert(workspaces), row)
            self._note_workspace(connection, workspace, by, "workspace.add")

        await self._engine.write("chat_users.add_workspace", work)
        self._forget_owners()

    async def remove_workspace(self, workspace: Workspace, by: str) -> None:
        """Forget it. NotFound."""

        def work(connection: Connection) -> None:
            gone = connection.execute(
                delete(workspaces)
                .where(
                    workspaces.c.tenant == workspace.tenant,
                    workspaces.c.chat == workspace.chat,
                    workspaces.c.id == workspace.id,
                )
                .returning(workspaces.c.id)
            ).scalar()
            if gone is None:
                raise NotFound(
                    f"There is no workspace {workspace.id}.", fix="List them with: opsagent slack workspaces"
                )
            self._note_workspace(connection, workspace, by, "workspace.remove")

        await self._engine.write("chat_users.remove_workspace", work)
        self._forget_owners()

    async def workspaces(self, tenant: str, chat: str) -> Sequence[Workspace]:
        """Those of a tenant."""
        query = (
            select(workspaces.c.id)
            .where(workspaces.c.tenant == tenant, workspaces.c.chat == chat)
            .order_by(workspaces.c.id)
        )

        def work(connection: Connection) -> builtins.list[Workspace]:
            return [Workspace(chat=chat, id=one, tenant=tenant) for one in connection.execute(query).scalars()]

        return await self._engine.read(work)

    async def tenant_of(self, chat: str, workspace: str) -> str | None:
        """Whose it is; of another process's changes, as it was at most 5 s ago."""
        known, changes = self._owners.get((chat, workspace)), self._changes
        if known is not None and self._clock.monotonic() < known[1]:
            return known[0]
        asked = {"of_chat": chat, "named": workspace}

        def work(connection: Connection) -> str | None:
            owner = connection.execute(_OWNER, asked).scalar()
            if owner is not None:
                return str(owner)
            return None if connection.execute(_ANY, asked).scalar() else DEFAULT_TENANT

        found = await self._engine.read(work)
        if found is not None and changes == self._changes:  # else what was read may be older than the change
            if len(self._owners) >= _MAX_OWNERS:
                self._owners.clear()
            self._owners[chat, workspace] = (found, self._clock.monotonic() + _OWNER_S)
        return found

    def _forget_owners(self) -> None:
        self._changes += 1
        self._owners.clear()

    def _note(self, connection: Connection, member: ChatUser, by: str, now: float, action: str) -> None:
        detail = {
            "chat": member.chat,
            "user": member.user,
            "workspace": member.workspace,
            "person": member.person,
            "role": member.role.value,
        }
        entry = AuditEntry(tenant=member.tenant, at=now, actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])

    def _note_workspace(self, connection: Connection, workspace: Workspace, by: str, action: str) -> None:
        detail = {"chat": workspace.chat, "workspace": workspace.id}
        entry = AuditEntry(tenant=workspace.tenant, at=self._clock.now(), actor=by, action=action, detail=detail)
        self._chain.append(connection, [entry])
