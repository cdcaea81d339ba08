"""Reads and compares the addresses of outbound requests; names them without what may be secret."""

from __future__ import annotations

import httpx

from opsagent.errors import InputError


def parse_url(url: str) -> httpx.URL:
    """An http or https address without a password in it. InputError."""
    try:
        target = httpx.URL(url)
        target.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as failed:
        raise InputError("The address is no URL.", fix="Write it as https://host/path.") from failed
    if target.scheme not in {"http", "https"} or not target.host:
        raise InputError("The address is not an http or https URL.", fix="Write it as https://host/path.")
    if not 0 < port_of(target) < 65536:
        raise InputError("The port of the address is not between 1 and 65535.", fix="Correct the port.")
    if target.userinfo:
        raise InputError(f"The address of {name_of(target)} holds a password.", fix="Leave out the part before the @.")
    return target


def redirected(target: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads, if that is the same host and port (or the same host, from http to https). InputError."""
    try:
        following = target.join(location)
    except (httpx.InvalidURL, UnicodeError, ValueError) as failed:
        raise InputError(f"{name_of(target)} redirects to what is no URL.", fix="Register where it leads.") from failed
    following = parse_url(str(following))
    upgrade = (target.scheme, port_of(target), following.scheme, port_of(following)) == ("http", 80, "https", 443)
    same = (target.scheme, port_of(target)) == (following.scheme, port_of(following))
    if following.host != target.host or not (same or upgrade):
        raise InputError(
            f"{name_of(target)} redirects to {name_of(following)}, which is not followed.",
            fix="Register the address it leads to, if you trust it.",
        )
    return following


def port_of(target: httpx.URL) -> int:
    """The port, the scheme's own where none is written."""
    return (443 if target.scheme == "https" else 80) if target.port is None else target.port


def name_of(target: httpx.URL) -> str:
    """Scheme, host and port: path and query may hold secrets and are left out."""
    return f"{target.scheme}://{target.netloc.decode('ascii', 'replace')}"
