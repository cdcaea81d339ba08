"""A route for where every microsecond counts: FastAPI describes it, and its endpoint is called straight."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.auth import Needs


class DirectRoute(APIRoute):
    """Its endpoint takes exactly `(request, principal)`, the principal by one `Needs`.

    FastAPI's general solving of dependencies, a fifth of the processor time of an acknowledgement, is left out; the
    declared permission, the documentation and the answers to errors are as everywhere.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls to build the route. TypeError for an endpoint that takes anything else."""
        needs = [needed.call for needed in self.dependant.dependencies]
        solved = self.dependant
        others = (
            solved.path_params,
            solved.query_params,
            solved.header_params,
            solved.cookie_params,
            solved.body_params,
        )
        if len(needs) != 1 or not isinstance(needs[0], Needs) or any(others):
            raise TypeError(f"{self.path}: an endpoint here takes a request and one principal")
        permit, endpoint = needs[0], self.endpoint

        async def handle(request: Request) -> Response:
            answer: Response = await endpoint(request, await permit(request))
            return answer

        return handle
