"""A brand's way in: is it really them, and what do they say?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from opsagent.domain.ticket import Signal
from opsagent.domain.trigger import Trigger
from opsagent.ports.stores import IdempotencyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a delivery says.

    `alive`: a heartbeat was among it; it makes no signal. `words` say what else it was (a confirmation, an event that
    says nothing about a condition), for people. `then` is what the source wants done once all is stored, such as
    confirming a subscription; it raises InputError or UnavailableError.
    """

    signals: Sequence[Signal] = ()
    alive: bool = False
    words: str = ""
    then: Callable[[], Awaitable[None]] | None = None


class SignalSource(Protocol):
    """One monitoring system's webhook."""

    @property
    def name(self) -> str:
        """The `{source}` in `/api/v1/tickets/webhook/{source}`."""
        ...

    @property
    def proves(self) -> bool:
        """Whether it is set up so that a delivery can prove where it comes from; if not, `verify` is never true."""
        ...

    async def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether the delivery carries this source's own proof, compared in constant time; False without one.

        UnavailableError when that could not be found out (a certificate could not be fetched).
        """
        ...

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Parsed:
        """What the delivery says. InputError naming the field that is wrong (TooLarge is one); never anything else."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a brand's request for work says: the trigger and the key that makes a repeat harmless, or why none."""

    trigger: Trigger | None = None
    key: IdempotencyKey | None = None
    ignored: str = ""


class TriggerSource(Protocol):
    """One brand whose requests make runs."""

    @property
    def name(self) -> str:
        """What its route is called after."""
        ...

    def verify(self, headers: Mapping[str, str], raw: bytes, now: float) -> bool:
        """Whether the request carries this brand's own proof; False where no secret is set."""
        ...

    def parse(self, tenant: str, headers: Mapping[str, str], raw: bytes, now: float) -> Asked:
        """The work in a request. InputError naming the field that is wrong; never anything else."""
        ...
