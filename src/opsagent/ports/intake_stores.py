"""What intake keeps besides tickets. The rules of ports/stores.py hold here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opsagent.domain.heartbeat import Heartbeat
from opsagent.domain.quarantine import Quarantined


class QuarantineStore(Protocol):
    """Deliveries that could not be read."""

    async def keep(self, delivery: Quarantined) -> Quarantined:
        """Store it; one with its id counts up and takes its words and time. Beyond MAX_KEPT a tenant's oldest go."""
        ...

    async def get(self, tenant: str, delivery_id: str) -> Quarantined:
        """One delivery. NotFound."""
        ...

    async def list(self, tenant: str, *, limit: int = 200) -> Sequence[Quarantined]:
        """The latest first, each body cut to its beginning. A key-range read."""
        ...

    async def remove(self, tenant: str, delivery_id: str, by: str) -> None:
        """Forget it, with an audit entry. NotFound."""
        ...


class HeartbeatStore(Protocol):
    """Which sources said when that they are alive."""

    async def beat(self, tenant: str, source: str, at: float) -> None:
        """It said so at `at` (epoch seconds); an earlier time than the stored one changes nothing."""
        ...

    async def list(self) -> Sequence[Heartbeat]:
        """All of them, of every tenant: for the watch, which belongs to none."""
        ...

    async def told(self, tenant: str, source: str, at: float | None) -> None:
        """Its silence was made a problem at that time, or (None) is none any more. One that is unknown is left out."""
        ...
