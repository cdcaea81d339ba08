"""What people register: runbooks, connections and keys. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.domain.identity import ApiKey
from opsagent.domain.runbook import Runbook


class RunbookStore(Protocol):
    """Runbooks and their versions."""

    async def put(self, runbook: Runbook, by: str) -> Runbook:
        """Store a new version (same id: revision + 1; same content: unchanged) with an audit entry."""
        ...

    async def get(self, tenant: str, runbook_id: str, *, version: str = "") -> Runbook:
        """By slug, or by position in the list by creation when given a number; an older `version` by its hash.

        NotFound.
        """
        ...

    async def list(self, tenant: str) -> Sequence[Runbook]:
        """All, by creation."""
        ...

    async def delete(self, tenant: str, runbook_id: str, by: str) -> None:
        """Remove it; its versions stay. NotFound."""
        ...

    async def revision(self, tenant: str) -> int:
        """A number that changes whenever a runbook of the tenant does: an index compares it."""
        ...


class ConnectionStore(Protocol):
    """Registered targets."""

    async def put(self, connection: Connection, by: str) -> Connection:
        """Store it; an existing name keeps its id and gets version + 1. Audit entry."""
        ...

    async def get(self, tenant: str, name: str) -> Connection:
        """By name or id. NotFound. `sandbox` always exists."""
        ...

    async def list(self, tenant: str) -> Sequence[Connection]:
        """All of a tenant by name, the built-in sandbox included."""
        ...

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it. NotFound."""
        ...


class CredentialStore(Protocol):
    """Registered credentials; `sealed` is the encrypted value, None where somebody else keeps it."""

    async def put(self, credential: Credential, sealed: bytes | None, by: str) -> Credential:
        """Store it as given, with an audit entry, if `version` is one more than the stored one (1 for a new one).

        ConflictError when somebody else stored another value meanwhile.
        """
        ...

    async def get(self, tenant: str, name: str) -> Credential:
        """One credential. NotFound."""
        ...

    async def sealed(self, tenant: str, name: str) -> tuple[Credential, bytes | None]:
        """The credential with its encrypted value, read together. NotFound."""
        ...

    async def list(self, tenant: str) -> Sequence[Credential]:
        """All of a tenant by name."""
        ...

    async def delete(self, tenant: str, name: str, by: str) -> None:
        """Remove it with its value. Audit entry. NotFound."""
        ...

    async def reseal(self, credential: Credential, sealed: bytes) -> bool:
        """Replace the encrypted value of that very version by the same value under another key; False when gone."""
        ...

    async def used(self, credential: Credential, at: float, by: str) -> None:
        """Note who used it last. Best effort: a credential that was replaced meanwhile is left alone."""
        ...


class KeyStore(Protocol):
    """API keys, hashed."""

    async def put(self, key: ApiKey, by: str) -> None:
        """Store a new key, with an audit entry."""
        ...

    async def find(self, secret_sha256: str) -> ApiKey | None:
        """The live key with that hash. A get by key."""
        ...

    async def list(self, tenant: str) -> Sequence[ApiKey]:
        """All of a tenant, revoked ones too, by creation."""
        ...

    async def revoke(self, tenant: str, key_id: str, by: str) -> None:
        """End it now. NotFound."""
        ...
