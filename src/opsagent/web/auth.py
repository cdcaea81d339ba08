"""Who is asking, by a key or in a session, and the one permission each route declares."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from opsagent.domain.identity import Permission, Principal, PrincipalKind, sha256
from opsagent.errors import Forbidden, Unauthenticated
from opsagent.ports.catalogue import KeyStore
from opsagent.ports.clock import Clock
from opsagent.web.doorman import doorman_of

KEY_PREFIX = "opsa_"
MAX_KEY_CHARS = 200
MAX_CACHED_KEYS = 1024
_FIX = "Send Authorization: Bearer opsa_... or X-API-Key: opsa_...; an admin makes keys with `opsagent keys create`."


class Keyring:
    """Live keys by hash, remembered for `ttl_s` seconds; a revoke in this process is known at once.

    A revoke in another process is known after `ttl_s` at the latest.
    """

    def __init__(self, keys: KeyStore, clock: Clock, ttl_s: float) -> None:
        self._keys = keys
        self._clock = clock
        self._ttl_s = ttl_s
        self._cache: OrderedDict[str, tuple[Principal, str, float]] = OrderedDict()
        self._generation = 0

    async def principal(self, secret: str) -> Principal:
        """The holder of a key. Unauthenticated, in the same words whatever is wrong with it."""
        if not secret.startswith(KEY_PREFIX) or len(secret) > MAX_KEY_CHARS:
            raise Unauthenticated("This is no key that works here.", fix=_FIX)
        hashed = sha256(secret)
        cached = self._cache.get(hashed)
        if cached is not None and self._clock.monotonic() < cached[2]:
            return cached[0]
        generation = self._generation
        key = await self._keys.find(hashed)
        if key is None or key.revoked_at is not None:
            self._cache.pop(hashed, None)
            raise Unauthenticated("This is no key that works here.", fix=_FIX)
        principal = key.principal()
        if generation == self._generation:  # a revoke while we looked makes what we read too old to remember
            self._cache[hashed] = (principal, key.id, self._clock.monotonic() + self._ttl_s)
            self._cache.move_to_end(hashed)
            while len(self._cache) > MAX_CACHED_KEYS:
                self._cache.popitem(last=False)
        return principal

    def known(self, secret: str) -> str:
        """The id of a key that worked here before, or empty: a guess for the rate limit, never for a right."""
        cached = self._cache.get(sha256(secret)) if len(secret) <= MAX_KEY_CHARS else None
        return cached[1] if cached is not None else ""

    def forget(self, key_id: str) -> None:
        """This key was revoked."""
        self._generation += 1
        for hashed in [hashed for hashed, (_, known, _) in self._cache.items() if known == key_id]:
            del self._cache[hashed]


def presented_key(connection: HTTPConnection) -> str:
    """The key in the headers, or empty. Keys in addresses are not read: addresses end up in logs."""
    authorization = connection.headers.get("authorization")
    if authorization is not None:
        scheme, _, value = authorization.partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""
    return connection.headers.get("x-api-key", "")


def keyring_of(connection: HTTPConnection) -> Keyring:
    """The app's keyring."""
    keyring = connection.app.state.keyring
    if not isinstance(keyring, Keyring):
        raise TypeError("the app was not made by create_app")
    return keyring


def require(principal: Principal, permission: Permission) -> Principal:
    """The principal, if it may. Forbidden, saying what would do."""
    if principal.may(permission):
        return principal
    if permission is Permission.APPROVE and principal.kind is not PrincipalKind.PERSON:
        raise Forbidden(
            f"{principal.id} is a service; only a person decides this.",
            fix="Use a key of kind person with the role approver or admin.",
        )
    raise Forbidden(
        f"{principal.id} has the role {principal.role.value}, which does not carry {permission.value}.",
        fix="Ask an admin for a key with a role that does: `opsagent keys create`.",
    )


async def asking(connection: HTTPConnection, *, used: bool = True) -> Principal:
    """Who asks, by the key in the headers, else by the session in the cookie. Unauthenticated, Forbidden.

    Without `used` it is only looked whether they still may: that keeps no idle session alive.
    """
    secret = presented_key(connection)
    if secret:
        return await keyring_of(connection).principal(secret)
    signed_in = await doorman_of(connection).signed_in(connection, used=used)
    if signed_in is None:
        raise Unauthenticated("This needs a key, and none came with the request.", fix=_FIX)
    return signed_in.principal


class Needs:
    """A route's one permission; resolves to the caller. Unauthenticated, Forbidden."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Who asks, if they may."""
        return require(await asking(connection), self.permission)


Poster = Annotated[Principal, Depends(Needs(Permission.POST_SIGNAL))]
Reader = Annotated[Principal, Depends(Needs(Permission.READ))]
Looker = Annotated[Principal, Depends(Needs(Permission.LOOK))]
Operator = Annotated[Principal, Depends(Needs(Permission.OPERATE))]
Approver = Annotated[Principal, Depends(Needs(Permission.APPROVE))]
Admin = Annotated[Principal, Depends(Needs(Permission.ADMINISTER))]
