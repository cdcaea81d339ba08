"""From noun to wire, continued: tickets, runbooks, connections and keys."""

from __future__ import annotations

from collections.abc import Sequence

from opsagent.domain.connection import Connection
from opsagent.domain.credential import Credential
from opsagent.domain.freeze import Freeze
from opsagent.domain.identity import ApiKey
from opsagent.domain.page import Page
from opsagent.domain.runbook import Runbook
from opsagent.domain.ticket import Signal, SignalStatus, Ticket
from opsagent.ports.index import Found
from opsagent.ports.stores import Joined
from opsagent.ports.target import Tested
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
        "assessment": assessment_json(ticket.assessment) if ticket.assessment else None,
        "takenBy": ticket.taken_by,
        "reason": ticket.reason,
        "createdAt": iso(ticket.created_at),
        "updatedAt": iso(ticket.updated_at),
        "closedAt": iso_or_none(ticket.closed_at),
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
        "runId": joined.ticket.run_id if stored else None,
        "created": joined.created,
        "duplicate": joined.duplicate,
        "reopened": joined.reopened,
    }


def runbook_json(runbook: Runbook) -> wire.RunbookJson:
    """A runbook without its text."""
    return {
        "runbookId": runbook.id,
        "title": runbook.title,
        "position": runbook.position,
        "revision": runbook.revision,
        "version": runbook.version,
        "executable": runbook.executable,
        "alerts": list(runbook.alerts),
        "aliases": list(runbook.aliases),
        "labels": dict(runbook.labels),
        "severity": runbook.severity,
        "connection": runbook.connection,
        "owner": runbook.owner,
        "summary": runbook.summary,
        "steps": len(runbook.steps),
        "updatedAt": iso_or_none(runbook.updated_at),
    }


def runbook_detail(runbook: Runbook) -> wire.RunbookDetail:
    """A runbook with its text, its parameters and its steps."""
    return {
        **runbook_json(runbook),
        "source": runbook.source,
        "path": runbook.path,
        "parameters": [
            {
                "name": one.name,
                "pattern": one.pattern,
                "source": one.source,
                "default": one.default,
                "description": one.description,
            }
            for one in runbook.parameters
        ],
        "stepList": [
            {
                "name": step.name,
                "phase": step.phase.value,
                "text": step.text,
                "executor": step.executor,
                "connection": step.connection,
                "why": step.why,
                "line": step.line,
                "undo": "restore" if step.undo and step.undo.restore else step.undo.text if step.undo else "",
            }
            for step in runbook.steps
        ],
    }


def found_json(found: Found) -> wire.FoundJson:
    """What a search found."""
    return {
        "query": found.query,
        "fits": found.fits,
        "hits": [{"runbookId": hit.id, "score": hit.score, "why": hit.why, "exact": hit.exact} for hit in found.hits],
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
