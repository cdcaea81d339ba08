"""Looks at what nobody has answered, taken or mended: begins escalations, tells who is next, ends what is over."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from opsagent.domain.escalation import Case, Conclusion, Escalation, begin
from opsagent.domain.escalation_policy import EscalationPolicy
from opsagent.domain.event import RunEvent
from opsagent.domain.notice import Notice
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.escalations import EscalationStore

Notices = Callable[[Escalation, EscalationPolicy, Case, float], Sequence[Notice]]
Lines = Callable[[Escalation, EscalationPolicy, Case, float], Sequence[RunEvent]]
log = logging.getLogger(__name__)
PAGE = 200
REST = 20.0  # times as long as a look took: with thousands of open tickets one takes seconds of a processor


@dataclass(slots=True, kw_only=True)
class EscalationWatch:
    """Tells every `poll_s` seconds what is due; looks every `look_s` or less often for what has begun or is over.

    What an escalation is about is found by looking, not told by whoever made it: a fact that came about while nobody
    ran, or before the file was there, is found as well. One telling is one transaction of the store, and its notices
    have its name: whoever is killed when, they are there once. `notices` and `lines` are those of the next telling.
    `told` wakes the outbox, `changed` who watches a run.
    """

    escalations: EscalationStore
    policies: Sequence[EscalationPolicy]
    notices: Notices
    lines: Lines
    clock: Clock
    told: Callable[[], None]
    changed: Callable[[str, str], None]
    poll_s: float = 1.0
    look_s: float = 5.0
    _look_at: float = field(default=float("-inf"))
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. A store that cannot be reached is asked again the next time."""
        while not self._stopped.is_set():
            try:
                await self.tell()
                began = self.clock.monotonic()
                if began >= self._look_at:
                    self._look_at = began + self.look_s
                    await self.look()
                    now = self.clock.monotonic()
                    self._look_at = now + max(self.look_s, REST * (now - began))
            except OpsAgentError as problem:
                log.warning("Escalations could not be looked at: %s", problem.message)
            await self._pause()

    async def look(self) -> None:
        """Begin what nobody is told of yet, and end what is over. StoreUnavailable."""
        for occasion in dict.fromkeys(policy.on for policy in self.policies):
            after = ("", "")
            while page := await self.escalations.waiting(occasion, PAGE, after=after):
                after = (page[-1].case.tenant, page[-1].case.subject)
                begun = [self._begin(one.case, one.number) for one in page]
                await self.escalations.begin([one for one in begun if one is not None])
        after = ("", "")
        while found := await self.escalations.open(PAGE, after=after):
            after = (found[-1][0].tenant, found[-1][0].id)
            for escalation, case in found:
                await self._end(escalation, case)

    async def tell(self) -> int:
        """Do the tellings that are due; how many. StoreUnavailable."""
        done, after, now = 0, ("", ""), self.clock.now()
        while page := await self.escalations.open(PAGE, after=after, due_by=now):
            after = (page[-1][0].tenant, page[-1][0].id)
            for escalation, case in page:
                if not await self._end(escalation, case):
                    done += await self._tell(escalation, case)
        return done

    def _begin(self, case: Case, number: int) -> Escalation | None:
        """The first policy that fits has it. The id says what it is about: begun twice, it is one."""
        now, fact = self.clock.now(), case.fact
        policy = next((one for one in self.policies if one.fits(fact)), None)
        if policy is None or case.over(now) is not None:
            return None
        named = f"{case.tenant}\n{case.occasion.value}\n{case.subject}\n{number}"
        identifier = hashlib.sha256(named.encode()).hexdigest()[:16]
        return begin(case, policy, identifier=identifier, number=number, now=now)

    async def _end(self, escalation: Escalation, case: Case) -> bool:
        """End it if there is a reason; whether it has ended, by us or by somebody else."""
        now, policy = self.clock.now(), self._policy(escalation)
        why = case.over(now) or (None if policy is not None else Conclusion.GONE)
        if why is None and policy is not None and escalation.step >= len(policy.steps):
            why = Conclusion.EXHAUSTED  # the file has fewer steps than when it began
        if why is None:
            return False
        await self.escalations.move(escalation, escalation.end(why, now))
        return True

    async def _tell(self, escalation: Escalation, case: Case) -> bool:
        now, policy = self.clock.now(), self._policy(escalation)
        if policy is None:
            return False
        allowed = policy.allowed(now, escalation.priority)
        if allowed > now:  # it was due before the quiet hours, and nobody was there
            await self.escalations.move(escalation, escalation.defer(allowed))
            return False
        notices = self.notices(escalation, policy, case, now)
        lines = self.lines(escalation, policy, case, now)
        if not await self.escalations.move(escalation, escalation.tell(policy, now), notices, lines):
            return False
        self.told()
        if escalation.run_id:
            self.changed(escalation.tenant, escalation.run_id)
        return True

    def _policy(self, escalation: Escalation) -> EscalationPolicy | None:
        return next((one for one in self.policies if one.name == escalation.policy), None)

    async def _pause(self) -> None:
        """Until it is time to look again, or to stop."""
        waiting = {asyncio.ensure_future(self._stopped.wait()), asyncio.ensure_future(self.clock.sleep(self.poll_s))}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
