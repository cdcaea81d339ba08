"""Makes an API key: its text for whoever asked, its hash for the store."""

from __future__ import annotations

from opsagent.domain.identity import ApiKey, PrincipalKind, Role, sha256
from opsagent.ports.clock import Ids
from opsagent.web.auth import KEY_PREFIX


def new_secret(ids: Ids) -> str:
    """A key's text: 256 random bits behind a prefix that scanners for leaked keys can find."""
    return KEY_PREFIX + ids.secret()


def row_of(secret: str, *, key_id: str, now: float, tenant: str, role: Role, kind: PrincipalKind, name: str) -> ApiKey:
    """What the store keeps of a key: everything but its text."""
    return ApiKey(
        id=key_id, tenant=tenant, role=role, kind=kind, name=name, secret_sha256=sha256(secret), created_at=now
    )
