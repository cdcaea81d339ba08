"""A second process on a data folder, for tests that pull its plug.

`store_child.py <folder> <what> [<failpoint> <nth> <action>]` prints one line for each write once that write was
acknowledged, or the error it met.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

from opsagent.adapters.calendar import CronCalendar
from opsagent.adapters.clock import SystemClock, SystemIds
from opsagent.adapters.failpoints import Action, Failpoints
from opsagent.adapters.stores.sqlite import SqliteConfig, open_sqlite
from opsagent.domain.escalation_policy import Addressee, EscalationPolicy, EscalationStep, Occasion
from opsagent.errors import OpsAgentError
from opsagent.ports.stores import Change, Stores
from opsagent.stages.accept import Accept
from opsagent.stages.remind import Remind
from opsagent.watch.escalations import EscalationWatch
from opsagent.watch.schedules import Scheduler, SchedulerConfig
from store_nouns import Nouns


def say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


async def create(stores: Stores, nouns: Nouns) -> None:
    """Fifty callers create until they are killed."""

    async def caller() -> None:
        while True:
            say((await stores.runs.create(nouns.run())).id)

    await asyncio.gather(*[caller() for _ in range(50)])


async def create_some(stores: Stores, nouns: Nouns) -> None:
    """A bounded number, with audit entries and events of one shared run."""
    shared = await stores.runs.create(nouns.run(), audit=[nouns.entry()])

    async def one() -> None:
        run = nouns.run()
        await stores.runs.create(run, audit=[nouns.entry(run_id=run.id)])
        await stores.journal.append([nouns.event(shared)])
        say(run.id)

    await asyncio.gather(*[one() for _ in range(200)])


async def claim_all(stores: Stores, _nouns: Nouns) -> None:
    """Claim what is due until nothing is."""
    while due := await stores.runs.due(20):
        for one in due:
            if await stores.runs.claim(one.tenant, one.run_id, f"pid-{os.getpid()}", 600):
                say(one.run_id)


async def effect(stores: Stores, nouns: Nouns) -> None:
    """Claim the one due run and an effect with its granted approval, saying `claimed` when it may start."""
    (due,) = await stores.runs.due(10)
    claimed = await stores.runs.claim(due.tenant, due.run_id, "child", 0.05)
    assert claimed is not None
    lease, run = claimed
    (question,) = await stores.approvals.of_run(due.tenant, run.id)
    step = nouns.claimed(run, approval_id=question.id)
    change = Change(run=run.begin(nouns.clock.now()), steps=[step], claim=nouns.claim(step, approval_id=question.id))
    await stores.runs.save(lease, change)
    say("claimed")


async def fill_up(stores: Stores, nouns: Nouns) -> None:
    """Write until no file may grow any more, say what that was called, and write again once it may."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    kept = 0
    try:
        while True:
            await stores.runs.create(nouns.run(task="x" * 20_000))
            kept += 1
    except OpsAgentError as error:
        say(f"{type(error).__name__}: {error.message} {error.fix}")
    while not (full := await stores.housekeeping.check()):  # a small write may still fit; each takes some of the rest
        continue
    say(f"check: {full}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await stores.runs.create(nouns.run(task="x" * 20_000))
    say(f"check: {await stores.housekeeping.check()}")
    say(f"kept {kept + 1}")


async def work_on(stores: Stores, _nouns: Nouns) -> None:
    """Hold a run for ten minutes; on a word from outside save once more and say what came of it."""
    (due,) = await stores.runs.due(10)
    claimed = await stores.runs.claim(due.tenant, due.run_id, "child", 600)
    assert claimed is not None
    say("working")
    await asyncio.to_thread(sys.stdin.readline)
    await stores.runs.save(claimed[0], Change(run=claimed[1]))
    say("saved")


async def fire(stores: Stores, nouns: Nouns) -> None:
    """Deal with the firings that are due; the claim of one who dies runs out at once."""
    accept = Accept(
        runs=stores.runs,
        runbooks=stores.runbooks,
        connections=stores.connections,
        clock=nouns.clock,
        ids=nouns.ids,
    )
    scheduler = Scheduler(
        schedules=stores.schedules,
        runs=stores.runs,
        calendar=CronCalendar(),
        clock=nouns.clock,
        submit=lambda trigger, key: accept(trigger, key=key),
        config=SchedulerConfig(lock_s=0.0),
    )
    say(f"looked at {await scheduler.run_once()}")


async def escalate(stores: Stores, nouns: Nouns) -> None:
    """Look once and tell once."""
    room = Addressee(name="room", channel="slack", address="#ops")
    step = EscalationStep(after_s=0.0, tell=(room,))
    policy = EscalationPolicy(name="p", version="1", on=Occasion.RUN_FAILED, steps=(step, step))
    remind = Remind()
    watch = EscalationWatch(
        escalations=stores.escalations,
        policies=[policy],
        notices=remind.notices,
        lines=remind.lines,
        clock=nouns.clock,
        told=lambda: None,
        changed=lambda _tenant, _run: None,
    )
    await watch.look()
    say(f"told {await watch.tell()}")


async def hold(_stores: Stores, _nouns: Nouns) -> None:
    """Be there."""
    say("open")
    await asyncio.Event().wait()


async def main() -> None:
    folder, what, *armed = sys.argv[1:]
    failpoints = Failpoints(armed[0], int(armed[1]), Action(armed[2])) if armed else None
    clock, ids = SystemClock(), SystemIds()
    config = SqliteConfig(folder=Path(folder), exclusive=what == "hold", address="http://127.0.0.1:8080", busy_s=30)
    stores = open_sqlite(config, clock, ids, failpoints=failpoints)
    work = {f.__name__: f for f in (create, create_some, claim_all, effect, fill_up, work_on, fire, escalate, hold)}[
        what
    ]
    try:
        await stores.housekeeping.open()
        await work(stores, Nouns(clock, ids))
        await stores.housekeeping.close()
    except OpsAgentError as error:
        say(f"{type(error).__name__}: {error.message}")


if __name__ == "__main__":
    asyncio.run(main())
