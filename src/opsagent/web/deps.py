"""What the doors need from the house, handed in once by whoever builds the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.loop.agent import Agent
from opsagent.loop.intake import Intake
from opsagent.loop.people import People
from opsagent.loop.sessions import Sessions
from opsagent.loop.single_sign_on import SingleSignOn
from opsagent.loop.telling import Telling
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.chat import Chat
from opsagent.ports.clock import Clock, Ids
from opsagent.ports.intake import SignalSource, TriggerSource
from opsagent.ports.target import Tested


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """What people may set about the doors.

    `body_limit_bytes` bounds every request body, `delivery_limit_bytes` those of monitoring. `rate_per_minute` is what
    one key (or one unknown address) may ask, and also the burst it may save up; 0 switches the limit off.
    `deliveries_per_minute` is the same for what one source sends one tenant with its proof. `loopback` says the server
    is bound to this machine only; then the sources in `open_sources` (those without a secret of their own) are taken
    without proof.
    What a source's own secret proves belongs to the tenant `default`; a key carries its own. `tick_s` is how often a
    live stream looks by itself, whatever it was told. `max_streams` bounds the live streams held open at once.
    `public_url` is where people reach this server, empty when nobody said. `session_key` signs the cookies.
    """

    version: str
    body_limit_bytes: int = 1024 * 1024
    delivery_limit_bytes: int = 16 * 1024**2
    rate_per_minute: int = 6000
    deliveries_per_minute: int = 60_000
    loopback: bool = False
    open_sources: frozenset[str] = frozenset()
    key_cache_s: float = 5.0
    tick_s: float = 5.0
    max_streams: int = 200
    public_url: str = ""
    session_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether work can be taken, and what does not work as it should: part -> why, in words.

    `sandbox` names the backend commands in the sandbox are held in by.
    """

    ready: bool
    sandbox: str = ""
    degraded: Mapping[str, str] = field(default_factory=dict)


class CredentialKeeper(Protocol):
    """Stores values; they go in and never come out by this way."""

    async def keep(self, credential: Credential, values: Mapping[str, str], by: str) -> Credential:
        """A new credential, or a new value of an old one. InputError, ConfigurationError, ConflictError."""
        ...

    async def rotate_key(self, tenant: str) -> int:
        """Seal every value anew with the present key; how many were."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDeps:
    """Everything the routes use. `sources` maps `{source}` of the webhook route to its way in, `chats` a brand to it.

    `triggers` maps the brand of a trigger's route to its way in. `registry` is the app's own: the web's metrics are
    registered in it, so one registry serves one app. `hears_every_write`: the agent's `live` is told of all that is
    written to the store, because nobody else writes to it.
    """

    agent: Agent
    telling: Telling
    people: People
    sessions: Sessions
    clock: Clock
    ids: Ids
    sources: Mapping[str, SignalSource]
    config: WebConfig
    readiness: Callable[[], Awaitable[Readiness]]
    registry: CollectorRegistry
    triggers: Mapping[str, TriggerSource] = field(default_factory=dict)
    artifacts: ArtifactStore | None = None
    credentials: CredentialKeeper | None = None
    check_connection: Callable[[Connection], None] | None = None
    test_connection: Callable[[Connection], Awaitable[Sequence[Tested]]] | None = None
    chats: Mapping[str, Chat] = field(default_factory=dict)
    single_sign_on: SingleSignOn | None = None
    hears_every_write: bool = False

    @property
    def intake(self) -> Intake:
        """The way in for monitoring."""
        return Intake(agent=self.agent, sources=self.sources, clock=self.clock)


def deps_of(connection: HTTPConnection) -> WebDeps:
    """The app's dependencies, from any request or socket."""
    deps = connection.app.state.deps
    if not isinstance(deps, WebDeps):
        raise TypeError("the app was not made by create_app")
    return deps
