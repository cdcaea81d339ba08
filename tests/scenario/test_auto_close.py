"""Closing without a person: off, in shadow, and on; taken back on recurrence, counted, and learned from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from house import PERSON, ROBOT, TENANT, House
from opsagent.domain.deployment import Deployment
from opsagent.domain.run import Run, RunStatus
from opsagent.domain.ticket import Signal, SignalStatus, Ticket, TicketStatus
from opsagent.errors import Forbidden


async def ticket_of(house: House, run: Run) -> Ticket:
    return await house.app.stores.tickets.get(TENANT, run.ticket_id)


async def healthy_alert(house: House) -> tuple[Run, Ticket]:
    """The condition holds no more when it is measured."""
    house.world.healthy.touch()
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    return run, await ticket_of(house, run)


async def resolve(house: House, fingerprint: str = "f" * 16) -> None:
    house.signals += 1
    signal = Signal(
        id=f"signal-{house.signals}",
        tenant=TENANT,
        source="alertmanager",
        fingerprint=fingerprint,
        name="ShopDown",
        status=SignalStatus.RESOLVED,
        delivery=f"delivery-{house.signals}",
        received_at=house.app.clock.now(),
    )
    await house.app.agent.receive(TENANT, [signal])


async def test_off_closes_nothing_and_counts_nothing(make_house) -> None:
    house: House = await make_house(auto_close="off")
    _, ticket = await healthy_alert(house)
    assert ticket.status is TicketStatus.OPEN
    assert "would be closed if auto-close were on" in ticket.reason
    standing = await house.app.agent.quality(TENANT, days=1)
    assert (standing.quality.closed.total, standing.quality.shadow.total) == (0, 0)


async def test_shadow_closes_nothing_and_counts_what_it_would_have(make_house) -> None:
    house: House = await make_house(auto_close="shadow")
    _, ticket = await healthy_alert(house)
    assert ticket.status is TicketStatus.OPEN
    assert (await house.app.agent.quality(TENANT, days=1)).quality.shadow.total == 1
    await resolve(house)
    await house.alert()
    shadow = (await house.app.agent.quality(TENANT, days=1)).quality.shadow
    assert (shadow.total, shadow.wrong) == (1, 1)


async def test_on_closes_and_a_recurrence_takes_it_back(make_house) -> None:
    house: House = await make_house(auto_close="on")
    first, ticket = await healthy_alert(house)
    assert ticket.status is TicketStatus.CLOSED
    audit = await house.app.stores.audit.list(TENANT)
    assert [entry.detail["ticket"] for entry in audit if entry.action == "ticket.auto_closed"] == [ticket.id]
    await resolve(house)
    assert (await ticket_of(house, first)).status is TicketStatus.CLOSED
    second = await house.alert()
    assert (second.ticket_id, second.id != first.id) == (first.ticket_id, True)
    back = await ticket_of(house, second)
    assert (back.status, back.recurrences) == (TicketStatus.OPEN, 1)
    closed = (await house.app.agent.quality(TENANT, days=1)).quality.closed
    assert (closed.total, closed.wrong) == (1, 1)
    second = await house.drive(second)
    again = await ticket_of(house, second)  # healthy once more, and no longer trusted
    assert again.status is TicketStatus.OPEN
    assert "It came back once after it was closed." in await house.timeline(second)
    assert (await house.app.agent.quality(TENANT, days=1)).quality.closed.total == 1


async def test_a_person_takes_a_close_back(make_house) -> None:
    house: House = await make_house(auto_close="on")
    _, ticket = await healthy_alert(house)
    opened = await house.app.agent.close_ticket(PERSON, ticket.id, reopen=True, reason="it is down")
    assert opened.status is TicketStatus.OPEN
    assert (await house.app.agent.quality(TENANT, days=1)).quality.closed.wrong == 1
    await house.app.agent.say(PERSON, ticket.id, real=False, note="it was noise after all")
    assert (await house.app.agent.quality(TENANT, days=1)).quality.closed.wrong == 0


async def test_what_was_measured_sick_is_never_closed(make_house) -> None:
    house: House = await make_house(auto_close="on", acting=False)
    run = await house.drive(await house.alert())
    assert (await ticket_of(house, run)).status is TicketStatus.ESCALATED
    assert (await house.app.agent.quality(TENANT, days=1)).quality.closed.total == 0


async def test_below_the_threshold_a_person_closes(make_house) -> None:
    house: House = await make_house(auto_close="on", auto_close_least_percent=99)
    _, ticket = await healthy_alert(house)
    assert ticket.status is TicketStatus.OPEN
    assert "below the 0.99" in ticket.reason


async def test_a_deployment_before_it_began_keeps_it_open(make_house) -> None:
    house: House = await make_house(auto_close="on")
    now = house.app.clock.now()
    await house.app.agent.deployed(
        Deployment(id="d", tenant=TENANT, service="shop", environment="", version="v42", at=now - 60)
    )
    run, ticket = await healthy_alert(house)
    assert ticket.status is TicketStatus.OPEN
    assert "Version v42 of shop was deployed 1 min before it began." in await house.timeline(run)


async def test_people_teach_it(make_house) -> None:
    house: House = await make_house(auto_close="shadow")
    run, ticket = await healthy_alert(house)
    sure = run.assessment.confidence
    await house.app.agent.say(PERSON, ticket.id, real=True, note="customers called")
    await resolve(house)
    again = await house.drive(await house.alert())
    assert again.assessment.confidence < sure
    said = await house.timeline(again)
    assert "The last word: customers called" in said
    assert "The last time this did not go away by itself." in said
    with pytest.raises(Forbidden):
        await house.app.agent.say(ROBOT, ticket.id, real=False)


async def test_a_group_is_not_over_while_another_alert_of_it_fires(make_house, tmp_path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {name: shop, same: [service], lead: [ShopDown]}\n")
    house: House = await make_house(auto_close="on", correlation_file=rules)
    house.world.healthy.touch()
    run = await house.alert()
    await house.alert("ShopSlow", fingerprint="e" * 16)
    run = await house.drive(run)
    ticket = await ticket_of(house, run)
    assert (ticket.status, ticket.members, ticket.members_firing) == (TicketStatus.ESCALATED, 2, 2)
    assert "another alert of it fires, and was not measured" in ticket.reason
    await resolve(house, "e" * 16)
    await resolve(house)
    ticket = await house.app.stores.tickets.get(TENANT, ticket.id)
    assert (ticket.firing, ticket.status) == (False, TicketStatus.ESCALATED)  # no signal closes
    assert ticket.run_id != run.id  # but it is measured once more
    await house.drive(await house.app.stores.runs.get(TENANT, ticket.run_id))
    assert (await house.app.stores.tickets.get(TENANT, ticket.id)).status is TicketStatus.CLOSED


async def test_a_resolved_alert_tells_the_run_that_waits_and_it_measures(make_house) -> None:
    house: House = await make_house(auto_close="on")
    run = await house.drive(await house.alert())
    assert run.status is RunStatus.AWAITING_APPROVAL
    await resolve(house)
    assert "resolved at its source" in await house.timeline(run)
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL  # still sick: a signal ends nothing
    house.world.healthy.touch()
    await house.alert()
    await resolve(house)
    run = await house.drive(run)
    assert run.status is RunStatus.COMPLETED, await house.timeline(run)
    assert (await ticket_of(house, run)).status is TicketStatus.RESOLVED
    assert replace(run, assessment=None).had_effect is False
