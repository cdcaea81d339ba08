"""A dry run shows what a runbook would do, and does nothing."""

from __future__ import annotations

from house import HEALS, RUNBOOK, TENANT, House
from opsagent.domain.manifest import Decision

WHOLE = RUNBOOK.replace(
    "## Verify",
    '## Fix more\n\n```shell name=more when="count ok" undo="rm -f {{connection.counter}}"\n'
    "touch {{connection.counter}}\n```\n\n```shell name=later\nkill {{pid}}\n```\n\n## Verify",
).replace("name=look", r'name=look capture="pid:^([0-9]+)$"')


async def test_each_step_is_judged_and_none_is_run(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook(WHOLE % {"fix": HEALS})
    found = {one.name: one for one in await house.app.agent.library.rehearse(TENANT, "shop-down", connection="shop")}
    assert list(found) == ["measure ShopDown", "look", "count", "more", "later", "answers"]
    verdicts = {name: one.verdict.decision if one.verdict else None for name, one in found.items()}
    assert verdicts["look"] is Decision.ALLOW
    assert verdicts["count"] is Decision.ASK
    assert verdicts["later"] is None
    assert "pid" in found["later"].problem
    assert (found["more"].when, found["more"].target) == ("count ok", "shop")
    assert str(house.world.counter) in found["more"].undo
    assert not house.world.healthy.exists()
    assert not house.world.counter.exists()
    assert (await house.app.stores.runs.list(TENANT)).items == ()
    told = await house.app.agent.library.rehearse(TENANT, "shop-down", connection="shop", given={"pid": "4711"})
    (later,) = [one for one in told if one.name == "later"]
    assert later.command == "kill 4711"
    assert later.verdict is not None
    assert later.verdict.manifest.processes == ("4711",)


async def test_a_step_for_another_kind_of_target_is_denied(make_house) -> None:
    house: House = await make_house()
    await house.add_runbook("---\nid: q\n---\n# Q\n\n## Fix\n\n```sql name=a\nselect 1\n```\n")
    (step,) = await house.app.agent.library.rehearse(TENANT, "q", connection="shop")
    assert step.verdict is not None
    assert (step.verdict.decision, step.verdict.rule) == (Decision.DENY, "wrong-executor")
