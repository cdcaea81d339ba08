"""By the clock, over the whole loop: a schedule's run, a silence, a maintenance window that freezes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from house import PERSON, TENANT, House
from opsagent.bootstrap import App, build
from opsagent.domain.approval import ApprovalStatus
from opsagent.domain.matcher import read_matcher
from opsagent.domain.run import RunStatus, Source
from opsagent.domain.schedule import Schedule, Timing
from opsagent.domain.silence import MaintenanceWindow, Silence
from opsagent.domain.step import StepStatus
from opsagent.domain.ticket import Signal, SignalStatus
from opsagent.errors import Forbidden
from opsagent.settings import Settings

MakeHouse = Callable[..., Awaitable[House]]
SHOP_DOWN = Signal(
    id="s1",
    tenant=TENANT,
    source="alertmanager",
    fingerprint="f" * 16,
    name="ShopDown",
    status=SignalStatus.FIRING,
    delivery="hushed",
    labels={"alertname": "ShopDown", "service": "shop"},
)


def silence(app: App) -> Silence:
    now = app.clock.now()
    return Silence(
        id="q1",
        tenant=TENANT,
        matchers=(read_matcher("service=shop"),),
        starts_at=now - 1,
        ends_at=now + 3600,
        comment="moving house",
        by=PERSON.id,
    )


def always(house: House, **changes: object) -> MaintenanceWindow:
    """A window that opened less than a minute ago."""
    fields: dict[str, object] = {"timing": Timing(cron="* * * * *"), "duration_s": 600} | changes
    return MaintenanceWindow(id="", tenant=TENANT, name="patching", **fields)  # type: ignore[arg-type]


async def test_a_firing_goes_the_whole_way_and_its_effect_is_asked_about(make_house: MakeHouse) -> None:
    house = await make_house()
    hourly = Schedule(
        id="",
        tenant=TENANT,
        name="hourly",
        timing=Timing(cron="0 * * * *"),
        text="bring the shop back",
        runbook_id="shop-down",
        connection="shop",
    )
    stored = await house.app.agent.timetable.put(PERSON, hourly)
    assert stored.next_at is not None and stored.next_at > house.app.clock.now()

    assert await house.app.scheduler.run_once() == 0
    await house.app.stores.schedules.put(replace(stored, next_at=house.app.clock.now() - 1), PERSON.id)
    assert await house.app.scheduler.run_once() == 1
    (run,) = (await house.app.stores.runs.list(TENANT, source=Source.SCHEDULE)).items
    assert (run.requested_by, run.scope) == ("schedule:hourly", ("shop",))
    assert run.trigger["madeBy"] == PERSON.id
    run = await house.drive(run)
    assert run.status is RunStatus.AWAITING_APPROVAL, "a schedule approves nothing"
    run = await house.approve(run)
    assert (run.status, house.world.healthy.exists()) == (RunStatus.COMPLETED, True)


async def test_a_silenced_alert_starts_and_tells_nothing_until_the_silence_ends(make_house: MakeHouse) -> None:
    house = await make_house()
    agent, stores = house.app.agent, house.app.stores
    await agent.timetable.silence(silence(house.app))
    (joined,) = await agent.receive(TENANT, [SHOP_DOWN])
    assert joined.ticket.silenced.startswith(f"silenced by {PERSON.id} until ")
    assert not (await stores.runs.list(TENANT)).items
    assert not (await stores.notices.list(TENANT)).items
    assert len(await stores.tickets.signals(TENANT, joined.ticket.id)) == 1
    await stores.silences.expire(TENANT, "q1", PERSON.id)
    run = await house.alert()
    assert run.ticket_id == joined.ticket.id
    run = await house.approve(await house.drive(run))
    assert (run.status, house.world.healthy.exists()) == (RunStatus.COMPLETED, True)


async def test_what_was_told_once_gets_its_run_after_the_silence_where_nothing_is_set(tmp_path: Path) -> None:
    settings = Settings.load({"data_dir": tmp_path}, environ={})
    async with build(settings, serving=False) as app:
        await app.agent.timetable.silence(silence(app))
        (joined,) = await app.agent.receive(TENANT, [SHOP_DOWN])
        await app.stores.silences.expire(TENANT, "q1", PERSON.id)
        assert not (await app.stores.runs.list(TENANT)).items
    async with build(settings, serving=True) as app, asyncio.timeout(30):
        while not (runs := (await app.stores.runs.list(TENANT)).items):
            await asyncio.sleep(0.02)
    assert [run.ticket_id for run in runs] == [joined.ticket.id]


async def test_nothing_is_changed_while_a_window_that_freezes_is_open(make_house: MakeHouse) -> None:
    house = await make_house()
    timetable = house.app.agent.timetable
    await timetable.put_window(PERSON, always(house, freeze=True, labels={"service": "shop"}, comment="kernel"))
    run = await house.drive(await house.alert())
    assert (run.status, (await house.steps(run))["count"].status) == (RunStatus.IN_PROGRESS, StepStatus.PROPOSED)
    assert "maintenance window patching: kernel" in run.waiting
    assert not house.world.healthy.exists()


async def test_a_window_that_freezes_another_target_or_is_shut_stops_nothing(make_house: MakeHouse) -> None:
    house = await make_house()
    timetable = house.app.agent.timetable
    await timetable.put_window(PERSON, always(house, freeze=True, labels={"service": "till"}))
    begins = (datetime.now(UTC) + timedelta(days=2)).timestamp()
    shut = Timing(cron="* * * * *", starts_at=begins)
    await house.app.stores.silences.put_window(always(house, timing=shut, freeze=True), PERSON.id)
    run = await house.approve(await house.drive(await house.alert()))
    assert (run.status, house.world.healthy.exists()) == (RunStatus.COMPLETED, True)


async def test_who_made_a_schedule_does_not_approve_its_runs_where_somebody_else_must(
    make_house: MakeHouse, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{id: two-pairs, decide: ASK, when: {effect: true}, four_eyes: true}]\n")
    house = await make_house(user_policy_file=policy)
    hourly = Schedule(
        id="", tenant=TENANT, name="hourly", timing=Timing(cron="0 * * * *"), text="bring it back",
        runbook_id="shop-down", connection="shop",
    )  # fmt: skip
    stored = await house.app.agent.timetable.put(PERSON, hourly)
    await house.app.stores.schedules.put(replace(stored, next_at=house.app.clock.now() - 1), PERSON.id)
    await house.app.scheduler.run_once()
    (run,) = (await house.app.stores.runs.list(TENANT, source=Source.SCHEDULE)).items
    await house.drive(run)
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert question.started_by == PERSON.id
    with pytest.raises(Forbidden, match="somebody else"):
        await house.app.agent.decide(replace(PERSON, id=f"{PERSON.id}/77aa"), question.id, grant=True)
    granted = await house.app.agent.decide(replace(PERSON, id="person:bob/1f2e"), question.id, grant=True)
    assert granted.status is ApprovalStatus.GRANTED
