"""The OpenAPI document, with the permission each route declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from opsagent.domain.identity import Permission


def document(app: FastAPI) -> dict[str, Any]:
    """What FastAPI knows, and `x-permission` on every operation; open routes say `none`."""
    described = app.openapi()
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = described["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                declared = permissions(route)
                operation["x-permission"] = declared[0].value if declared else "none"
                operation["security"] = [{"bearer": []}, {"apiKey": []}] if declared else []
    described.setdefault("components", {})["securitySchemes"] = {
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
