"""Only the tenants an installation's admin named reach its own machine: what is approved there reaches everything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.manifest import Decision

READ, EFFECT, UNPROVEN = "cat /etc/hostname", "touch /srv/x", "python3 -c 'print(1)'"


@pytest.mark.parametrize(("named", "allowed"), [((TENANT,), True), (("*",), True), (("default",), False), ((), False)])
async def test_a_tenant_that_is_not_named_has_no_hand_on_this_machine(make_house, named, allowed) -> None:
    house: House = await make_house(host_reach_tenants=named)
    verdicts = await house.app.agent.explain(TENANT, [READ, EFFECT, UNPROVEN], "shop")
    assert [one.decision is not Decision.DENY for one in verdicts] == [allowed] * 3
    assert {one.rule == "host-reach-off" for one in verdicts} == {not allowed}


async def test_another_tenant_of_the_installation_is_told_which_setting_it_lacks(make_house) -> None:
    house: House = await make_house()
    await house.app.stores.connections.put(replace(house.world.connection(), tenant="rival"), PERSON.id)
    (verdict,) = await house.app.agent.explain("rival", [UNPROVEN], "shop")
    assert verdict.decision is Decision.DENY
    assert "OPSAGENT_HOST_REACH_TENANTS" in verdict.reason
