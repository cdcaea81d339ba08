"""Finds due runs, claims them, drives them through the loop, and lets go; the store is the truth, hints only hurry."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from opsagent.domain.event import EventType
from opsagent.domain.run import Node, Run, RunStatus
from opsagent.domain.step import Step, StepStatus
from opsagent.errors import ExecutionError, LeaseLost, NotFound, OpsAgentError, StoreUnavailable, UnavailableError
from opsagent.loop.act import lost_track
from opsagent.loop.drive import Drive, Kit
from opsagent.loop.graph import Loop, build_loop, step_cycle
from opsagent.loop.pressure import Pressure
from opsagent.ports.dispatch import Dispatch
from opsagent.ports.executor import Traced
from opsagent.ports.stores import DueRun, Lease

log = logging.getLogger(__name__)
_PASS_S, _PASSES = 0.02, 25
_RELEASE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """Durations in seconds. `at_once` bounds the runs in this process, `per_tenant` those of one tenant."""

    name: str
    at_once: int = 16
    per_tenant: int = 8
    lease_s: float = 30.0
    sweep_s: float = 2.0
    grace_s: float = 20.0


@dataclass(slots=True, kw_only=True)
class Worker:
    """One per process. `run` it, `stop` it; runs it holds at the stop are finished or parked, never lost."""

    kit: Kit
    dispatch: Dispatch
    pressure: Pressure
    config: WorkerConfig
    _loop: Loop | None = None
    _driving: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    _sweeping: asyncio.Task[None] | None = None
    _stopping: bool = False

    async def run(self) -> None:
        """Sweep until stopped. Runs an earlier call still drives are left to it."""
        self._sweeping = asyncio.current_task()
        await self._built()
        await self._sweep()

    async def stop(self) -> None:
        """Take nothing new, let each run come to the end of its step cycle; after `grace_s` let go of the rest.

        A command that still runs is left to its launcher: it ends properly, and whoever goes on reads how.
        """
        self._stopping = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        tasks = list(self._driving.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.config.grace_s)
            for (_, run_id), task in list(self._driving.items()):
                if task in late:
                    await self.kit.execute.detach(run_id)  # what runs there ends properly; the next worker reads how
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no run is being driven here."""
        while self._driving:
            await asyncio.wait(list(self._driving.values()))

    async def drive(self, tenant: str, run_id: str) -> bool:
        """Claim one run and drive it until it parks or ends; False when somebody else holds it or it is not open."""
        claimed = await self.kit.stores.runs.claim(tenant, run_id, self.config.name, self.config.lease_s)
        if claimed is None:
            return False
        await self._drive(*claimed)
        return True

    async def _sweep(self) -> None:
        while not self._stopping:
            try:
                taken = await self._take_due(await self._let_intake_pass())
            except Exception as error:  # the edge of the sweep: whatever it is, the next sweep comes
                log.warning("sweep failed: %s", error, exc_info=not isinstance(error, OpsAgentError))
                taken = 0
            if not taken:
                await self.dispatch.wait(self.config.sweep_s)

    async def _let_intake_pass(self) -> int:
        """How many runs to take now: all there is room for, and one every half second while requests queue up.

        So work never stands still, and nobody who hands something in waits for it.
        """
        for _ in range(_PASSES):
            if not self.pressure.high:
                return self.config.at_once
            await self.kit.clock.sleep(_PASS_S)
        return 1

    async def _take_due(self, most: int) -> int:
        room = min(self.config.at_once - len(self._driving), most)
        if room <= 0:
            await asyncio.wait(self._driving.values(), return_when=asyncio.FIRST_COMPLETED)
            return 1
        due = await self.kit.stores.runs.due(self.config.at_once * 4)
        held = Counter(tenant for tenant, _ in self._driving)
        chosen: list[DueRun] = []
        for one in due:
            if len(chosen) >= room or (one.tenant, one.run_id) in self._driving:
                continue
            if held[one.tenant] < self.config.per_tenant:
                held[one.tenant] += 1
                chosen.append(one)
        for one in chosen:
            key = (one.tenant, one.run_id)
            task = asyncio.create_task(self._claim_and_drive(one), name=f"run-{one.run_id}")
            self._driving[key] = task
            task.add_done_callback(partial(self._let_go, key))
        return len(chosen)

    def _let_go(self, key: tuple[str, str], _: asyncio.Task[None]) -> None:
        self._driving.pop(key, None)
        self.dispatch.hint(*key)

    async def _claim_and_drive(self, due: DueRun) -> None:
        try:
            await self.drive(due.tenant, due.run_id)
        except Exception as error:  # the edge of a run's task: nobody else would hear of it
            log.warning("run %s waits: %s", due.run_id, error, exc_info=not isinstance(error, OpsAgentError))
            await self.kit.clock.sleep(self.config.sweep_s)

    async def _drive(self, lease: Lease, run: Run) -> None:
        drive = Drive(kit=self.kit, lease=lease, run=run)
        working = asyncio.create_task(self._cycles(drive))
        beating = asyncio.create_task(self._beat(drive, working))
        try:
            await working
        except asyncio.CancelledError:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            if not drive.lost:
                raise
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            if not drive.lost:  # else another worker holds it, and its folder
                await self.kit.execute.release(run.id)
                await self._release(drive)

    async def _cycles(self, drive: Drive) -> None:
        try:
            if drive.run.started_at is not None:
                drive.run = drive.run.taken(self.kit.clock.now())
                drive.steps = list(await self.kit.stores.journal.steps(drive.run.tenant, drive.run.id))
                await self._end_interrupted_looks(drive)
            loop = await self._built()
            while not (drive.parked or drive.run.ended or self._stopping):
                await step_cycle(loop, drive)
        except LeaseLost:
            drive.lost = True
            log.warning("run %s was taken over by another worker", drive.run.id)
        except StoreUnavailable:
            raise
        except Exception as error:  # the edge of the worker: whatever it is, the run ends with a reason
            log.exception("run %s failed in %s", drive.run.id, drive.run.next_node)
            with contextlib.suppress(LeaseLost):
                await self._failed(drive, error)

    async def _built(self) -> Loop:
        if self._loop is None:
            self._loop = await asyncio.to_thread(build_loop)
        return self._loop

    async def _beat(self, drive: Drive, working: asyncio.Task[None]) -> None:
        while True:
            await self.kit.clock.sleep(self.config.lease_s / 3)
            try:
                drive.lease = await self.kit.stores.runs.renew(drive.lease, self.config.lease_s)
            except LeaseLost:
                drive.lost = True
                working.cancel()
                return
            except UnavailableError as error:
                log.warning("lease of run %s not renewed: %s", drive.run.id, error.message)

    async def _end_interrupted_looks(self, drive: Drive) -> None:
        """Reads an earlier worker left claimed inside a node: end survivors; the node looks again by itself."""
        current = drive.run.current_step if drive.run.next_node is Node.TOOLS else ""
        for step in list(drive.steps):
            if step.status is StepStatus.CLAIMED and step.is_read and step.id != current:
                await drive.save(drive.run.begin(self.kit.clock.now()), steps=(await self._ended(drive, step),))

    async def _ended(self, drive: Drive, step: Step) -> Step:
        now = self.kit.clock.now()
        try:
            trace = await self.kit.execute.trace(step, await drive.target_of(step))
        except (NotFound, ExecutionError):  # a read: nothing is lost by giving it up
            return step.move(StepStatus.FAILED, now)
        if trace.traced is Traced.FINISHED and trace.outcome is not None:
            return self.kit.execute.concluded(step, trace.outcome)[0]
        return step.move(StepStatus.NOT_HAPPENED if trace.traced is Traced.NEVER_STARTED else StepStatus.FAILED, now)

    async def _failed(self, drive: Drive, error: Exception) -> None:
        """Lead the run to an end with a reason; what may pass, or is not known of a claimed effect, is waited for."""
        message = (
            error.message if isinstance(error, OpsAgentError) else f"An error inside OpsAgent: {type(error).__name__}."
        )
        now = self.kit.clock.now()
        word = drive.event(EventType.ERROR, drive.run.next_node, message)
        if isinstance(error, UnavailableError) and error.retryable and not await drive.cancelled():
            waiting = drive.run.wait(now, until=now + self.kit.limits.busy_s, why=message)
            await drive.save(waiting, events=(word,) if drive.run.waiting != message else ())
            drive.parked = True
            return
        held = [lost_track(step, now) for step in drive.steps if step.status is StepStatus.CLAIMED]
        if held:
            entries = [drive.audit(f"step.{step.status.value}", step, reason=message) for step in held]
            await drive.save(drive.run.begin(now), steps=held, audit=entries)
        run = drive.go(Node.FINAL, outcome=RunStatus.FAILED, reason=message)
        if drive.run.next_node is Node.FINAL:
            closed = self.kit.close(run, None, summary=message)
            await drive.save(closed.run, events=(word,), audit=closed.audit, notices=closed.notices)
            return
        settling = drive.run.next_node in (Node.VERIFY, Node.UNDO)
        await drive.save(run if settling else run.go(drive.after_effects(), now), events=(word,))

    async def _release(self, drive: Drive) -> None:
        if drive.run.ended:
            return
        tries = 0
        while True:
            try:
                await self.kit.stores.runs.release(drive.lease)
            except UnavailableError as error:
                # A full disk has room again long before a lease ends by itself; LeaseLost ends this at the latest.
                tries += 1
                if tries == 1:
                    log.warning("run %s not released yet: %s", drive.run.id, error.message)
                if self._stopping:
                    return
                await self.kit.clock.sleep(_RELEASE_AGAIN_S)
            except OpsAgentError as error:
                log.warning("run %s not released: %s; its lease ends by itself", drive.run.id, error.message)
                return
            else:
                return
