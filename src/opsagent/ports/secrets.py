"""Opens a credential for one attempt; the only place a secret's value comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.domain.credential import CredentialKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """An opened credential: its fields by name (see `domain.credential.FIELDS`), for one attempt and no longer.

    It prints without its values and is never stored. Python cannot wipe memory it has handed out; what can be done is
    that nothing holds on to it after the attempt.
    """

    name: str
    kind: CredentialKind
    version: int
    values: Mapping[str, str] = field(repr=False)

    @property
    def secret_values(self) -> tuple[str, ...]:
        """What must be kept out of every output: all fields but the user's name and a header's."""
        return tuple(value for name, value in self.values.items() if name not in ("username", "header") and value)


class Secrets(Protocol):
    """What the core asks of whoever keeps the values."""

    async def version(self, tenant: str, name: str, connection: Connection) -> int:
        """The version an approval is bound to. NotFound; Forbidden when that connection may not use it."""
        ...

    async def open(self, tenant: str, name: str, connection: Connection) -> Login:
        """The value, and a note of who used it. NotFound, Forbidden, UnavailableError, ConfigurationError (no key)."""
        ...
