"""The NAME of a secret, what kind it is, and where its value lies; never the value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """What a credential opens; it decides which fields its value has (see FIELDS)."""

    PASSWORD = "password"  # noqa: S105 - a kind
    SSH_KEY = "ssh_key"
    TOKEN = "token"  # noqa: S105 - a kind
    AWS = "aws"


class Keeper(StrEnum):
    """Who keeps the value."""

    STORE = "store"  # AES-GCM in our own store
    VAULT = "vault"  # HashiCorp Vault, KV version 2
    AWS = "aws_secrets_manager"
    FILE = "file"  # a mounted file or folder (Kubernetes, Docker)
    ENV = "env"  # variables of the server's environment that are set aside for it


# kind -> (fields it must have, fields it may have)
FIELDS: dict[CredentialKind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    CredentialKind.PASSWORD: (("username", "password"), ()),
    CredentialKind.SSH_KEY: (("private_key",), ("username", "passphrase", "certificate")),
    CredentialKind.TOKEN: (("token",), ("header",)),
    CredentialKind.AWS: (("access_key_id", "secret_access_key"), ("session_token",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A registered secret. `name` is unique in its tenant; `version` grows with every new value.

    `reference` says where an outside keeper has it: `MOUNT/data/PATH` for Vault, a secret's name or ARN for AWS, both
    with `#PART` behind them where one secret holds several; a folder below the root of mounted secrets; what follows
    `OPSAGENT_LOGIN_` in the names of variables. It is empty for our own store. `connections` are those that may use it;
    empty: all of its tenant. Times are epoch seconds.
    """

    id: str
    tenant: str
    name: str
    kind: CredentialKind
    keeper: Keeper = Keeper.STORE
    reference: str = ""
    connections: tuple[str, ...] = ()
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
    used_at: float | None = None
    used_by: str = ""
