"""What people register: runbooks, connections, keys, people of a chat. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.chat_user import ChatUser, Workspace
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.domain.identity import ApiKey
from opsagent.domain.library import RunbookVersion, Uses
from opsagent.domain.runbook import Runbook


class RunbookStore(Protocol):
    """Runbooks and their versions."""

    async def put(self, runbook: Runbook, by: str, *, expected: str | None = None, note: str = "") -> Runbook:
        """Store a new version (same id: revision + 1; same content: unchanged) with an audit entry.

        `expected` is the version that must be the present one, empty where there must be none: VersionMismatch. Whether
        it is enabled stays as it was, and where it came from unless `runbook` says it. A conditional write on
        (tenant, id).
        """
        ...

    async def get(self, tenant: str, runbook_id: str, *, version: str = "") -> Runbook:
        """By slug, or by position in the list by creation when given a number; an older `version` by its hash.

        NotFound.
        """
        ...

    async def list(self, tenant: str) -> Sequence[Runbook]:
        """All, by creation."""
        ...

    async def versions(self, tenant: str, runbook_id: str) -> Sequence[RunbookVersion]:
        """All versions of it, the newest first; of a deleted one too. NotFound. A key-range read."""
        ...

    async def delete(self, tenant: str, runbook_id: str, by: str, *, expected: str | None = None) -> None:
        """Remove it; its versions stay. NotFound; VersionMismatch when another version is the present one."""
        ...

    async def enable(self, tenant: str, runbook_id: str, by: str, *, on: bool) -> Runbook:
        """Let it be found and followed, or not, with an audit entry. NotFound."""
        ...

    async def revision(self, tenant: str) -> int:
        """A number that changes whenever a runbook of the tenant does: an index compares it."""
        ...

    async def uses(self, tenant: str) -> Sequence[Uses]:
        """How often each was followed and helped, by id; those never followed are left out. A key-range read.

        Counted in the transaction that ends a run (`RunStore.save`), so a run counts once.
        """
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


class ChatUserStore(Protocol):
    """The users and workspaces of chats."""

    async def link(self, member: ChatUser, by: str) -> ChatUser:
        """Store who a user is, instead of what was stored before. Audit entry."""
        ...

    async def find(self, tenant: str, chat: str, user: str) -> ChatUser | None:
        """Who that user is. A get by key."""
        ...

    async def list(self, tenant: str, chat: str) -> Sequence[ChatUser]:
        """All of a tenant's, by user."""
        ...

    async def unlink(self, tenant: str, chat: str, user: str, by: str) -> None:
        """The user is nobody here from now on. Audit entry. NotFound."""
        ...

    async def add_workspace(self, workspace: Workspace, by: str) -> None:
        """Its commands belong to that tenant from now on. Audit entry. ConflictError when it is another tenant's."""
        ...

    async def remove_workspace(self, workspace: Workspace, by: str) -> None:
        """Forget it. Audit entry. NotFound."""
        ...

    async def workspaces(self, tenant: str, chat: str) -> Sequence[Workspace]:
        """Those of a tenant, by id."""
        ...

    async def tenant_of(self, chat: str, workspace: str) -> str | None:
        """Whose it is; None: nobody's. While no workspace of that chat is registered at all, it is `default`.

        A change in another process may be known here 5 s later.
        """
        ...
