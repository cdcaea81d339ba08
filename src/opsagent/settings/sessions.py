"""How long people stay signed in, and what signs the cookies."""

from __future__ import annotations

from pydantic import SecretStr, field_validator

from opsagent.settings.area import Area, setting
from opsagent.settings.security import Secret


class SessionSettings(Area):
    """Sessions of browsers; keys are not touched by any of this."""

    session_idle_seconds: float = setting(
        43_200.0, "After so long without a request somebody has to sign in again.", ge=60, le=2_592_000
    )
    session_longest_seconds: float = setting(
        604_800.0, "After so long somebody has to sign in again, however busy they were.", ge=60, le=7_776_000
    )
    session_key: Secret = setting(
        SecretStr(""),
        "Key that signs the cookies of sessions, the same for all servers of one store; without it one is made.",
        shown="session.key in the data folder",
    )

    @field_validator("session_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("it is shorter than 32 characters; `openssl rand -hex 32` makes one")
        return value
