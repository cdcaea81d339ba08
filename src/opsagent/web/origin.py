"""Where a request comes from: its address, and what a browser says about the page that sent it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def from_our_page(headers: Headers, public_url: str = "") -> bool | None:
    """Whether a page of ours sent it, as Origin and Sec-Fetch-Site say; None where neither was sent (a program).

    A script cannot change either of them (fetch.spec.whatwg.org, forbidden request-headers).
    """
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if not origins and not sites:
        return None
    if len(origins) > 1 or not set(sites) <= {"same-origin"}:
        return False
    host = headers.get("host", "")
    return all(same_host(one, host) or _is_public(one, public_url) for one in origins)


def same_host(origin: str, host: str) -> bool:
    """Whether an Origin names the host (and port) the request was sent to."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        target = urlsplit(f"//{host}")
        target_port = target.port or _DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return False
    return bool(parts.hostname) and (parts.hostname, port) == (target.hostname, target_port)


def _is_public(origin: str, public_url: str) -> bool:
    """Whether it is the address people reach us by, where a proxy sends another Host on."""
    if not public_url:
        return False
    try:
        here, there = urlsplit(origin), urlsplit(public_url)
        ports = [one.port or _DEFAULT_PORTS[one.scheme] for one in (here, there)]
    except (ValueError, KeyError):
        return False
    return (here.scheme, here.hostname, ports[0]) == (there.scheme, there.hostname, ports[1])


def address_of(scope: Scope) -> str:
    """The caller's address; of IPv6 the /64, which is what one customer is given."""
    host = str((scope.get("client") or ("",))[0])
    if ":" not in host:
        return f"from {host}"
    try:
        network = ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False)
    except ValueError:
        return f"from {host}"
    return f"from {network.network_address}"
