"""The local door, continued: people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap import App
from opsagent.cli.local_catalogue import checked
from opsagent.domain.identity import Principal, Role
from opsagent.web.people_views import invitation_json, person_json

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPeople:
    """People, through the app built here."""

    app: App
    principal: Principal

    async def all(self) -> Sequence[Json]:
        """Everybody of the tenant."""
        return [dict(person_json(one)) for one in await self.app.entrance.people.list(self.principal)]

    async def add(self, fields: Json) -> Json:
        """Somebody new."""
        from opsagent.web.people import NewPerson

        body = checked(NewPerson, fields)
        added = await self.app.entrance.people.add(
            self.principal,
            login=body.login,
            role=Role(body.role),
            name=body.name,
            password=body.password.get_secret_value(),
        )
        return dict(person_json(added))

    async def role(self, who: str, role: str) -> Json:
        """What they may do from now on."""
        return dict(person_json(await self.app.entrance.people.set_role(self.principal, who, Role(role))))

    async def password(self, who: str, password: str) -> Json:
        """What they sign in with from now on."""
        return dict(person_json(await self.app.entrance.people.set_password(self.principal, who, password)))

    async def disable(self, who: str, *, on: bool) -> Json:
        """Keep them out, or let them in again."""
        return dict(person_json(await self.app.entrance.people.disable(self.principal, who, on=on)))

    async def sign_out(self, who: str) -> None:
        """Every session of theirs is over."""
        await self.app.entrance.people.sign_out(self.principal, who)

    async def invite(self, who: str) -> Json:
        """A link that sets their password."""
        made = await self.app.entrance.people.invite(self.principal, who)
        return dict(invitation_json(made, self.app.settings.server.public_url))
