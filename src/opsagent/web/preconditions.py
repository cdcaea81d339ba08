"""`If-Match` and `If-None-Match`: what a caller has seen, so that nothing unseen is overwritten (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request

from opsagent.errors import InputError

_ETAG = re.compile(r'"([0-9a-f]{64})"')


def etag(version: str) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}


def expected_version(request: Request, given: str | None = None) -> str | None:
    """The version that must be the present one; empty: there must be none; None: whatever. InputError.

    `given` is what the body says; a header and a body that differ are refused.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    said = {given} - {None}
    if match is not None and match.strip() != "*":
        found = _ETAG.fullmatch(match.strip())
        if found is None:
            raise InputError("If-Match names no version.", fix='Send the ETag you were given: If-Match: "..." .')
        said.add(found.group(1))
    if none_match is not None:
        if none_match.strip() != "*":
            raise InputError("If-None-Match can only be * here.", fix="Send If-None-Match: *, or If-Match.")
        said.add("")
    if len(said) > 1:
        raise InputError("The request expects two different versions.", fix="Send one of them.")
    return next(iter(said), None)


def takes_precondition() -> dict[str, Any]:
    """The OpenAPI words for a route that takes them."""
    words = {
        "If-Match": "Do it only if this is the present version: the ETag of what was read. Else 412.",
        "If-None-Match": "`*`: do it only if there is none yet. Else 412.",
    }
    return {
        "parameters": [
            {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
            for name, text in words.items()
        ]
    }
