"""A step that was asked about twice: a yes lands only on what the person was shown."""

from __future__ import annotations

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.approval import ApprovalStatus
from opsagent.errors import ApprovalMismatch


async def asked_twice(house: House):
    """A run whose target was registered anew between the question and the answer; both questions."""
    await house.app.stores.connections.put(house.world.connection(counter=str(house.world.state)), PERSON.id)
    run = await house.drive(await house.alert())
    await house.app.stores.connections.put(house.world.connection(), PERSON.id)
    run = await house.drive(run)
    return run, await house.app.stores.approvals.of_run(TENANT, run.id)


async def test_a_yes_without_the_digest_does_not_land_on_an_effect_never_shown(make_house) -> None:
    house: House = await make_house(fix="touch {{connection.counter}}")
    run, (shown, present) = await asked_twice(house)
    assert (shown.status, present.status) == (ApprovalStatus.WITHDRAWN, ApprovalStatus.PENDING)
    assert shown.step_number == present.step_number
    with pytest.raises(ApprovalMismatch, match="more than once"):
        await house.app.agent.decide_step(PERSON, run.id, shown.step_number, grant=True)
    with pytest.raises(ApprovalMismatch):
        await house.app.agent.decide_step(PERSON, run.id, shown.step_number, grant=True, digest=shown.digest)
    assert (await house.app.stores.approvals.get(TENANT, present.id)).status is ApprovalStatus.PENDING
    granted = await house.app.agent.decide_step(PERSON, run.id, present.step_number, grant=True, digest=present.digest)
    assert granted.status is ApprovalStatus.GRANTED


async def test_a_no_needs_no_digest(make_house) -> None:
    house: House = await make_house(fix="touch {{connection.counter}}")
    run, (shown, _) = await asked_twice(house)
    refused = await house.app.agent.decide_step(PERSON, run.id, shown.step_number, grant=False)
    assert refused.status is ApprovalStatus.REFUSED
