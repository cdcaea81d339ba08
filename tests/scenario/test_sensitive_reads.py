"""A read that was asked about because it may show secrets: who may look sees it, and it travels nowhere else."""

from __future__ import annotations

import json

import pytest

from house import PERSON, TENANT, House
from opsagent.domain.run import RunStatus, Source
from opsagent.domain.trigger import Trigger

SECRET = "correct-horse-battery"
BOOK = """---
id: look
title: Look
---
## Diagnosis

```shell name=look %s
cat {{connection.secret}}
```
"""


async def looked(house: House, expect: str = ""):
    secret = house.world.folder / "app-secret.txt"
    secret.write_text(f'{{"is": "{SECRET}"}}\n')
    await house.app.stores.connections.put(house.world.connection(secret=str(secret)), PERSON.id)
    await house.add_runbook(BOOK % expect)
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="look", requested_by=PERSON.id, runbook_id="look", connection="shop",
        callback_url="http://127.0.0.1:9/hook",
    )  # fmt: skip
    run = await house.drive(await house.app.agent.submit(trigger))
    assert run.status is RunStatus.AWAITING_APPROVAL
    return await house.approve(run)


@pytest.mark.parametrize("expect", ["", "expect=json:is=y", "expect=!/horse/", "expect=/horse/"])
async def test_what_it_shows_stays_with_who_may_look(make_house, expect) -> None:
    house: House = await make_house()
    run = await looked(house, expect)
    step = (await house.steps(run))["look"]
    assert SECRET in step.outcome.stdout
    assert SECRET not in run.result.summary
    assert SECRET not in run.reason + run.error
    for event in await house.app.stores.journal.events(TENANT, run.id):
        assert SECRET not in event.content
    (notice,) = (await house.app.stores.notices.list(TENANT)).items
    assert SECRET not in notice.body
    assert json.loads(notice.body)["result"]["summary"] == run.result.summary
    assert "withheld" in run.result.summary
    for entry in await house.app.stores.audit.list(TENANT):
        assert SECRET not in str(entry.detail)


async def test_its_approval_is_good_for_once(make_house) -> None:
    house: House = await make_house()
    run = await looked(house)
    (approval,) = await house.app.stores.approvals.of_run(TENANT, run.id)
    assert approval.used_at is not None


async def test_a_pause_does_not_hold_back_a_read_that_was_approved(make_house) -> None:
    house: House = await make_house()
    await house.app.agent.switch(PERSON, "paused", on=True)
    assert (await looked(house)).status is RunStatus.COMPLETED
