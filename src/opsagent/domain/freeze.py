"""A time in which nothing is changed: a maintenance freeze."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from opsagent.domain.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """No effect starts from `starts_at` until `ends_at` (epoch seconds) on the targets it names.

    `environments` and `connections` are exact, `labels` are those a target has all of; where none of the three is
    given, it is for every target of the tenant. Reads go on.
    """

    id: str
    tenant: str
    starts_at: float
    ends_at: float
    reason: str
    by: str
    environments: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def holds(self, connection: Connection, now: float) -> bool:
        """Whether nothing may be changed on that target now."""
        if not self.starts_at <= now < self.ends_at:
            return False
        if not self.environments and not self.connections and not self.labels:
            return True
        if self.labels and self.labels.items() <= connection.labels.items():
            return True
        return connection.environment in self.environments or connection.name in self.connections
