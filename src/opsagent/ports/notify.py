"""Sends one notice to one channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.notice import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a send. `retry_after_s` is the channel's own wish; `permanent` means never try again.

    `receipt` is what the channel calls what it delivered; empty where it calls it nothing. `uncertain`: it failed, but
    may have arrived (no answer came); sent again it is a possible repeat. `once`: it is there and nowhere twice,
    however often it was tried: it was found, or what is there was changed.
    """

    delivered: bool
    error: str = ""
    permanent: bool = False
    retry_after_s: float | None = None
    receipt: str = ""
    uncertain: bool = False
    once: bool = False


class Channel(Protocol):
    """One kind of address. It never raises for a failed send."""

    @property
    def name(self) -> str:
        """The name in `Notice.channel`."""
        ...

    @property
    def about(self) -> str:
        """By what it sends, in words; no secret is in them."""
        ...

    @property
    def changes(self) -> bool:
        """Whether it can change what it has shown."""
        ...

    async def send(self, notice: Notice, *, earlier: str = "") -> Delivery:
        """Try once. `earlier` is the receipt of the notice it follows: what is shown there is changed, where it can be.

        One that is a possible repeat is looked for first where the channel can be read, and is delivered if it is
        there; else it is sent, and says that it may be a repeat. One that a person sends again is never looked for.
        """
        ...

    async def check(self, address: str) -> str:
        """Why nothing would arrive at the address, as far as can be told without sending; empty when it would."""
        ...

    def shown(self, address: str) -> str:
        """The address with what may be secret taken out."""
        ...

    def destination(self, address: str) -> str:
        """The same text for each way to write one address: who is told there is told once. Never shown to anybody."""
        ...
