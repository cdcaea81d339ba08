"""Who else keeps credentials: Vault, AWS Secrets Manager, the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret

_NONE = SecretStr("")


class KeeperSettings(Area):
    """A keeper that is not set up is refused by name. Vault needs its address and exactly one way to log in."""

    vault_address: str = setting("", "Address of Vault or OpenBao: https, or http on loopback.")
    vault_token: Secret = setting(_NONE, "Token for Vault, when it is given directly.")
    vault_token_sink: Path | None = setting(
        None, "File in which a Vault agent keeps a token fresh; it is read anew for each use."
    )
    vault_role_id: str = setting("", "Role id, to log in to Vault as an AppRole.")
    vault_secret_id: Secret = setting(_NONE, "Secret id of that AppRole.")
    vault_kubernetes_role: str = setting("", "Role, to log in to Vault with the token of this pod's service account.")
    vault_kubernetes_token_path: Path = setting(
        Path("/var/run/secrets/kubernetes.io/serviceaccount/token"), "File with the token of the service account."
    )
    vault_login_path: str = setting(
        "", "Where the log-in method is mounted in Vault; empty is its own name (approle, kubernetes)."
    )
    vault_namespace: str = setting("", "Namespace in Vault Enterprise.")
    vault_timeout_seconds: float = setting(10.0, "Longest wait for each answer of Vault.", ge=0.5, le=120)
    aws_secrets_region: str = setting("", "Region of AWS Secrets Manager; empty: it is not used.")
    aws_secrets_endpoint: str = setting("", "Another address of AWS Secrets Manager (a private endpoint).")
    logins: Mapping[str, SecretStr] = setting(
        dict,
        "Credentials kept in the environment: one whose keeper is env and whose reference is NAME reads these.",
        shown="none",
    )
