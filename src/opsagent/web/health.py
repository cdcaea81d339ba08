"""Is it alive, can it take work, and the numbers Prometheus reads."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from opsagent.web import catalogue_wire as wire
from opsagent.web.auth import Reader
from opsagent.web.bodies import as_json
from opsagent.web.body_limit import Missed
from opsagent.web.deps import deps_of
from opsagent.web.openapi import document

router = APIRouter(tags=["Health"])
# The only routes that need no key: a probe has none. They say nothing about any tenant.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


@router.get("/healthz", summary="Whether it lives")
async def healthz() -> Response:
    """200 as long as the process answers at all."""
    return as_json({"status": "ok"})


@router.get(
    "/readyz",
    summary="Whether it can take work",
    responses={200: {"model": wire.ReadyJson}, 503: {"model": wire.ReadyJson}},
)
async def readyz(request: Request) -> Response:
    """200 when work can be taken, else 503; in both cases with what is degraded and why."""
    deps = deps_of(request)
    readiness = await deps.readiness()
    degraded = dict(readiness.degraded)
    missed = request.app.state.missed
    if isinstance(missed, Missed) and (words := missed.words()):
        degraded["deliveries"] = words
    status = "unready" if not readiness.ready else "degraded" if degraded else "ok"
    answer: wire.ReadyJson = {
        "status": status,
        "version": deps.config.version,
        "sandbox": readiness.sandbox,
        "degraded": [{"part": part, "why": why} for part, why in sorted(degraded.items())],
    }
    return as_json(answer, 200 if readiness.ready else 503)


@router.get("/metrics", summary="Prometheus metrics", responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, _: Reader) -> Response:
    """Scrape it with a key of the role viewer (`authorization: credentials_file` in Prometheus)."""
    return Response(generate_latest(deps_of(request).registry), media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/api/v1/openapi.json", summary="This interface as OpenAPI", responses={200: {"content": {"application/json": {}}}}
)
async def openapi(request: Request, _: Reader) -> Response:
    """The OpenAPI document."""
    return as_json(document(request.app))
