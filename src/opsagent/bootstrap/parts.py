"""Keeps the long-lived parts of a process at work: one that falls is started again, and readiness says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from opsagent.ports.clock import Clock

log = logging.getLogger(__name__)
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # twice as long after each fall
WELL_AFTER_S = 300.0  # of work without a fall, its earlier ones are over


@dataclass(slots=True)
class _Part:
    """`falls` counts those since it was last well; `standing` is since when (monotonic seconds) it works again."""

    task: asyncio.Task[None]
    falls: int = 0
    why: str = ""
    standing: float | None = None


@dataclass(slots=True, kw_only=True)
class Parts:
    """Each part is a function that returns only when it was told to stop; any other end of it is a fall."""

    clock: Clock
    _parts: dict[str, _Part] = field(default_factory=dict)
    _stopping: bool = False

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Work from now on."""
        self._parts[name] = _Part(task=asyncio.create_task(self._keep(name, run), name=f"opsagent-{name}"))

    def stopping(self) -> None:
        """What ends from now on has not fallen. Call it before the parts are told to stop."""
        self._stopping = True
        for part in self._parts.values():
            if part.falls and part.standing is None:  # it waits for its next start
                part.task.cancel()

    async def ended(self) -> None:
        """Return once every part has."""
        await asyncio.gather(*(part.task for part in self._parts.values()), return_exceptions=True)

    def trouble(self) -> Mapping[str, str]:
        """The parts that have fallen lately, and what that means, in words."""
        return {name: self._words(part) for name, part in self._parts.items() if part.falls and not self._well(part)}

    def _well(self, part: _Part) -> bool:
        return part.standing is not None and self.clock.monotonic() - part.standing >= WELL_AFTER_S

    def _words(self, part: _Part) -> str:
        times = "once" if part.falls == 1 else f"{part.falls} times"
        now = "It is started again soon." if part.standing is None else "It has been started again and works."
        return f"it has stopped {times}, the last time because of {part.why}. {now} To mend: read the log."

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        part, wait_s = self._parts[name], FIRST_WAIT_S
        while True:
            part.standing = self.clock.monotonic()
            part.why = await _end_of(name, run)
            if self._stopping:
                return
            if self._well(part):
                part.falls, wait_s = 0, FIRST_WAIT_S
            part.falls, part.standing = part.falls + 1, None
            log.error("%s has stopped (%s) and is started again in %g s", name, part.why, wait_s)
            await self.clock.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


async def _end_of(name: str, run: Callable[[], Awaitable[None]]) -> str:
    """Run it in a task of its own, so that a cancellation that was not ours is an end like any other; why it ended."""
    working = asyncio.ensure_future(run())
    try:
        await asyncio.wait({working})
    except asyncio.CancelledError:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise
    if working.cancelled():
        return "a cancellation"
    problem = working.exception()
    if problem is not None:
        log.error("%s fell", name, exc_info=problem)
    return type(problem).__name__ if problem else "an end nobody asked for"
