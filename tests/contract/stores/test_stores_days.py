"""How it went day by day: what was repaired, how long it took, and what was closed wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manual_clock import ManualClock
from opsagent.domain.ending import Closing, Day, Ending, Feedback, How, Rate, together
from opsagent.domain.run import RunResult, RunStatus
from opsagent.ports.stores import Change, Stores
from store_nouns import Nouns

DAY_S = 86400


async def looked(
    stores: Stores, nouns: Nouns, clock: ManualClock, how: How, *, began_s: float | None, took_s: float, **about: object
) -> str:
    """A problem that began so long before its ticket, and the end of its run; the ticket's id."""
    arrival = nouns.arrival(nouns.ids.uuid())
    began = None if began_s is None else clock.now() - began_s
    (joined,) = await stores.tickets.receive([replace(arrival, ticket=replace(arrival.ticket, began_at=began))])
    clock.move(took_s)
    await ended(stores, nouns, clock, joined.ticket.run_id, joined.ticket.id, how, **about)
    return joined.ticket.id


async def ended(
    stores: Stores, nouns: Nouns, clock: ManualClock, run_id: str, ticket_id: str, how: How, **about: object
) -> None:
    claimed = await stores.runs.claim("acme", run_id, "w1", 30)
    assert claimed is not None
    lease, run = claimed
    ending = Ending(tenant="acme", run_id=run_id, ticket_id=ticket_id, fingerprint="f", at=clock.now(), how=how)
    over = run.begin(clock.now()).end(RunStatus.COMPLETED, clock.now(), result=RunResult(summary="done"))
    await stores.runs.save(lease, Change(run=over, ending=replace(ending, **about)))  # type: ignore[arg-type]


async def test_each_day_counts_what_ended_on_it(stores: Stores, nouns: Nouns, clock: ManualClock) -> None:
    today = int(clock.now() // DAY_S)
    clock.move((today + 1) * DAY_S - clock.now())  # the first moment of a day
    first = today + 1
    await looked(stores, nouns, clock, How.REPAIRED, began_s=60, took_s=100)
    await looked(stores, nouns, clock, How.REPAIRED, began_s=120, took_s=300)
    await looked(stores, nouns, clock, How.REMAINED, began_s=None, took_s=10)
    await looked(stores, nouns, clock, How.UNMEASURED, began_s=None, took_s=10)
    wrong = await looked(stores, nouns, clock, How.BY_ITSELF, began_s=None, took_s=10, closing=Closing.CLOSED)
    await stores.triage.say(Feedback(tenant="acme", ticket_id=wrong, real=True, by="ada", at=clock.now()), ())
    await looked(stores, nouns, clock, How.BY_ITSELF, began_s=None, took_s=10, closing=Closing.SHADOW)
    clock.move(2 * DAY_S)
    await looked(stores, nouns, clock, How.BY_ITSELF, began_s=None, took_s=10, closing=Closing.CLOSED)

    days = await stores.triage.days("acme", since=first)
    assert [day.number for day in days] == [first, first + 2]
    assert days[0] == Day(
        number=first, repaired=2, by_itself=2, remained=1, unmeasured=1,
        detected=2, detect_s=pytest.approx(90), timed=2, repair_s=pytest.approx(200), closed=Rate(total=1, wrong=1),
    )  # fmt: skip
    assert days[0].fixed == Rate(total=4, wrong=2)
    assert days[1] == Day(number=first + 2, by_itself=1, closed=Rate(total=1, wrong=0))
    assert [day.number for day in await stores.triage.days("acme", since=first + 1)] == [first + 2]
    assert not await stores.triage.days("globex", since=first)
    assert together(days).closed == Rate(total=2, wrong=1)
    assert together(days).repair_s == pytest.approx(200)


async def test_a_second_look_at_a_ticket_does_not_count_its_detection_again(
    stores: Stores, nouns: Nouns, clock: ManualClock
) -> None:
    arrival = nouns.arrival("f1")
    ticket = replace(arrival.ticket, began_at=clock.now() - 60)
    (joined,) = await stores.tickets.receive([replace(arrival, ticket=ticket)])
    await ended(stores, nouns, clock, joined.ticket.run_id, joined.ticket.id, How.REMAINED)
    clock.move(600)
    (again,) = await stores.tickets.receive([nouns.arrival("f1")])
    assert again.ticket.run_id != joined.ticket.run_id
    await ended(stores, nouns, clock, again.ticket.run_id, joined.ticket.id, How.REPAIRED)
    day = together(await stores.triage.days("acme", since=0))
    assert (day.remained, day.repaired, day.detected, day.detect_s) == (1, 1, 1, pytest.approx(60))
    assert (day.timed, day.repair_s) == (1, pytest.approx(600))
