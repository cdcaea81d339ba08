"""Guessing passwords gets slow: each failed sign-in of an account, and from an address, makes the next wait longer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from opsagent.errors import RateLimited
from opsagent.ports.clock import Clock

MOST_KEPT = 10_000
FORGOTTEN_AFTER_S = 3600.0
_ACCOUNT_FREE, _ACCOUNT_LONGEST_S = 5, 60.0  # longer would let anybody keep somebody out in the night
_ADDRESS_FREE, _ADDRESS_LONGEST_S = 20, 900.0  # a whole office may share one address


@dataclass(slots=True)
class _Tries:
    count: int
    last: float


class _Delays:
    """The first `free` tries of a name are free; then each waits twice as long as the one before, in seconds."""

    def __init__(self, clock: Clock, free: int, longest_s: float) -> None:
        self._clock, self._free, self._longest_s = clock, free, longest_s
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """How long until the next try may be made; 0: now."""
        tries = self._tries.get(name)
        if tries is None or tries.count < self._free:
            return 0.0
        due = tries.last + min(self._longest_s, 2.0 ** min(tries.count - self._free, 30))
        return max(0.0, due - self._clock.monotonic())

    def note(self, name: str) -> None:
        """A try is made."""
        now = self._clock.monotonic()
        tries = self._tries.setdefault(name, _Tries(0, now))
        if now - tries.last > FORGOTTEN_AFTER_S:
            tries.count = 0
        tries.count, tries.last = tries.count + 1, now
        self._tries.move_to_end(name)
        while len(self._tries) > MOST_KEPT:
            self._tries.popitem(last=False)

    def take_back(self, name: str) -> None:
        """That try was no guess."""
        tries = self._tries.get(name)
        if tries is not None:
            tries.count = max(0, tries.count - 1)

    def forget(self, name: str) -> None:
        """None of them was a guess."""
        self._tries.pop(name, None)


class Attempts:
    """Counted in this process alone, before a password is looked at: many at once do not get further than one by one.

    An account is counted apart where it has signed in before, so that guesses from elsewhere do not keep its owner out.
    """

    def __init__(self, clock: Clock) -> None:
        self._accounts = _Delays(clock, _ACCOUNT_FREE, _ACCOUNT_LONGEST_S)
        self._addresses = _Delays(clock, _ADDRESS_FREE, _ADDRESS_LONGEST_S)
        self._at_home: OrderedDict[str, None] = OrderedDict()

    def begin(self, account: str, address: str) -> None:
        """Somebody tries. RateLimited, with the seconds until it may be tried again."""
        name = self._name(account, address)
        wait_s = max(self._accounts.wait_s(name), self._addresses.wait_s(address))
        if wait_s > 0:
            raise RateLimited(
                "Too many sign-ins have failed; this one was not looked at.",
                fix="Wait, then try again. Keys and single sign-on are not held up by this.",
                extra={"retryAfter": wait_s},
            )
        self._accounts.note(name)
        self._addresses.note(address)

    def succeeded(self, account: str, address: str) -> None:
        """It was the right password."""
        self._accounts.forget(self._name(account, address))
        self._addresses.take_back(address)
        self._at_home[f"{account} {address}"] = None
        self._at_home.move_to_end(f"{account} {address}")
        while len(self._at_home) > MOST_KEPT:
            self._at_home.popitem(last=False)

    def _name(self, account: str, address: str) -> str:
        at_home = f"{account} {address}"
        return at_home if at_home in self._at_home else account
