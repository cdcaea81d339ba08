"""The headers every answer carries: what a browser may do with it."""

from __future__ import annotations

from starlette.types import Scope

Headers = tuple[tuple[bytes, bytes], ...]
_ALWAYS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
# Nothing of the interface is a page; should a browser take it for one, it does nothing (W3C CSP 3).
_INTERFACE = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
# Pages load from this server alone. The framework of the pages compiles its templates in the browser, and writes its
# start and its styles into the page.
_PAGES = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    b"frame-ancestors 'none'"
)
_INTERFACE_PATHS = ("/api/", "/mcp", "/healthz", "/readyz", "/metrics")
_YEAR = (b"strict-transport-security", b"max-age=31536000")


def headers_for(scope: Scope, public_url: str) -> Headers:
    """Those of an answer to this request, for whatever of them it does not carry itself."""
    policy = _INTERFACE if scope["path"].startswith(_INTERFACE_PATHS) else _PAGES
    secure = scope["scheme"] == "https" or public_url.startswith("https://")
    return (*_ALWAYS, (b"content-security-policy", policy), *((_YEAR,) if secure else ()))
