"""The shapes of people and sessions on the wire."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic documents typing.TypedDict only from Python 3.12 on


class PersonJson(TypedDict):
    """Somebody who signs in; never a password, nor its hash. `state` is active, invited, without_password, disabled."""

    personId: str
    name: str
    login: str
    role: str
    state: str
    singleSignOn: bool
    createdAt: str
    lastSeenAt: str | None


class PersonList(TypedDict):
    """All of the tenant, by name."""

    people: list[PersonJson]


class SessionInfoJson(TypedDict):
    """Who asks, and what they may. For a key the last four are null: a key needs no token and has no session."""

    principal: str
    name: str
    tenantId: str
    role: str
    kind: str
    permissions: list[str]
    signedInBy: str | None
    csrfToken: str | None
    createdAt: str | None
    endsAt: str | None


class WaysJson(TypedDict):
    """How one may sign in; `singleSignOn` is the address a browser is sent to, null where it is not set up."""

    password: bool
    key: bool
    singleSignOn: str | None


class InvitationJson(TypedDict):
    """A link that sets a password, once. It is in this answer and nowhere else; `path` is below this server."""

    token: str
    path: str
    url: str | None
    expiresAt: str
