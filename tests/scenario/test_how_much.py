"""How much one run may do, and how soon and from how many sides one target may be touched."""

from __future__ import annotations

from dataclasses import replace

from house import PERSON, TENANT, House
from opsagent.domain.run import RunStatus
from opsagent.domain.step import StepStatus
from opsagent.settings import Settings

STEPS = "\n\n".join(f"```shell name=s{n}\necho {n} | tee -a {{{{connection.counter}}}}\n```" for n in (1, 2, 3))
THREE = f"---\nid: shop-down\ntitle: Three\n---\n## Fix\n\n{STEPS}\n"


async def through(house: House, run):
    while run.status is RunStatus.AWAITING_APPROVAL:
        run = await house.approve(run)
    return run


async def test_a_run_that_wants_to_do_too_much_is_stopped(make_house) -> None:
    house: House = await make_house(effects_per_run=2)
    await house.add_runbook(THREE)
    run = await through(house, await house.drive(await house.ask()))
    assert run.status is RunStatus.FAILED
    assert "limit of 2 effects" in run.reason, await house.timeline(run)
    assert house.world.count() == 2


async def test_the_steps_of_one_repair_do_not_wait_for_each_other_and_the_next_repair_does(make_house) -> None:
    cooldown = Settings.load({}, environ={"HOME": "/nowhere"}).worker.cooldown_seconds
    assert cooldown > 0
    house: House = await make_house(cooldown_seconds=cooldown)
    await house.add_runbook(THREE)
    run = await through(house, await house.drive(await house.ask()))
    assert (run.status, house.world.count()) == (RunStatus.COMPLETED, 3)
    second = await through(house, await house.drive(await house.ask()))
    assert (second.status, house.world.count()) == (RunStatus.IN_PROGRESS, 3)
    assert "cools down" in second.waiting


async def test_two_connections_to_one_machine_are_one_target(make_house) -> None:
    house: House = await make_house(cooldown_seconds=60)
    await house.app.stores.connections.put(replace(house.world.connection(), name="shop-too"), PERSON.id)
    await house.add_runbook(THREE)
    await through(house, await house.drive(await house.ask()))
    await house.add_runbook(THREE.replace("name=s1", "name=s1 connection=shop-too"))
    second = await through(house, await house.drive(await house.ask()))
    assert "this machine cools down" in second.waiting, await house.timeline(second)
    assert (await house.steps(second))["s1"].status is not StepStatus.SUCCEEDED
    assert second.tenant == TENANT
