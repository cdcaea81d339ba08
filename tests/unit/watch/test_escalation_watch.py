"""The watch over a store: in order, each telling once, never after the end, never in quiet hours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.escalation import Conclusion, Escalation
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, EscalationStep, Occasion, QuietHours
from opsagent.domain.message import MessageKind, message_of
from opsagent.domain.run import Run
from opsagent.domain.ticket import SignalStatus
from opsagent.ports.stores import Change, Stores
from opsagent.stages.remind import Remind
from opsagent.watch.escalations import EscalationWatch
from store_nouns import Nouns

ROOM = Addressee(name="room", channel="slack", address="#ops")
ADA = Addressee(name="ada", channel="slack", address="U1")
HOOK = Addressee(name="", channel="slack-webhook", address="https://hooks.slack.example/services/secret")
MAIL = Addressee(name="ada", channel="email", address="ada@example.com")
NIGHT = QuietHours(starts=22 * 60, ends=7 * 60, zone=ZoneInfo("Europe/Berlin"))
CHAIN = EscalationPolicy(
    name="chain",
    version="1",
    on=Occasion.APPROVAL_UNANSWERED,
    steps=(
        EscalationStep(after_s=600, tell=(ROOM,)),
        EscalationStep(after_s=600, tell=(ADA, MAIL), repeats=2, every_s=300),
    ),
)
DAYS = replace(CHAIN, quiet=NIGHT)


@dataclass
class Night:
    """A store with one question that waits for an answer, and the watch over it."""

    stores: Stores
    clock: ManualClock
    nouns: Nouns
    watch: EscalationWatch
    run: Run

    async def look(self) -> None:
        await self.watch.tell()
        await self.watch.look()
        await self.watch.tell()

    async def told(self) -> list[tuple[str, float]]:
        """What is in the outbox: the telling, and when it was made; in order."""
        found = (await self.stores.notices.list("acme", limit=1000)).items
        return sorted(((one.id.split(":")[0], one.created_at) for one in found), key=lambda one: (one[1], one[0]))

    async def escalation(self) -> Escalation:
        (found,) = (await self.stores.escalations.list("acme")).items
        return found

    async def answer(self) -> None:
        (question,) = await self.stores.approvals.pending("acme")
        await self.stores.approvals.decide("acme", question.id, grant=False, by="person:ada", notes="")


@asynccontextmanager
async def night(*policies: EscalationPolicy, now: float = 1_800_000_000.0) -> AsyncIterator[Night]:
    clock, ids = ManualClock(now), SeededIds()
    stores = open_memory(clock, ids)
    await stores.housekeeping.open()
    nouns = Nouns(clock, ids)
    claimed = await stores.runs.claim("acme", (await stores.runs.create(nouns.run())).id, "w", 60)
    assert claimed is not None
    step = nouns.step(claimed[1])
    parked = claimed[1].begin(now).park(now, until=None)
    question = nouns.approval(step, expires_at=now + 10 * 86400)
    run = await stores.runs.save(claimed[0], Change(run=parked, steps=[step], approvals=[question]))
    yield Night(stores, clock, nouns, watch_over(stores, clock, *policies), run)
    await stores.housekeeping.close()


def watch_over(stores: Stores, clock: ManualClock, *policies: EscalationPolicy) -> EscalationWatch:
    remind = Remind(public_url="https://ops.example/")
    return EscalationWatch(
        escalations=stores.escalations,
        policies=policies,
        notices=remind.notices,
        lines=remind.lines,
        clock=clock,
        told=lambda: None,
        changed=lambda _tenant, _run: None,
    )


async def test_a_chain_is_climbed_to_its_end() -> None:
    async with night(CHAIN) as here:
        began = here.clock.now()
        for _ in range(60):
            await here.look()
            here.clock.move(60)
        one = await here.escalation()
        names = [f"escalation {one.id} {place}" for place in ("0 0", "1 0", "1 0", "1 1", "1 1", "1 2", "1 2")]
        times = [began + after for after in (600, 1200, 1200, 1500, 1500, 1800, 1800)]
        assert await here.told() == list(zip(names, times, strict=True))
        assert (one.ended, one.next_at, one.last_told_at) == (Conclusion.EXHAUSTED, None, began + 1800)
        lines = [one.content for one in await here.stores.journal.events("acme", here.run.id)]
        assert lines[:3] == [
            "chain, step 1: told room (slack).",
            "chain, step 2: told ada (slack and email).",
            "chain, step 2 again (2 of 3): told ada (slack and email).",
        ]
        (first, *_) = reversed((await here.stores.notices.list("acme")).items)
        said = message_of(first.body)
        assert (said.kind, said.escalation, said.text) == (
            MessageKind.REMINDED,
            one.id,
            "Nobody has answered for 10 min. Step 1 of 2.",
        )
        assert said.link == f"https://ops.example/runs/{here.run.id}"
        assert said.question is not None and said.question.status == "pending"


async def test_no_address_is_on_the_timeline() -> None:
    async with night(replace(CHAIN, steps=(EscalationStep(after_s=0, tell=(HOOK,)),))) as here:
        await here.look()
        (line,) = await here.stores.journal.events("acme", here.run.id)
        assert line.content == "chain, step 1: told an address (slack-webhook)."
        assert len(await here.told()) == 1


async def test_whoever_was_told_last_may_still_say_that_they_look() -> None:
    async with night(replace(CHAIN, steps=CHAIN.steps[:1])) as here:
        await here.look()
        here.clock.move(600)
        await here.look()
        assert (await here.escalation()).ended is Conclusion.EXHAUSTED
        one = await here.escalation()
        await here.stores.escalations.acknowledge("acme", one.id, "person:ada")
        assert (await here.escalation()).acknowledged_by == "person:ada"


async def test_what_was_missed_is_told_once_and_the_next_step_keeps_its_distance() -> None:
    async with night(CHAIN) as here:
        here.clock.move(7200)  # nobody ran
        await here.look()
        await here.look()
        assert len(await here.told()) == 1
        assert (await here.escalation()).next_at == here.clock.now() + 600


async def test_in_quiet_hours_nobody_is_told_also_by_a_server_that_was_late() -> None:
    at_21_45 = 1_800_045_900.0  # 2027-01-15 21:45 in Berlin
    async with night(DAYS, now=at_21_45) as here:
        await here.look()
        assert (await here.escalation()).next_at == at_21_45 + 600
        here.clock.move(3600)  # due at 21:55; it is 22:45
        await here.look()
        assert await here.told() == []
        assert (await here.escalation()).next_at == at_21_45 + 9.25 * 3600
        here.clock.move(8.25 * 3600)
        await here.look()
        assert len(await here.told()) == 1


async def test_an_answer_a_policy_that_is_gone_and_a_shorter_chain_end_it() -> None:
    for end, why in (
        ("answer", Conclusion.ANSWERED),
        ("policy", Conclusion.GONE),
        ("steps", Conclusion.EXHAUSTED),
    ):
        async with night(CHAIN) as here:
            await here.look()
            here.clock.move(600)
            await here.look()
            if end == "answer":
                await here.answer()
            elif end == "policy":
                here.watch = watch_over(here.stores, here.clock)
            else:
                here.watch = watch_over(here.stores, here.clock, replace(CHAIN, steps=CHAIN.steps[:1]))
            here.clock.move(600)
            await here.look()
            assert (await here.escalation()).ended is why
            assert len(await here.told()) == 1


async def test_a_ticket_counts_from_its_beginning_and_a_silenced_one_is_left_alone() -> None:
    policy = replace(CHAIN, on=Occasion.TICKET_OPEN)
    async with night(policy) as here:
        await here.stores.tickets.receive([here.nouns.arrival("f1")])
        silenced = here.nouns.arrival("f2", SignalStatus.FIRING)
        await here.stores.tickets.receive(
            [replace(silenced, ticket=replace(silenced.ticket, silenced="by ada"), silenced="by ada")]
        )
        here.clock.move(300)
        await here.look()
        one = await here.escalation()
        assert (one.since, one.next_at) == (here.clock.now() - 300, here.clock.now() + 300)


moves = st.lists(
    st.one_of(
        st.integers(1, 6 * 3600).map(lambda seconds: ("move", seconds)),
        st.sampled_from([("look", 0), ("look", 0), ("look", 0), ("crash", 0), ("answer", 0), ("acknowledge", 0)]),
    ),
    max_size=25,
)


@given(moves, st.integers(0, 86400), st.booleans())
@settings(max_examples=25, deadline=None)  # each has a store of its own
def test_whatever_happens_the_chain_holds(happens: list[tuple[str, int]], start: int, quiet: bool) -> None:
    asyncio.run(_holds(happens, 1_800_000_000.0 + start, DAYS if quiet else CHAIN))


async def _holds(happens: list[tuple[str, int]], now: float, policy: EscalationPolicy) -> None:
    async with night(policy, now=now) as here:
        over_at: float | None = None
        for what, seconds in happens:
            if what == "move":
                here.clock.move(seconds)
            elif what == "look":
                await here.look()
            elif what == "crash":
                here.watch = watch_over(here.stores, here.clock, policy)
                await asyncio.gather(here.look(), here.look())
            elif over_at is None and what == "answer":
                await here.answer()
                over_at = here.clock.now()
            elif over_at is None and (page := await here.stores.escalations.list("acme")).items:
                await here.stores.escalations.acknowledge("acme", page.items[0].id, "person:ada")
                over_at = here.clock.now()
        told = await here.told()
        places = [tuple(int(part) for part in name.split()[2:]) for name, _ in told]
        assert places == sorted(places), "order"
        whole = [(0, 0), (1, 0), (1, 0), (1, 1), (1, 1), (1, 2), (1, 2)]
        assert places == whole[: len(places)], "each address once for each telling"
        assert over_at is None or all(at <= over_at for _, at in told)
        if policy.quiet is not None:
            assert not any(policy.quiet.hold(at) for _, at in told)
        if over_at is not None:
            here.clock.move(86400)
            await here.look()
            assert await here.told() == told, "never after its end"
