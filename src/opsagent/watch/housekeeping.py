"""Deletes ended runs past their time, on a clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from opsagent.domain.run import RETENTION_S
from opsagent.errors import OpsAgentError
from opsagent.ports.artifacts import ArtifactStore
from opsagent.ports.clock import Clock
from opsagent.ports.housekeeping import Housekeeping

log = logging.getLogger(__name__)
ARTIFACT_MARGIN_S = 7 * 24 * 3600  # longer than a run is left open


@dataclass(slots=True, kw_only=True)
class Sweeper:
    """Runs every `every_s` seconds, the first time at once. `forget` drops the start tokens of a deleted run.

    Artifacts are kept `ARTIFACT_MARGIN_S` longer than runs: they are older than the end of the run that made them.
    """

    housekeeping: Housekeeping
    artifacts: ArtifactStore
    forget: Callable[[str], Awaitable[None]]
    clock: Clock
    every_s: float = 3600.0
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped. A store that cannot be reached is tried again the next time."""
        while not self._stopped.is_set():
            try:
                expired = await self.housekeeping.expire()
                for run_id in expired:
                    await self.forget(run_id)
                await self.artifacts.expire(self.clock.now() - RETENTION_S - ARTIFACT_MARGIN_S)
                if expired:
                    log.info("deleted %d runs past their retention", len(expired))
            except OpsAgentError as error:
                log.warning("housekeeping failed: %s", error.message)
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stopped.wait()
            except TimeoutError:
                continue
