"""Reads a command and says what it would do, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.command import Command
from opsagent.domain.connection import Connection
from opsagent.domain.manifest import Manifest


class Analyser(Protocol):
    """One per family of commands. It never raises for a bad command: what cannot be proven is `Proof.UNKNOWN`."""

    async def analyse(self, command: Command, connection: Connection) -> Manifest:
        """The manifest of one command on one connection."""
        ...

    async def analyse_all(self, texts: Sequence[str], connection: Connection) -> Sequence[Manifest]:
        """The manifests of many command texts, in order; faster than one by one."""
        ...
