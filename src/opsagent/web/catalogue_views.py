"""From noun to wire, continued: tickets, runbooks, connections and keys."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.chat_user import ChatUser
from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.domain.ending import Feedback
from opsagent.domain.event import AuditEntry
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import ApiKey
from opsagent.domain.page import Page
from opsagent.domain.ticket import Member, Signal, SignalStatus, Ticket
from opsagent.ports.target import Tested
from opsagent.ports.tickets import Joined
from opsagent.web import catalogue_wire as wire
from opsagent.web.views import assessment_json, iso, iso_or_none


def ticket_json(ticket: Ticket) -> wire.TicketJson:
    """One problem."""
    return {
        "ticketId": ticket.id,
        "tenantId": ticket.tenant,
        "runId": ticket.run_id,
        "status": ticket.status.value,
        "title": ticket.title,
        "name": ticket.name,
        "description": ticket.description,
        "source": ticket.source,
        "severity": ticket.priority.value,
        "priority": ticket.priority.value,
        "environment": ticket.environment,
        "fingerprint": ticket.fingerprint,
        "labels": dict(ticket.labels),
        "annotations": dict(ticket.annotations),
        "firing": ticket.firing,
        "signals": ticket.signals,
        "service": ticket.service,
        "grouping": ticket.grouping,
        "members": ticket.members,
        "membersFiring": ticket.members_firing,
        "recurrences": ticket.recurrences,
        "flappingUntil": iso_or_none(ticket.flapping_until),
        "assessment": assessment_json(ticket.assessment) if ticket.assessment else None,
        "takenBy": ticket.taken_by,
        "silenced": ticket.silenced,
        "mergedInto": ticket.merged_into,
        "reason": ticket.reason or ticket.silenced,
        "createdAt": iso(ticket.created_at),
        "updatedAt": iso(ticket.updated_at),
        "closedAt": iso_or_none(ticket.closed_at),
    }


def ticket_detail(
    ticket: Ticket,
    alerts: Sequence[Member],
    signals: Sequence[Signal],
    said: Feedback | None,
    acts: Sequence[AuditEntry],
) -> wire.TicketDetail:
    """One problem with everything known about it."""
    return {
        **ticket_json(ticket),
        "acts": [act_json(one) for one in acts],
        "alerts": [member_json(one) for one in alerts],
        "feedback": feedback_json(said) if said else None,
        "latestSignals": [signal_json(signal) for signal in signals],
    }


def act_json(entry: AuditEntry) -> wire.ActJson:
    """Something that was done to a ticket."""
    return {
        "at": iso(entry.at),
        "by": entry.actor,
        "what": entry.action.removeprefix("ticket."),
        "about": dict(entry.detail),
    }


def member_json(member: Member) -> wire.MemberJson:
    """One alert of a ticket."""
    return {
        "fingerprint": member.fingerprint,
        "name": member.name,
        "title": member.title,
        "firing": member.firing,
        "priority": member.priority.value,
        "environment": member.environment,
        "service": member.service,
        "labels": dict(member.labels),
        "signals": member.signals,
        "changes": len(member.changes),
        "firstAt": iso_or_none(member.first_at),
        "lastAt": iso_or_none(member.last_at),
    }


def feedback_json(said: Feedback) -> wire.FeedbackJson:
    """A person's word."""
    return {
        "ticketId": said.ticket_id,
        "verdict": "real" if said.real else "noise",
        "note": said.note,
        "by": said.by,
        "at": iso(said.at),
    }


def ticket_list(page: Page[Ticket]) -> wire.TicketList:
    """A page of tickets."""
    cursor = page.cursor or None
    return {"tickets": [ticket_json(ticket) for ticket in page.items], "nextCursor": cursor, "lastKey": cursor}


def freeze_json(freeze: Freeze) -> wire.FreezeJson:
    """A maintenance freeze."""
    return {
        "freezeId": freeze.id,
        "startsAt": iso(freeze.starts_at),
        "endsAt": iso(freeze.ends_at),
        "reason": freeze.reason,
        "by": freeze.by,
        "environments": list(freeze.environments),
        "connections": list(freeze.connections),
    }


def signal_json(signal: Signal) -> wire.SignalJson:
    """One observation."""
    return {
        "signalId": signal.id,
        "source": signal.source,
        "name": signal.name,
        "status": signal.status.value,
        "title": signal.title,
        "description": signal.description,
        "priority": signal.priority.value,
        "labels": dict(signal.labels),
        "startsAt": iso_or_none(signal.starts_at),
        "endsAt": iso_or_none(signal.ends_at),
        "receivedAt": iso_or_none(signal.received_at),
    }


def joined_json(joined: Joined, signal: Signal) -> wire.JoinedJson:
    """What became of a signal. "It is over" about a problem nobody has open makes no ticket: ids are null then."""
    firing = signal.status is SignalStatus.FIRING
    stored = firing or joined.created or joined.duplicate or joined.reopened or not joined.ticket.firing
    return {
        "ticketId": joined.ticket.id if stored else None,
        "runId": (joined.ticket.run_id or None) if stored else None,
        "created": joined.created,
        "duplicate": joined.duplicate,
        "reopened": joined.reopened,
    }


def connection_json(connection: Connection) -> wire.ConnectionJson:
    """A registered target."""
    return {
        "connectionId": connection.id,
        "name": connection.name,
        "executor": connection.executor,
        "reach": connection.reach.value,
        "environment": connection.environment,
        "labels": dict(connection.labels),
        "values": dict(connection.values),
        "hosts": list(connection.hosts),
        "address": connection.address,
        "options": dict(connection.options),
        "credential": connection.credential,
        "readCredential": connection.read_credential,
        "version": connection.version,
        "createdAt": iso_or_none(connection.created_at),
        "updatedAt": iso_or_none(connection.updated_at),
    }


def chat_user_json(member: ChatUser) -> wire.ChatUserJson:
    """A user of a chat and the person they are."""
    return {
        "user": member.user,
        "person": member.person,
        "role": member.role.value,
        "workspace": member.workspace,
        "createdAt": iso(member.created_at),
    }


def credential_json(credential: Credential) -> wire.CredentialJson:
    """A credential, without its value."""
    return {
        "credentialId": credential.id,
        "name": credential.name,
        "kind": credential.kind.value,
        "keeper": credential.keeper.value,
        "reference": credential.reference,
        "connections": list(credential.connections),
        "version": credential.version,
        "createdAt": iso_or_none(credential.created_at),
        "updatedAt": iso_or_none(credential.updated_at),
        "usedAt": iso_or_none(credential.used_at),
        "usedBy": credential.used_by,
    }


def tested_json(found: Sequence[Tested]) -> wire.TestResult:
    """What a test of a target saw."""
    results: list[wire.TestedJson] = [
        {"ok": one.ok, "text": one.text, "fix": one.fix, "facts": dict(one.facts)} for one in found
    ]
    return {"ok": all(one.ok for one in found), "results": results}


def key_json(key: ApiKey) -> wire.KeyJson:
    """A key without its secret or its hash."""
    return {
        "keyId": key.id,
        "name": key.name,
        "role": key.role.value,
        "kind": key.kind.value,
        "createdAt": iso(key.created_at),
        "revokedAt": iso_or_none(key.revoked_at),
    }
