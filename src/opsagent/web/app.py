"""The HTTP app: every door over one Agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from opsagent.web import (
    agent_sessions,
    approvals_socket,
    connections,
    control,
    conversations,
    credentials,
    drafts,
    escalations,
    freezes,
    health,
    hints,
    jira,
    keys,
    library,
    mcp,
    notices,
    people,
    policy,
    problems,
    quarantine,
    report,
    runbooks,
    runs,
    schedules,
    session,
    silences,
    single_sign_on,
    skills,
    slack,
    slack_people,
    spending,
    tickets,
    triage,
    triggers,
)
from opsagent.web.acknowledged import Reactions
from opsagent.web.attempts import Attempts
from opsagent.web.auth import Keyring
from opsagent.web.body_limit import BodyLimit, Missed
from opsagent.web.deps import WebDeps
from opsagent.web.doorman import Doorman
from opsagent.web.edge import Edge
from opsagent.web.limits import RateLimit
from opsagent.web.live import Streams, streams_of_app
from opsagent.web.sockets import SocketOrigin

# The busiest first: a request is matched against them in this order.
ROUTERS = (
    triggers.router,
    slack.router,
    jira.router,
    tickets.router,
    runs.router,
    report.router,
    agent_sessions.router,
    approvals_socket.router,
    runbooks.router,
    skills.router,
    library.router,
    conversations.router,
    drafts.router,
    connections.router,
    credentials.router,
    keys.router,
    session.router,
    single_sign_on.router,
    people.router,
    slack_people.router,
    hints.router,
    control.router,
    freezes.router,
    escalations.router,
    quarantine.router,
    notices.router,
    notices.channels,
    schedules.router,
    silences.router,
    silences.windows,
    triage.router,
    spending.router,
    policy.router,
    mcp.router,
    health.router,
)


def create_app(deps: WebDeps, *, more: Sequence[APIRouter] = ()) -> FastAPI:
    """The app over these dependencies; it can be made twice in one process. `more` are a brand's own doors."""
    app = bare_app(deps.config.version, more=more)
    app.state.deps = deps
    app.state.keyring = keyring = Keyring(deps.agent.stores.keys, deps.clock, deps.config.key_cache_s)
    app.state.doorman = doorman = Doorman(
        sessions=deps.sessions,
        attempts=Attempts(deps.clock),
        key=deps.config.session_key,
        public_url=deps.config.public_url,
    )
    app.state.reactions = Reactions(deps.registry)
    app.state.streams = Streams(deps.config.max_streams)
    app.state.missed = missed = Missed(clock=deps.clock, limit_bytes=deps.config.delivery_limit_bytes)
    # The last one added is the outermost.
    app.add_middleware(SocketOrigin)
    app.add_middleware(BodyLimit, limit_bytes=deps.config.body_limit_bytes, missed=missed)
    app.add_middleware(
        RateLimit,
        per_minute=deps.config.rate_per_minute,
        deliveries_per_minute=deps.config.deliveries_per_minute,
        clock=deps.clock,
        keyring=keyring,
        doorman=doorman,
    )
    app.add_middleware(Edge, clock=deps.clock, ids=deps.ids, registry=deps.registry, public_url=deps.config.public_url)
    return app


def bare_app(version: str, *, more: Sequence[APIRouter] = ()) -> FastAPI:
    """The routes alone, for whoever describes them.

    No documentation pages: they would load scripts from elsewhere. Addresses are exact, without redirects.
    """
    app = FastAPI(
        title="OpsAgent",
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        # It would look for OpenTelemetry with each request; what is measured here is on /metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app)
    for router in (*ROUTERS, *more):
        app.include_router(router)
    return app


def close_streams(app: FastAPI) -> None:
    """End every live stream now. A server calls it first when it goes down, else it waits for its watchers."""
    streams_of_app(app).close()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    close_streams(app)
