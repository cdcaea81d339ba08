"""Sends one notice to one channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a send. `retry_after_s` is the channel's own wish; `permanent` means never try again."""

    delivered: bool
    error: str = ""
    permanent: bool = False
    retry_after_s: float | None = None


class Channel(Protocol):
    """One kind of address. It never raises for a failed send."""

    @property
    def name(self) -> str:
        """The name in `Notice.channel`."""
        ...

    async def send(self, notice: Notice) -> Delivery:
        """Try once."""
        ...
