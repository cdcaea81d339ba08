"""Who is asking: keys by their hash, and the one permission each route declares."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from opsagent.domain.identity import ApiKey, Permission, Principal, PrincipalKind
from opsagent.errors import Forbidden, Unauthenticated
from opsagent.ports.catalogue import KeyStore
from opsagent.ports.clock import Clock

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
        principal = principal_of(key)
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


def sha256(secret: str) -> str:
    """How a key is kept. Keys are 256 random bits, so a plain hash is enough; nothing to guess from."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def principal_of(key: ApiKey) -> Principal:
    """Who acts when this key is used; the id is readable on timelines and in the audit record."""
    return Principal(id=f"{key.kind.value}:{key.name}/{key.id[:8]}", tenant=key.tenant, role=key.role, kind=key.kind)


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


class Needs:
    """A route's one permission; resolves to the caller. Unauthenticated, Forbidden."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> Principal:
        """Who asks, if they may."""
        secret = presented_key(connection)
        if not secret:
            raise Unauthenticated("This needs a key, and none came with the request.", fix=_FIX)
        return require(await keyring_of(connection).principal(secret), self.permission)


Poster = Annotated[Principal, Depends(Needs(Permission.POST_SIGNAL))]
Reader = Annotated[Principal, Depends(Needs(Permission.READ))]
Looker = Annotated[Principal, Depends(Needs(Permission.LOOK))]
Operator = Annotated[Principal, Depends(Needs(Permission.OPERATE))]
Approver = Annotated[Principal, Depends(Needs(Permission.APPROVE))]
Admin = Annotated[Principal, Depends(Needs(Permission.ADMINISTER))]
