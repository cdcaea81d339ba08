"""The people of a chat: who a user is, and whose a workspace is."""

from __future__ import annotations

import pytest

from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.identity import Role
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.stores import Stores


def member(**changes: object) -> ChatUser:
    made = {"tenant": "acme", "chat": "slack", "user": "U1", "person": "ada", "role": Role.APPROVER}
    return ChatUser(**(made | changes))  # type: ignore[arg-type]


async def test_a_user_is_who_was_said_last(stores: Stores) -> None:
    first = await stores.chat_users.link(member(), "admin")
    assert first.created_at
    assert await stores.chat_users.find("acme", "slack", "U1") == first
    second = await stores.chat_users.link(member(person="grace", role=Role.VIEWER, workspace="T1"), "admin")
    assert await stores.chat_users.find("acme", "slack", "U1") == second
    assert await stores.chat_users.list("acme", "slack") == [second]


async def test_a_user_is_nobody_elsewhere(stores: Stores) -> None:
    await stores.chat_users.link(member(), "admin")
    for tenant, chat, user in (("other", "slack", "U1"), ("acme", "teams", "U1"), ("acme", "slack", "U2")):
        assert await stores.chat_users.find(tenant, chat, user) is None
    assert not await stores.chat_users.list("other", "slack")
    with pytest.raises(NotFound):
        await stores.chat_users.unlink("other", "slack", "U1", "admin")
    await stores.chat_users.unlink("acme", "slack", "U1", "admin")
    assert await stores.chat_users.find("acme", "slack", "U1") is None
    with pytest.raises(NotFound):
        await stores.chat_users.unlink("acme", "slack", "U1", "admin")


async def test_a_workspace_belongs_to_one_tenant(stores: Stores) -> None:
    assert await stores.chat_users.tenant_of("slack", "T1") == "default"
    mine = Workspace(chat="slack", id="T1", tenant="acme")
    await stores.chat_users.add_workspace(mine, "admin")
    await stores.chat_users.add_workspace(mine, "admin")
    assert await stores.chat_users.tenant_of("slack", "T1") == "acme"
    assert await stores.chat_users.tenant_of("slack", "T2") is None
    assert await stores.chat_users.tenant_of("teams", "T2") == "default"
    theirs = Workspace(chat="slack", id="T1", tenant="other")
    with pytest.raises(ConflictError):
        await stores.chat_users.add_workspace(theirs, "admin")
    with pytest.raises(NotFound):
        await stores.chat_users.remove_workspace(theirs, "admin")
    assert await stores.chat_users.workspaces("acme", "slack") == [mine]
    assert not await stores.chat_users.workspaces("other", "slack")
    await stores.chat_users.remove_workspace(mine, "admin")
    assert await stores.chat_users.tenant_of("slack", "T2") == "default"


async def test_every_change_is_in_the_record(stores: Stores) -> None:
    await stores.chat_users.link(member(), "admin")
    await stores.chat_users.unlink("acme", "slack", "U1", "admin")
    mine = Workspace(chat="slack", id="T1", tenant="acme")
    await stores.chat_users.add_workspace(mine, "admin")
    await stores.chat_users.add_workspace(mine, "admin")
    await stores.chat_users.remove_workspace(mine, "admin")
    entries = await stores.audit.list("acme")
    assert [entry.action for entry in entries] == [
        "chat_user.link", "chat_user.unlink", "workspace.add", "workspace.remove",
    ]  # fmt: skip
    assert entries[0].detail["person"] == "ada"
    assert {entry.actor for entry in entries} == {"admin"}
