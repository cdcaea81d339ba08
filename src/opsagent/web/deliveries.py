"""Whether a monitoring webhook may hand in signals: by its own proof, by a key, or because only this machine can."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path
from starlette.requests import Request

from opsagent.domain.identity import DEFAULT_TENANT, Permission
from opsagent.errors import NotFound, Unauthenticated
from opsagent.ports.intake import SignalSource
from opsagent.web.auth import keyring_of, presented_key, require
from opsagent.web.deps import WebDeps, deps_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that was let in, as it came, and the tenant it is for."""

    source: SignalSource
    tenant: str
    raw: bytes


class Delivered:
    """The webhook route's one permission; resolves to the delivery. Unauthenticated, Forbidden, NotFound, TooLarge."""

    permission = Permission.POST_SIGNAL

    async def __call__(self, request: Request, source: Annotated[str, Path(max_length=64)]) -> Delivery:
        """The delivery, if it may come in."""
        deps = deps_of(request)
        raw = await request.body()
        way_in = deps.sources.get(source)
        if way_in is not None and way_in.verify(request.headers, raw, deps.clock.now()):
            return Delivery(source=way_in, tenant=deps.config.source_tenants.get(source, DEFAULT_TENANT), raw=raw)
        secret = presented_key(request)
        if secret:
            principal = require(await keyring_of(request).principal(secret), self.permission)
            return Delivery(source=_known(deps, way_in, source), tenant=principal.tenant, raw=raw)
        if way_in is not None and _open_here(request, deps, source):
            return Delivery(source=way_in, tenant=DEFAULT_TENANT, raw=raw)
        raise Unauthenticated(
            "This delivery carries no proof that it comes from the source.",
            fix=f"Set the secret of {source} on both sides, or send a key with the role intake.",
        )


Handed = Annotated[Delivery, Depends(Delivered())]


def _known(deps: WebDeps, way_in: SignalSource | None, source: str) -> SignalSource:
    if way_in is None:
        raise NotFound(
            f"There is no source called {source}.", fix=f"Known: {', '.join(sorted(deps.sources)) or 'none'}."
        )
    return way_in


def _open_here(request: Request, deps: WebDeps, source: str) -> bool:
    """Without proof only where the server is bound to this machine, and never on behalf of a web page.

    A page in somebody's browser reaches loopback too: it sends an Origin, or (rebinding its name) a foreign Host.
    """
    if not deps.config.loopback or source not in deps.config.open_sources or "origin" in request.headers:
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
