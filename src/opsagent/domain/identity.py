"""Who is asking: roles, the permissions they carry, and the principal a request acts for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_TENANT = "default"


class Permission(StrEnum):
    """One right; every route, socket, page action and tool declares exactly one."""

    POST_SIGNAL = "post_signal"  # hand in triggers and signals
    READ = "read"  # see runs, tickets, runbooks of the tenant
    LOOK = "look"  # look at the world: run checks, read raw output
    OPERATE = "operate"  # start, cancel, retry runs; edit runbooks; pause
    APPROVE = "approve"  # decide an approval; persons only
    ADMINISTER = "administer"  # keys, connections, credentials, switching to acting


class Role(StrEnum):
    """What a key or a person may do; each role below includes the one above it, `intake` stands alone."""

    INTAKE = "intake"
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


_VIEW = frozenset({Permission.READ})
_OPERATE = _VIEW | {Permission.LOOK, Permission.OPERATE, Permission.POST_SIGNAL}
_APPROVE = _OPERATE | {Permission.APPROVE}
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.INTAKE: frozenset({Permission.POST_SIGNAL}),
    Role.VIEWER: _VIEW,
    Role.OPERATOR: _OPERATE,
    Role.APPROVER: _APPROVE,
    Role.ADMIN: _APPROVE | {Permission.ADMINISTER},
}


class PrincipalKind(StrEnum):
    """A person decides approvals; a service never does, whatever its role."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller behind a request: `id` is stable and safe to log, `tenant` bounds all it sees."""

    id: str
    tenant: str
    role: Role
    kind: PrincipalKind

    def may(self, permission: Permission) -> bool:
        """Whether the role carries the permission, and the caller is a person where only a person may."""
        if permission is Permission.APPROVE and self.kind is not PrincipalKind.PERSON:
            return False
        return permission in PERMISSIONS[self.role]


def same_person(one: str, other: str) -> bool:
    """Whether two ids are, as far as anybody here can tell, of one person: they have the same name.

    `person:ada`, whose account in a chat was linked, `person:ada/1f2e` and `person:ada/77aa`, who hold keys, and
    `cli:ada`, who sits at the server, are one. Two people of one name are given keys of different names by an admin.
    """
    return one == other or (_is_human(one) and _is_human(other) and _name(one) == _name(other))


def _is_human(principal_id: str) -> bool:
    return principal_id.partition(":")[0] in (PrincipalKind.PERSON.value, "cli")


def _name(principal_id: str) -> str:
    return principal_id.partition(":")[2].rpartition("/")[0 if "/" in principal_id else 2].strip().casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A stored key: only the SHA-256 of its secret is kept. `kind` says whether a person or a service holds it."""

    id: str
    tenant: str
    role: Role
    kind: PrincipalKind
    name: str
    secret_sha256: str
    created_at: float
    revoked_at: float | None = None

    def principal(self) -> Principal:
        """Who acts when this key is used; the id is readable on timelines and in the audit record."""
        return Principal(
            id=f"{self.kind.value}:{self.name}/{self.id[:8]}", tenant=self.tenant, role=self.role, kind=self.kind
        )


def sha256(secret: str) -> str:
    """How keys, sessions and invitations are kept: of 256 random bits a plain hash is enough; nothing to guess from."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
