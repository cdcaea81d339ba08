"""The local door, continued: runbooks, connections, keys, the policy and the record."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from opsagent.bootstrap import App
from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.connection import BUILT_IN_SANDBOX
from opsagent.domain.credential import Credential
from opsagent.domain.event import AuditEntry
from opsagent.domain.identity import Principal, Role
from opsagent.domain.policy import explain
from opsagent.errors import InputError, OpsAgentError
from opsagent.ports.executor import Executor, Order
from opsagent.web import catalogue_views, skill_views, views

if TYPE_CHECKING:
    from opsagent.web.bodies import Body

Json = dict[str, Any]
M = TypeVar("M", bound="Body")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCatalogue:
    """What is registered, read and changed through the app built here."""

    app: App
    principal: Principal

    def now(self) -> float:
        """Epoch seconds."""
        return self.app.clock.now()

    async def skills(self) -> Json:
        """What is on the shelves."""
        return dict(skill_views.skill_list(await self.app.agent.skills.all()))

    async def skill(self, name: str) -> Json:
        """One skill."""
        return dict(skill_views.skill_detail(await self.app.agent.skills.get(name)))

    async def skill_file(self, name: str, path: str) -> str:
        """One of its further files."""
        return await self.app.agent.skills.read(name, path)

    async def connections(self) -> Sequence[Json]:
        """All connections by name."""
        found = await self.app.stores.connections.list(self.principal.tenant)
        return [dict(catalogue_views.connection_json(one)) for one in found]

    async def connection(self, name: str) -> Json:
        """One connection."""
        found = await self.app.stores.connections.get(self.principal.tenant, name)
        return dict(catalogue_views.connection_json(found))

    async def put_connection(self, fields: Json) -> Json:
        """Store one."""
        from opsagent.web.connections import Registration

        name = connection_name(fields["name"])
        body = checked(Registration, {key: value for key, value in fields.items() if key != "name"})
        connection = body.connection(self.principal.tenant, name, self.app.ids.uuid(), self.now())
        self.app.check_connection(connection)
        stored = await self.app.stores.connections.put(connection, self.principal.id)
        return dict(catalogue_views.connection_json(stored))

    async def remove_connection(self, name: str) -> None:
        """Remove one."""
        await self.app.stores.connections.delete(self.principal.tenant, connection_name(name), self.principal.id)

    async def test_connection(self, name: str) -> Json:
        """Really connect, once with each account."""
        connection = await self.app.stores.connections.get(self.principal.tenant, name)
        return dict(catalogue_views.tested_json(await self.app.test_connection(connection)))

    async def credentials(self) -> Sequence[Json]:
        """All credentials by name, without values."""
        found = await self.app.stores.credentials.list(self.principal.tenant)
        return [dict(catalogue_views.credential_json(one)) for one in found]

    async def put_credential(self, name: str, fields: Json) -> Json:
        """Store a value."""
        from opsagent.web.credentials import NewCredential

        body = checked(NewCredential, fields)
        credential = Credential(
            id="",
            tenant=self.principal.tenant,
            name=connection_name(name),
            kind=body.kind,
            keeper=body.keeper,
            reference=body.reference,
            connections=tuple(body.connections),
        )
        values = {field: value.get_secret_value() for field, value in body.values.items()}
        return dict(catalogue_views.credential_json(await self.app.broker.keep(credential, values, self.principal.id)))

    async def remove_credential(self, name: str) -> None:
        """Remove one."""
        await self.app.stores.credentials.delete(self.principal.tenant, name, self.principal.id)

    async def link_slack(self, user: str, fields: Json) -> Json:
        """Say who a Slack user is."""
        from opsagent.web.slack_people import ChatUserLink

        body = checked(ChatUserLink, fields)
        member = ChatUser(
            tenant=self.principal.tenant,
            chat="slack",
            user=slack_id(user),
            person=body.person,
            role=Role(body.role),
            workspace=body.workspace,
        )
        return dict(catalogue_views.chat_user_json(await self.app.stores.chat_users.link(member, self.principal.id)))

    async def unlink_slack(self, user: str) -> None:
        """The user is nobody here from now on."""
        await self.app.stores.chat_users.unlink(self.principal.tenant, "slack", user, self.principal.id)

    async def slack_people(self) -> Sequence[Json]:
        """Those who are somebody."""
        found = await self.app.stores.chat_users.list(self.principal.tenant, "slack")
        return [dict(catalogue_views.chat_user_json(one)) for one in found]

    async def slack_workspace(self, team: str, *, remove: bool) -> None:
        """Register a workspace, or forget it."""
        workspace = Workspace(chat="slack", id=slack_id(team), tenant=self.principal.tenant)
        members = self.app.stores.chat_users
        await (members.remove_workspace if remove else members.add_workspace)(workspace, self.principal.id)

    async def slack_workspaces(self) -> Sequence[Json]:
        """Those of the tenant."""
        found = await self.app.stores.chat_users.workspaces(self.principal.tenant, "slack")
        return [{"workspaceId": one.id, "tenantId": one.tenant} for one in found]

    async def rotate_key(self) -> Json:
        """Seal every value with the present key."""
        return {"resealed": await self.app.broker.rotate_key(self.principal.tenant)}

    async def explain(self, commands: Sequence[str], connection: str) -> Sequence[Json]:
        """What the policy says of commands on a connection."""
        await self.app.executor.probe()  # the policy may ask for a minimum
        verdicts = await self.app.agent.explain(self.principal.tenant, commands, connection)
        return [dict(explain(text, verdict)) for text, verdict in zip(commands, verdicts, strict=True)]

    async def create_key(self, *, role: str, kind: str, name: str) -> Json:
        """Make a key; its text is returned once."""
        from opsagent.cli.mint import new_secret, row_of
        from opsagent.web.keys import KeyRequest

        body = checked(KeyRequest, {"role": role, "kind": kind, "name": name})
        secret = new_secret(self.app.ids)
        key = row_of(
            secret,
            key_id=self.app.ids.uuid(),
            now=self.app.clock.now(),
            tenant=self.principal.tenant,
            role=body.role,
            kind=body.kind,
            name=body.name,
        )
        await self.app.stores.keys.put(key, self.principal.id)
        return {"secret": secret, **catalogue_views.key_json(key)}

    async def keys(self) -> Sequence[Json]:
        """All keys of the tenant."""
        return [dict(catalogue_views.key_json(one)) for one in await self.app.stores.keys.list(self.principal.tenant)]

    async def revoke_key(self, key_id: str) -> None:
        """End one now."""
        await self.app.stores.keys.revoke(self.principal.tenant, key_id, self.principal.id)

    async def check_audit(self, head: str) -> Json:
        """Check the whole record."""
        kept = await self.app.heads.keeper.kept(self.principal.tenant)
        found = await self.app.stores.audit.verify(self.principal.tenant, heads=[*kept, *([head] if head else [])])
        return {"entries": found.entries, "head": found.head, "trouble": found.trouble, "heads": len(kept)}

    async def audit(self, *, after: int, limit: int) -> Sequence[Json]:
        """The append-only record."""
        found = await self.app.stores.audit.list(self.principal.tenant, after=after, limit=limit)
        return [audit_json(entry) for entry in found]


def audit_json(entry: AuditEntry) -> Json:
    """One line of the record."""
    return {
        "sequence": entry.sequence,
        "at": views.iso(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "runId": entry.run_id,
        "stepId": entry.step_id,
        "digest": entry.digest,
        "detail": dict(entry.detail),
        "hash": entry.hash,
        "previous": entry.previous,
    }


async def _tried(executor: Executor, order: Order) -> Json:
    try:
        outcome = await executor.run(order)
    except OpsAgentError as error:
        return {"ok": False, "backend": executor.backend, "note": f"{error.message} {error.fix}".strip()}
    finally:
        await executor.release(order.run_id)
        await executor.forget(order.run_id)
    note = outcome.note or ("" if outcome.exit_code == 0 else outcome.stderr.strip() or f"exit {outcome.exit_code}")
    return {
        "ok": outcome.exit_code == 0,
        "backend": outcome.backend or executor.backend,
        "durationMs": round(outcome.duration_s * 1000),
        "note": note,
    }


def checked(model: type[M], fields: Json) -> M:
    """The fields by the very rules of the API's body. InputError naming each that is wrong."""
    from pydantic import ValidationError

    from opsagent.web.problems import wrong_fields

    try:
        return model.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        raise wrong_fields(error.errors(include_url=False, include_input=False)) from None


def connection_name(name: str) -> str:
    """A name that may be registered and removed. InputError."""
    from opsagent.web.connections import NAME

    if re.fullmatch(NAME, name) is None:
        raise InputError(f"{name!r} cannot name a connection.", fix="Use letters, digits, dots, dashes; at most 64.")
    if name == BUILT_IN_SANDBOX:
        raise InputError("The sandbox is built in and cannot be changed or removed.", fix="Choose another name.")
    return name


def slack_id(text: str) -> str:
    """An id as Slack gives them out. InputError."""
    from opsagent.web.slack_people import SLACK_ID

    if re.fullmatch(SLACK_ID, text) is None:
        raise InputError(f"{text!r} is no id of Slack.", fix="Copy it from Slack's profile: U0123ABCD, T0123ABCD.")
    return text
