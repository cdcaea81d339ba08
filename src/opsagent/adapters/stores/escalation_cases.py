"""Finds what escalations are about, and reads it as it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    TextClause,
    and_,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
)

from opsagent.adapters.stores import approval_rows, run_rows, ticket_rows
from opsagent.adapters.stores.escalation_tables import escalations
from opsagent.adapters.stores.tables import approvals, connections, runs, tickets
from opsagent.domain.approval import Approval
from opsagent.domain.escalation import AGAIN, FRESH_S, Case
from opsagent.domain.escalation_policy import Occasion
from opsagent.domain.run import Run
from opsagent.domain.ticket import Ticket
from opsagent.errors import ConflictError, NotFound
from opsagent.ports.escalations import Waiting

T = TypeVar("T")
# Word for word as in the indexes, or SQLite does not use them.
_ASKED = text("approvals.status = 'pending'")
_FAILED = text("runs.status = 'failed'")
_OPEN = text("tickets.status IN ('open', 'escalated')")
_AGAIN = tuple(sorted(why.value for why in AGAIN))


def waiting(
    connection: Connection, occasion: Occasion, now: float, limit: int, after: tuple[str, str]
) -> list[Waiting]:
    """See EscalationStore.waiting."""
    table, recurrences, conditions = _places(occasion, now)
    place = tuple_(table.c.tenant, table.c.id)
    query = select(table.c.tenant, table.c.id).where(
        *conditions, place > after, ~_known(occasion, table.c.tenant, table.c.id, recurrences)
    )
    rows = connection.execute(query.order_by(table.c.tenant, table.c.id).limit(limit)).all()
    return [
        Waiting(
            case=case_of(connection, occasion, tenant, subject),
            number=_climbs(connection, occasion, tenant, subject) + 1,
        )
        for tenant, subject in rows
    ]


def case_of(connection: Connection, occasion: Occasion, tenant: str, subject: str) -> Case:
    """What an escalation is about, as it is now; what is not there any more, or cannot be read, is None in it."""
    approval: Approval | None = None
    run: Run | None = None
    ticket: Ticket | None = None
    run_id, ticket_id = subject, subject
    if occasion is Occasion.APPROVAL_UNANSWERED:
        approval = _found(lambda: approval_rows.fetch(connection, tenant, subject))
        run_id = approval.run_id if approval is not None else ""
    if occasion is Occasion.TICKET_OPEN:
        ticket = _found(lambda: ticket_rows.fetch(connection, tenant, ticket_id))
        run_id = ticket.run_id if ticket is not None else ""
    if run_id:
        run = _found(lambda: run_rows.fetch(connection, tenant, run_id))
    if ticket is None and run is not None and run.ticket_id:
        of_run = run.ticket_id
        ticket = _found(lambda: ticket_rows.fetch(connection, tenant, of_run))
    target = approval.target if approval is not None else run.connection if run is not None else ""
    return Case(
        occasion=occasion,
        tenant=tenant,
        subject=subject,
        run=run,
        approval=approval,
        ticket=ticket,
        environment=_environment(connection, tenant, target) if target else "",
    )


def _places(
    occasion: Occasion, now: float
) -> tuple[Table, ColumnElement[int], tuple[ColumnElement[bool] | TextClause, ...]]:
    """Where cases of a kind lie, how often each had come back, and which of them are open and fresh."""
    fresh, never = now - FRESH_S, literal(0)
    match occasion:
        case Occasion.APPROVAL_UNANSWERED:
            return approvals, never, (_ASKED, approvals.c.expires_at > now, approvals.c.requested_at > fresh)
        case Occasion.RUN_FAILED:
            return runs, never, (_FAILED, runs.c.completed_at > fresh)
        case Occasion.TICKET_OPEN:
            lately = or_(tickets.c.created_at > fresh, tickets.c.updated_at > fresh)
            return tickets, tickets.c.recurrences, (_OPEN, lately)


def _known(
    occasion: Occasion, tenant: ColumnElement[str], subject: ColumnElement[str], recurrences: ColumnElement[int]
) -> ColumnElement[bool]:
    """Whether it has an escalation, or had one that says all there is to say."""
    return (
        select(escalations.c.id)
        .where(
            escalations.c.tenant == tenant,
            escalations.c.occasion == occasion.value,
            escalations.c.subject == subject,
            or_(
                escalations.c.ended_at.is_(None),
                and_(escalations.c.ended.not_in(_AGAIN), escalations.c.recurrences >= recurrences),
            ),
        )
        .exists()
    )


def _climbs(connection: Connection, occasion: Occasion, tenant: str, subject: str) -> int:
    return connection.execute(
        select(func.count())
        .select_from(escalations)
        .where(
            escalations.c.tenant == tenant,
            escalations.c.occasion == occasion.value,
            escalations.c.subject == subject,
        )
    ).scalar_one()


def _environment(connection: Connection, tenant: str, name: str) -> str:
    found = connection.execute(
        select(connections.c.environment).where(connections.c.tenant == tenant, connections.c.name == name)
    ).scalar()
    return found or ""


def _found(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (NotFound, ConflictError):  # deleted, or damaged: one row must not stop the escalations of all others
        return None
