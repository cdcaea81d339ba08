"""Secrets, limits on what comes in, and where callbacks may go."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr, field_validator

from opsagent.settings.area import Area, flag, setting


def _usable_secret(value: SecretStr) -> SecretStr:
    """Secrets travel in headers and are compared byte by byte: printable ASCII, no blanks at the ends."""
    text = value.get_secret_value()
    if text and not (text.isascii() and text.isprintable() and text == text.strip()):
        raise ValueError("it has characters other than printable ASCII, or blanks at its ends")
    return value


Secret = Annotated[SecretStr, AfterValidator(_usable_secret)]
_NONE = SecretStr("")


class SecuritySettings(Area):
    """An empty secret means: this proof is not available, and what needs it is refused or said to be off."""

    credential_encryption_key: Secret = setting(
        _NONE,
        "Key that encrypts stored credentials and saved files: 32 bytes in URL-safe base64. Without it none is stored.",
        alias="CREDENTIAL_ENCRYPTION_KEY",
    )
    credential_decryption_keys: tuple[Secret, ...] = setting(
        (),
        "Former encryption keys: they only open, until `opsagent credentials rotate-key` has been run.",
        shown="none",
    )
    secret_files_root: Path | None = setting(
        None, "Folder below which secrets are mounted as files (Kubernetes, Docker); credentials name folders in it."
    )
    slack_signing_secret: Secret = setting(_NONE, "Signing secret of the Slack app.", alias="SLACK_SIGNING_SECRET")
    jira_webhook_secret: Secret = setting(
        _NONE,
        "Secret of the Jira automation rule or webhook; without it neither is taken in.",
        alias="JIRA_WEBHOOK_SECRET",
    )
    webhook_secrets: Mapping[str, Secret] = setting(
        dict,
        "Secret of each monitoring source, by its name: what signs its deliveries, or its bearer token.",
        shown="none",
    )
    callback_secret: Secret = setting(
        _NONE, "Key that signs the callbacks we send (HMAC-SHA256). Without it they go out unsigned."
    )
    audit_heads_dir: Path | None = setting(
        None,
        "Folder the heads of the audit record are carried to, best one that this machine can only append to.",
        shown="audit-heads in the data folder",
    )
    audit_heads_url: str = setting(
        "",
        "Where each new head of the audit record is posted as well (signed like callbacks).",
        pattern=r"^(https?://\S+)?$",
        shown="none",
    )
    audit_heads_seconds: float = setting(
        300.0, "How often the heads of the audit record are carried out.", ge=1, le=86400
    )
    rate_limit_per_minute: int = setting(
        600,
        "Requests one API key, one session, or one address without either, may make in one minute. What an open page"
        " reads by itself, and `POST /api/v1/control/pause`, are not counted.",
        ge=1,
        le=1_000_000,
    )
    delivery_rate_limit_per_minute: int = setting(
        60_000,
        "Deliveries one source (Slack, Jira, a monitoring system) may make to one tenant in one minute, with its proof"
        " or a key; those without either count against the address they come from.",
        ge=1,
        le=1_000_000,
    )
    body_limit_bytes: int = setting(4 * 1024**2, "Largest request body taken.", ge=1024, le=256 * 1024**2)
    delivery_limit_bytes: int = setting(
        16 * 1024**2, "Largest delivery of a monitoring system taken.", ge=1024, le=16 * 1024**2
    )
    allow_private_callbacks: bool = flag(
        "Let callbacks go to loopback and private addresses. Cloud metadata addresses stay refused.", on=False
    )
    private_callback_hosts: tuple[str, ...] = setting(
        (), "Hosts that callbacks may reach although their address is private (name, or name:port).", shown="none"
    )
    ca_file: Path | None = setting(
        None, "Certificates (PEM) of your own authority, trusted in addition to the system's, for outbound HTTPS."
    )

    @field_validator("credential_encryption_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text:
            return value
        try:
            raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 32:
            raise ValueError("it is not 32 bytes in URL-safe base64; `openssl rand -base64 32 | tr +/ -_` makes one")
        return value

    @field_validator("webhook_secrets")
    @classmethod
    def _long_enough(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        for source, secret in value.items():
            if len(secret.get_secret_value()) < 16:
                raise ValueError(
                    f"the secret of {source!r} is shorter than 16 characters; `openssl rand -hex 24` makes one"
                )
        return value
