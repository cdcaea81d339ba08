"""A brand's way in: is it really them, and what do they say?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from opsagent.domain.ticket import Signal


class SignalSource(Protocol):
    """One monitoring system's webhook."""

    @property
    def name(self) -> str:
        """The `{source}` in `/api/v1/tickets/webhook/{source}`."""
        ...

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether the delivery carries this source's own proof; False where it has none (then a key is needed)."""
        ...

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Sequence[Signal]:
        """The signals in a delivery. InputError naming the field that is wrong; never anything else."""
        ...
