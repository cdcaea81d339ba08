"""Who the users of a chat are here: workspaces belong to tenants, users may be linked to persons and their role."""

from __future__ import annotations

from dataclasses import dataclass

from opsagent.domain.identity import Principal, PrincipalKind, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A chat's workspace and the tenant its commands belong to; `chat` is the brand's name, `id` what it calls it."""

    chat: str
    id: str
    tenant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatUser:
    """A user of a chat who is a known person here. With `workspace` only the user of that workspace is meant."""

    tenant: str
    chat: str
    user: str
    person: str
    role: Role
    workspace: str = ""
    created_at: float = 0.0

    def is_user(self, workspace: str, user: str) -> bool:
        """Whether that user of that workspace is meant."""
        return self.user == user and self.workspace in ("", workspace)

    def principal(self) -> Principal:
        """Who acts when this user clicks: the person, without a key."""
        return Principal(
            id=f"{PrincipalKind.PERSON.value}:{self.person}",
            tenant=self.tenant,
            role=self.role,
            kind=PrincipalKind.PERSON,
        )


def user_id(chat: str, workspace: str, user: str) -> str:
    """How a user nobody linked is called in the record: `slack:T0123:U0456`."""
    return f"{chat}:{workspace}:{user}"
