"""The provider that knows who people are, as somebody signs in by it."""

from __future__ import annotations

from typing import Protocol

from opsagent.domain.single_sign_on import Errand, Vouched


class IdentityProvider(Protocol):
    """One provider. Nothing here decides who gets in."""

    async def address(self, errand: Errand, back_to: str) -> str:
        """Where a browser is sent, to come back to `back_to` with a code. UnavailableError, InputError."""
        ...

    async def vouch(self, errand: Errand, code: str, back_to: str) -> Vouched:
        """Whom it vouches for. Unauthenticated when the code or what it opens does not hold; UnavailableError."""
        ...
