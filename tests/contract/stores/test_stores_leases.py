"""Random walks of workers, clocks, people and deaths against a simple model of who may write what."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from manual_clock import ManualClock, SeededIds
from opsagent.adapters.stores.memory import open_memory
from opsagent.domain.run import Run, RunResult, RunStatus
from opsagent.errors import Disabled, IllegalMove, LeaseLost, TargetBusy
from opsagent.ports.stores import Change, Lease
from store_nouns import Nouns


@dataclass
class Known:
    """What the model believes of one run."""

    run: Run
    fence: int = 0
    holder: str = ""
    until: float = 0.0
    due: float | None = 0.0
    woken: bool = False
    steps: int = 0
    cancelled: bool = False


class Workers(RuleBasedStateMachine):
    """Each rule does one thing to the store and the same to the model."""

    runs = Bundle("runs")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.ids = ManualClock(), SeededIds()
        self.nouns = Nouns(self.clock, self.ids)
        self.loop = asyncio.Runner()
        self.stores = open_memory(self.clock, self.ids)
        self.loop.run(self.stores.housekeeping.open())
        self.known: dict[str, Known] = {}
        self.target: tuple[str, int] | None = None  # (run, step number) that holds the one target

    def teardown(self) -> None:
        self.loop.run(self.stores.housekeeping.close())
        self.loop.close()

    def held_by(self, lease: Lease) -> bool:
        known = self.known[lease.run_id]
        return (known.fence, known.holder) == (lease.fence, lease.worker)

    @rule(target=runs)
    def create(self) -> str:
        run = self.loop.run(self.stores.runs.create(self.nouns.run()))
        self.known[run.id] = Known(run=run, due=self.clock.now())
        return run.id

    @rule(target=leases, run=runs, worker=st.sampled_from(["w1", "w2"]))
    def claim(self, run: str, worker: str) -> object:
        known = self.known[run]
        claimed = self.loop.run(self.stores.runs.claim("acme", run, worker, 30))
        free = not known.holder or known.until <= self.clock.now()
        assert (claimed is not None) == (free and not known.run.ended)
        if claimed is None:
            return multiple()
        known.fence, known.holder, known.until, known.woken = known.fence + 1, worker, self.clock.now() + 30, False
        lease, stored = claimed
        assert lease.fence == known.fence
        assert stored.status == known.run.status
        return lease

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        try:
            self.loop.run(self.stores.runs.renew(lease, 30))
        except LeaseLost:
            assert not self.held_by(lease)
        else:
            assert self.held_by(lease)
            self.known[lease.run_id].until = self.clock.now() + 30

    @rule(lease=leases, move=st.sampled_from(["go", "wait", "park", "end", "effect"]))
    def save(self, lease: Lease, move: str) -> None:
        known, now = self.known[lease.run_id], self.clock.now()
        held = self.held_by(lease)
        change = self.change(known, move, now)
        try:
            stored = self.loop.run(self.stores.runs.save(lease, change))
        except LeaseLost:
            assert not held
        except Disabled:
            assert held
            assert known.cancelled
            assert move == "effect"
        except TargetBusy:
            assert held
            assert self.target is not None
            assert move == "effect"
        else:
            assert held
            if change.claim is not None:
                assert self.target is None
                assert not known.cancelled
                known.steps += 1
                self.target = (known.run.id, known.steps)
            self.learn(known, stored, change.run)

    def change(self, known: Known, move: str, now: float) -> Change:
        run = known.run
        if run.ended:
            return Change(run=run)
        if move == "park":
            return Change(run=run.begin(now).park(now, until=now + 100))
        if move == "wait":
            return Change(run=replace(run.begin(now), due_at=now + 100))
        if move == "end":
            return Change(run=run.end(RunStatus.COMPLETED, now, result=RunResult(summary="")))
        if move == "effect":
            step = self.nouns.claimed(run, known.steps + 1)
            return Change(run=run.begin(now), steps=[step], claim=self.nouns.claim(step))
        return Change(run=run.begin(now))

    def learn(self, known: Known, stored: Run, given: Run) -> None:
        known.run = stored
        if stored.ended:
            known.due, known.holder, known.woken = None, "", False
        elif not known.woken:
            known.due = given.due_at
        assert stored.due_at == known.due

    @rule(lease=leases)
    def free_target(self, lease: Lease) -> None:
        if self.target is None or self.target[0] != lease.run_id or not self.held_by(lease):
            return
        known = self.known[lease.run_id]
        if known.run.ended:
            return
        change = Change(run=known.run, release_target=f"{lease.run_id}.{self.target[1]}")
        self.learn(known, self.loop.run(self.stores.runs.save(lease, change)), change.run)
        self.target = None

    @rule(lease=consumes(leases))
    def release(self, lease: Lease) -> None:
        known = self.known[lease.run_id]
        held = self.held_by(lease)
        self.loop.run(self.stores.runs.release(lease))
        if held:
            known.holder = ""

    @rule(run=runs)
    def cancel(self, run: str) -> None:
        known = self.known[run]
        asked_before = self.loop.run(self.stores.control.cancel_requested("acme", run))
        if asked_before:
            return
        try:
            self.loop.run(self.stores.control.request_cancel("acme", run, "person:ada"))
        except IllegalMove:
            assert known.run.ended
        else:
            assert not known.run.ended
            known.due, known.woken, known.cancelled = self.clock.now(), True, True

    @rule(seconds=st.sampled_from([1, 29, 31, 101]))
    def wait(self, seconds: int) -> None:
        self.clock.move(seconds)

    @invariant()
    def due_is_what_the_model_says(self) -> None:
        now = self.clock.now()
        due = {one.run_id for one in self.loop.run(self.stores.runs.due(1000))}
        expected = {
            run
            for run, known in self.known.items()
            if not known.run.ended
            and known.due is not None
            and known.due <= now
            and (not known.holder or known.until <= now)
        }
        assert due == expected


Workers.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
TestWorkers = Workers.TestCase
