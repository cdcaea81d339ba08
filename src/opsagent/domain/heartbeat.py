"""When a source's alerting last said that it is alive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """`last_at`: when its Watchdog alert last came in. `told_at`: when its silence was made a problem, if it is one.

    Times are epoch seconds.
    """

    tenant: str
    source: str
    last_at: float
    told_at: float | None = None
