"""Passwords by argon2-cffi: slow hashes, computed beside the event loop and never many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from opsagent.errors import RateLimited


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Config:
    """Defaults: RFC 9106, section 4, the second recommended option. `at_once` hashes take `memory_kib` each.

    More than `waiting` wait for their turn no longer: they are refused.
    """

    time_cost: int = 3
    memory_kib: int = 64 * 1024
    lanes: int = 4
    at_once: int = 2
    waiting: int = 20


class Argon2Passwords:
    """Passwords over Argon2id."""

    def __init__(self, config: Argon2Config | None = None) -> None:
        self._config = config = config or Argon2Config()
        self._hasher = PasswordHasher(config.time_cost, config.memory_kib, config.lanes, type=Type.ID)
        self._turn = asyncio.Semaphore(config.at_once)
        self._here = 0

    @cached_property
    def _nobodys(self) -> str:
        """A hash by the present parameters that no password is checked against for good: for the time it takes."""
        return self._hasher.hash("nobody's password")

    async def keep(self, password: str) -> str:
        """What to store of it. RateLimited."""
        with self._place():
            async with self._turn:
                return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, kept: str, password: str) -> bool:
        """Whether it is that password. RateLimited."""
        with self._place():
            async with self._turn:
                return await asyncio.to_thread(self._fits, kept, password)

    def is_old(self, kept: str) -> bool:
        """Whether other parameters are used today."""
        try:
            return self._hasher.check_needs_rehash(kept)
        except InvalidHashError:
            return True

    def _fits(self, kept: str, password: str) -> bool:
        try:
            self._hasher.verify(kept or self._nobodys, password)
            return bool(kept)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._here >= self._config.at_once + self._config.waiting:
            raise RateLimited(
                "Too many are signing in at this moment.", fix="Try again in a moment.", extra={"retryAfter": 2}
            )
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1
