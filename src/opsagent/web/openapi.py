"""The OpenAPI document, with the permission each route declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from opsagent.domain.identity import Permission

_TEXT = {"type": "string"}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong and what to do about it (RFC 9457); `errors` names each wrong field.",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "fix": _TEXT,
        "code": _TEXT,
        "retryable": {"type": "boolean"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail", "fix", "code", "retryable"],
}
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def document(app: FastAPI) -> dict[str, Any]:
    """What FastAPI knows, `x-permission` on every operation (open routes say `none`), and problems as the errors."""
    described = app.openapi()
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = described["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                declared = permissions(route)
                operation["x-permission"] = declared[0].value if declared else "none"
                operation["security"] = [{"bearer": []}, {"apiKey": []}] if declared else []
                operation["responses"].pop("422", None)  # FastAPI's own shape, which never goes out
                operation["responses"]["default"] = {"description": "A problem", "content": _PROBLEM_CONTENT}
    components = described["components"]
    components["schemas"] = {
        name: schema for name, schema in components["schemas"].items() if not name.endswith("ValidationError")
    } | {"Problem": _PROBLEM}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    return described


def permissions(route: RouteContext) -> list[Permission]:
    """The permissions a route declares; each of our routes declares exactly one, or is on the list of open ones."""
    dependant = getattr(route, "dependant", None)
    return list(_declared(dependant)) if isinstance(dependant, Dependant) else []


def _declared(dependant: Dependant) -> Iterator[Permission]:
    for needed in dependant.dependencies:
        declared = getattr(needed.call, "permission", None)
        if isinstance(declared, Permission):
            yield declared
        yield from _declared(needed)
