"""Follows a run to its end: prints what happens, asks where a person is at the terminal, ends with the result."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from opsagent.cli.answer import at_terminal, says_yes
from opsagent.cli.door import Door
from opsagent.cli.exits import Exit
from opsagent.cli.question import place_of, show_question
from opsagent.cli.screen import hint, put, say, say_json, screen
from opsagent.cli.timeline import event_line, result_lines

Json = dict[str, Any]
ENDED = frozenset({"completed", "failed", "cancelled"})


def say_accepted(door: Door, run: Json, *, follow: bool, as_json: bool) -> None:
    """What the person hears once the run is stored."""
    if as_json:
        say_json(run)
        return
    say(f"Run {run['runId']} is accepted.")
    if follow:
        return
    say(f"Look at it: opsagent show {run['runId'][:8]}")
    if door.local:
        hint("No server runs on this data folder, so nobody works on it yet. Start one: opsagent serve")


async def follow_to_end(door: Door, run_id: str, *, as_json: bool, work: bool = True, asks: bool = True) -> Exit:
    """Print each event as it comes; failed unless the run completes. With `work`, drive it where no server does.

    Without `asks` no answer is taken here: whoever decides does so with `opsagent approve`.
    """
    follower = _Follower(door=door, run_id=run_id, as_json=as_json, drives=work and door.local, asks=asks)
    try:
        run = await follower.to_the_end()
    finally:
        await follower.stop()
    if as_json:
        say_json(run)
    else:
        for line in result_lines(run):
            put(screen(), line)
    return Exit.OK if run["status"] == "completed" else Exit.FAILED


@dataclass(slots=True, kw_only=True)
class _Follower:
    """What was said already, so that nothing is said twice."""

    door: Door
    run_id: str
    as_json: bool
    drives: bool
    asks: bool = True
    _seen: int = 0
    _said: set[str] = field(default_factory=set)
    _driving: asyncio.Task[None] | None = None

    async def to_the_end(self) -> Json:
        """The run once it has ended."""
        while True:
            run = await self.door.run(self.run_id)  # before its events: those of its end are then among them
            for event in await self.door.events(self.run_id, after=self._seen):
                self._seen = event["sequence"]
                say_json(event) if self.as_json else put(screen(), event_line(event))
            if run["status"] in ENDED:
                return run
            waits = run["status"] == "awaiting_approval" and await self._someone_must_speak()
            if self.drives and not waits:
                self._drive()
            await self.door.pause_between_looks()

    async def stop(self) -> None:
        """End the work of this process on the run; what was begun is parked."""
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.gather(self._driving, return_exceptions=True)

    def _drive(self) -> None:
        if self._driving is None or self._driving.done():
            if self._driving is not None:
                self._driving.result()  # what went wrong there is said here
            self._driving = asyncio.create_task(self.door.drive(self.run_id))

    async def _someone_must_speak(self) -> bool:
        pending = await self.door.pending(self.run_id)
        asked, unknown = pending["approvals"], pending["unknownSteps"]
        for one in unknown:
            if self._first(one["step"]["stepId"]) and not self.as_json:
                hint(f"Step {one['stepNumber']}: nobody knows whether it happened. Look there, then say it:")
                hint(f"  opsagent resolve {self.run_id[:8]} {one['stepNumber']} happened|not_happened|aborted")
        for one in asked:
            if self._first(one["approvalId"]) and not self.as_json:
                await self._put(one)
        return bool(asked or unknown)

    def _first(self, name: str) -> bool:
        first = name not in self._said
        self._said.add(name)
        return first

    async def _put(self, asked: Json) -> None:
        show_question(asked, self.door.now())
        if not (self.asks and at_terminal()):
            name = place_of(asked)
            hint(f"It waits for a person: opsagent approve {name}   (or: opsagent reject {name})")
            return
        answer = await says_yes("Do it?")
        if answer is not None:
            await self.door.decide(asked, grant=answer, notes="")
