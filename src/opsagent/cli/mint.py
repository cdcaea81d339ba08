"""Makes an API key: its text for whoever asked, its hash for the store."""

from __future__ import annotations

from opsagent.domain.identity import ApiKey, PrincipalKind, Role
from opsagent.ports.clock import Ids
from opsagent.web.auth import KEY_PREFIX, sha256



def mint(ids: Ids, *, now: float, tenant: str, role: Role, kind: PrincipalKind, name: str) -> tuple[str, ApiKey]:
    """The key's text and its row. The text is 256 random bits behind a prefix that scanners for leaks can find."""
    secret = KEY_PREFIX + ids.secret()
    return secret, row_of(ids, secret, now=now, tenant=tenant, role=role, kind=kind, name=name)


def row_of(ids: Ids, secret: str, *, now: float, tenant: str, role: Role, kind: PrincipalKind, name: str) -> ApiKey:
    """The row of a key whose text is known already."""
    return ApiKey(
        id=ids.uuid(), tenant=tenant, role=role, kind=kind, name=name, secret_sha256=sha256(secret), created_at=now
    )
