"""Knows one kind of target: what its registration must look like, and whether it can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.ports.secrets import Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What `connections test` saw: whether it works, in words, what to do, and facts (version, host key, account)."""

    ok: bool
    text: str
    fix: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class TargetKind(Protocol):
    """One per executor, fulfilled by the executor itself."""

    def check(self, connection: Connection) -> None:
        """Raise InputError, with the fix, unless address, options and credentials make sense for this executor."""
        ...

    async def test(self, connection: Connection, login: Login | None) -> Tested:
        """Really connect, do something harmless, and let go. Never raises for a target that does not work."""
        ...
