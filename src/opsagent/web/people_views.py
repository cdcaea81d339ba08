"""People and sessions as they go out."""

from __future__ import annotations

from opsagent.domain.identity import Permission, Principal
from opsagent.domain.person import Person
from opsagent.loop.people import Invitation
from opsagent.loop.sessions import SignedIn
from opsagent.web import people_wire as wire
from opsagent.web.views import iso, iso_or_none

INVITATION_PATH = "/invitation"  # the page; its token stands behind the #, which no browser sends and no log has


def person_json(person: Person) -> wire.PersonJson:
    """One person."""
    return {
        "personId": person.id,
        "name": person.name,
        "login": person.login,
        "role": person.role.value,
        "state": _state(person),
        "singleSignOn": bool(person.subject),
        "createdAt": iso(person.created_at),
        "lastSeenAt": iso_or_none(person.last_seen_at),
    }


def _state(person: Person) -> str:
    if person.disabled_at is not None:
        return "disabled"
    if person.password_hash or person.subject:
        return "active"
    return "invited" if person.invitation_sha256 else "without_password"


def session_json(principal: Principal, signed_in: SignedIn | None, csrf_token: str) -> wire.SessionInfoJson:
    """Who asks, by a session or by a key."""
    session = signed_in.session if signed_in else None
    return {
        "principal": principal.id,
        "name": signed_in.name if signed_in else principal.id.partition(":")[2].rpartition("/")[0],
        "tenantId": principal.tenant,
        "role": principal.role.value,
        "kind": principal.kind.value,
        "permissions": [one.value for one in Permission if principal.may(one)],
        "signedInBy": session.means.value if session else None,
        "csrfToken": csrf_token or None,
        "createdAt": iso(session.created_at) if session else None,
        "endsAt": iso(session.ends_at) if session else None,
    }


def invitation_json(invitation: Invitation, public_url: str) -> wire.InvitationJson:
    """The link."""
    path = f"{INVITATION_PATH}#{invitation.token}"
    return {
        "token": invitation.token,
        "path": path,
        "url": f"{public_url.rstrip('/')}{path}" if public_url else None,
        "expiresAt": iso(invitation.until),
    }
