"""Which alerts have a runbook that works here: on real runbooks, targets and rules of the policy, running nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest_asyncio

from house import HEALS, PERSON, RUNBOOK, TENANT, House
from opsagent.domain.coverage import AlertRule, Cover, Covered
from opsagent.domain.run import RunStatus


@pytest_asyncio.fixture
async def house(make_house) -> House:
    return await make_house()


async def covered(house: House, *rules: AlertRule, links: bool = False) -> dict[str, Covered]:
    report = await house.app.agent.library.cover(TENANT, rules, links=links)
    return {one.rule.name: one for one in report}


def rule(name: str, **annotations: str) -> AlertRule:
    return AlertRule(name=name, labels={"severity": "page"}, annotations=annotations)


async def test_a_runbook_that_works_is_ready_and_its_last_use_is_told(house: House) -> None:
    await house.add_runbook(RUNBOOK % {"fix": HEALS})
    one = (await covered(house, rule("ShopDown")))["ShopDown"]
    assert (one.cover, one.runbook_id, one.target, one.problems, one.uses) == (
        Cover.READY,
        "shop-down",
        "shop",
        (),
        None,
    )
    run = await house.drive(await house.alert())
    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED
    uses = (await covered(house, rule("ShopDown")))["ShopDown"].uses
    assert uses is not None
    assert (uses.used, uses.yes, uses.last_run, uses.last_result) == (1, 1, run.id, "yes")


async def test_what_has_no_runbook_and_what_nobody_is_to_see(house: House) -> None:
    await house.add_runbook(RUNBOOK % {"fix": HEALS})
    watchdog = AlertRule(name="Watchdog", labels={"severity": "none"})
    found = await covered(house, rule("KubePodCrashLooping"), watchdog)
    assert [(one.cover, one.runbook_id) for one in found.values()] == [(Cover.NONE, "")]


async def test_a_step_the_policy_would_deny_is_told(house: House) -> None:
    await house.add_runbook(RUNBOOK % {"fix": "rm -rf /"})
    one = (await covered(house, rule("ShopDown")))["ShopDown"]
    assert one.cover is Cover.PARTLY
    assert "count would be denied on shop" in one.problems[0]


async def test_a_measure_that_is_no_read_measures_nothing(house: House) -> None:
    text = (RUNBOOK % {"fix": HEALS}).replace(
        "run: test -e {{connection.healthy}}", "run: touch {{connection.healthy}}"
    )
    await house.add_runbook(text)
    one = (await covered(house, rule("ShopDown")))["ShopDown"]
    assert one.cover is Cover.PARTLY
    assert "measure ShopDown is not proven to be a read" in one.problems[0]


async def test_targets_that_are_not_registered_are_told(house: House) -> None:
    text = RUNBOOK % {"fix": HEALS}
    await house.add_runbook(text.replace("title: The", "connection: elsewhere\ntitle: The"))
    assert (await covered(house, rule("ShopDown")))["ShopDown"].problems == (
        "its connection elsewhere is not registered",
    )
    await house.add_runbook(text.replace("cat {{connection.state}}", "cat {{connection.nothing}}"))
    assert "look does not work on shop" in (await covered(house, rule("ShopDown")))["ShopDown"].problems[0]
    await house.add_runbook(text)
    other = AlertRule(name="ShopDown", labels={"service": "bakery"})
    assert "no registered connection" in (await covered(house, other))["ShopDown"].problems[0]


async def test_pages_names_disabled_ones_and_rivals(house: House) -> None:
    text = RUNBOOK % {"fix": HEALS}
    await house.add_runbook(text)
    await house.add_runbook("# Bakery down\n\n## Fix\n\n```sh\nls\n```\n")
    by_name = (await covered(house, rule("Bakery Down")))["Bakery Down"]
    assert (by_name.cover, by_name.runbook_id) == (Cover.PARTLY, "test")
    assert by_name.problems == (
        "it is shown, not followed: add Bakery Down to its alerts",
        "it is a page to read: it has no front matter",
    )
    await house.add_runbook(text.replace("id: shop-down", "id: rival"))
    rivals = (await covered(house, rule("ShopDown")))["ShopDown"]
    assert "several runbooks are for it, so none is followed: shop-down, rival" in rivals.problems
    library = house.app.agent.library
    await library.enable(PERSON, "rival", on=False)
    assert (await covered(house, rule("ShopDown")))["ShopDown"].cover is Cover.READY
    await library.enable(PERSON, "shop-down", on=False)
    assert (await covered(house, rule("ShopDown")))["ShopDown"].problems == ("it is disabled",)


async def test_nothing_that_verifies_and_samples_for_what_an_alert_would_bring(house: House) -> None:
    text = """---
id: bakery
alerts: [BakeryDown]
labels: {tier: "1"}
parameters:
  unit: {pattern: '^[a-z]+[.]service$', from: unit}
  odd: {pattern: '^no-sample-fits-[0-9]{3}$', from: odd}
---
## Diagnosis

```shell name=state capture=pid:^MainPID=([0-9]+)$
systemctl show -p MainPID {{unit}}
```

```shell name=odd
cat {{odd}}
```

```shell name=who
ps -p {{pid}}
```
"""
    await house.add_runbook(text)
    one = (await covered(house, rule("BakeryDown")))["BakeryDown"]
    assert one.problems == ("nothing in it measures whether it helped, so a person has to close the ticket",)
    assert "it is only for alerts with tier=1" in one.notes
    assert any("odd could not be tried" in note for note in one.notes)
    assert not any("who" in note for note in one.notes)


async def test_links_are_tried_only_when_asked_and_names_are_links_too(house: House) -> None:
    await house.add_runbook(RUNBOOK % {"fix": HEALS})
    tried: list[str] = []

    async def follow(link: str) -> str:
        tried.append(link)
        return "it answers 404" if "gone" in link else ""

    library = house.app.agent.library
    library = replace(library, readers=replace(library.readers, follow=follow))
    rules = [
        rule("ShopDown", runbook_url="https://example.com/gone"),
        rule("ShopDown", runbook_url="https://example.com/gone"),
        rule("ShopDown", runbook_url="https://example.com/here"),
        rule("ShopDown", runbook_url="https://example.com/{{ $labels.x }}"),
        rule("ShopDown", runbook="shop-down"),
        rule("ShopDown", runbook="nowhere"),
    ]
    problems = [one.problems for one in await library.cover(TENANT, rules, links=False)]
    assert tried == []
    assert problems[:5] == [()] * 5
    assert problems[5] == ("its link is no address and no runbook here: nowhere",)
    found = await library.cover(TENANT, rules, links=True)
    assert sorted(tried) == ["https://example.com/gone", "https://example.com/here"]
    assert [one.cover.value for one in found] == ["partly", "partly", "ready", "ready", "ready", "partly"]
    assert found[0].problems == ("its link does not work: it answers 404",)
