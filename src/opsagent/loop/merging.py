"""A person says that two tickets are one problem."""

from __future__ import annotations

from opsagent.domain.identity import Principal, PrincipalKind
from opsagent.domain.run import RunStatus
from opsagent.domain.ticket import Ticket
from opsagent.errors import Forbidden, IllegalMove, NotFound
from opsagent.loop.agent import Agent

_WAITING = frozenset({RunStatus.QUEUED, RunStatus.AWAITING_APPROVAL})


async def merge_tickets(agent: Agent, principal: Principal, ticket_id: str, into: str) -> Ticket:
    """The ticket that goes on. Forbidden, NotFound, IllegalMove.

    One problem needs one run: where the other has one that is open, the waiting run of the first is cancelled. One that
    works goes to its end: what it has begun is measured, and taken back where it did not help.
    """
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden(
            f"{principal.id} is a service, and only people merge tickets.",
            fix="Write a correlation rule: it joins alerts before they are tickets (docs/correlation.md).",
        )
    first = await agent.stores.tickets.get(principal.tenant, ticket_id)
    ticket = await agent.stores.tickets.merge(principal.tenant, ticket_id, into=into, by=principal.id)
    if first.run_id and first.run_id != ticket.run_id and await _is_open(agent, ticket):
        await _cancel_waiting(agent, principal, first.run_id)
    agent.live.changed(principal.tenant, "")
    return ticket


async def _is_open(agent: Agent, ticket: Ticket) -> bool:
    try:
        return not (await agent.stores.runs.get(ticket.tenant, ticket.run_id)).ended
    except NotFound:
        return False


async def _cancel_waiting(agent: Agent, principal: Principal, run_id: str) -> None:
    try:
        run = await agent.stores.runs.get(principal.tenant, run_id)
        if run.status in _WAITING:
            await agent.cancel(principal, run_id)
    except (NotFound, IllegalMove):
        return  # it has ended, or is deleted: nothing waits any more
