"""What the executor needs of a way to a host."""

from __future__ import annotations

from typing import Protocol

from opsagent.domain.connection import Connection
from opsagent.ports.secrets import Login


class Lost(Exception):
    """The connection ended before the answer was here; what was sent may have been carried out."""


class Link(Protocol):
    """One per scheme of addresses."""

    async def say(self, connection: Connection, login: Login, script: str, limit_s: float) -> str:
        """Run a script there and return what it printed. ExecutionError: nothing was sent. Lost: it was.

        Cancelling stops it there, as far as the host can be reached.
        """
        ...
