"""Whether a monitoring webhook may hand in signals: by its own proof, by a key, or because only this machine can."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path
from starlette.requests import Request

from opsagent.domain.identity import DEFAULT_TENANT, Permission
from opsagent.errors import Unauthenticated
from opsagent.web.auth import keyring_of, presented_key, require
from opsagent.web.deps import WebDeps, deps_of
from opsagent.web.turns import turn_of

# RFC 7239, RFC 9110 section 7.6.3, and what nginx, Envoy, Cloudflare and their like are commonly told to add
_FOR_OTHERS = frozenset({"origin", "forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that was let in, as it came, and the tenant it is for. Nobody may know its source."""

    source: str
    tenant: str
    raw: bytes


class Delivered:
    """The webhook route's one permission; resolves to the delivery.

    Raises Unauthenticated, Forbidden, TooLarge, RateLimited.
    """

    permission = Permission.POST_SIGNAL

    async def __call__(self, request: Request, source: Annotated[str, Path(max_length=64)]) -> Delivery:
        """The delivery, if it may come in."""
        deps = deps_of(request)
        raw, turn = await request.body(), turn_of(request)
        way_in = deps.sources.get(source)
        if way_in is not None and await way_in.verify(request.headers, raw, deps.clock.now()):
            turn.proven(source, DEFAULT_TENANT)
            return Delivery(source=source, tenant=DEFAULT_TENANT, raw=raw)
        secret = presented_key(request)
        if secret:
            principal = require(await keyring_of(request).principal(secret), self.permission)
            if way_in is not None:
                turn.proven(source, principal.tenant)
            else:  # a name the caller made up makes no new bucket
                turn.unproven()
            return Delivery(source=source, tenant=principal.tenant, raw=raw)
        if way_in is not None and _open_here(request, deps, source):
            turn.unproven()
            return Delivery(source=source, tenant=DEFAULT_TENANT, raw=raw)
        raise Unauthenticated(
            "This delivery carries no proof that it comes from the source.",
            fix=f"Set the secret of {source} on both sides, or send a key with the role intake.",
        )


Handed = Annotated[Delivery, Depends(Delivered())]


def _open_here(request: Request, deps: WebDeps, source: str) -> bool:
    """Without proof only where the server is bound to this machine, and never on behalf of a web page or of others.

    A page in somebody's browser reaches loopback too: it sends an Origin, or (rebinding its name) a foreign Host. So
    does a proxy on this machine, for anybody; what it adds says so, unless it is set up to add nothing.
    """
    if not deps.config.loopback or source not in deps.config.open_sources:
        return False
    if any(name in _FOR_OTHERS or name.startswith("x-forwarded-") for name in request.headers):
        return False
    return is_loopback_name(request.headers.get("host", ""))


def is_loopback_name(host: str) -> bool:
    """Whether a Host header names this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
