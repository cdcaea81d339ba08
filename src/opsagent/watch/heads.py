"""Carries the heads of the audit record out of the store, on a clock, so that it cannot be written anew unseen."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field

from opsagent.domain.notice import Notice
from opsagent.errors import OpsAgentError
from opsagent.ports.clock import Clock
from opsagent.ports.heads import HeadKeeper
from opsagent.ports.stores import AuditStore, NoticeStore

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class HeadWatch:
    """Looks every `every_s` seconds, the first time at once. With a `url` each new head is posted there, too."""

    audit: AuditStore
    keeper: HeadKeeper
    notices: NoticeStore
    clock: Clock
    every_s: float
    url: str = ""
    _told: dict[str, str] = field(default_factory=dict)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopped.set()

    async def run(self) -> None:
        """Until stopped, and once more then. What fails is logged and tried again."""
        while not self._stopped.is_set():
            await self._look()
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stopped.wait()
            except TimeoutError:
                continue
        await self._look()

    async def run_once(self) -> int:
        """Carry out the heads that have moved; how many. StoreUnavailable, UnavailableError."""
        heads = await self.audit.heads()
        moved = {tenant: head for tenant, head in heads.items() if self._told.get(tenant) != head}
        if not moved:
            return 0
        now = self.clock.now()
        await self.keeper.keep(moved, now)
        if self.url:
            await self.notices.add([self._notice(tenant, head, now) for tenant, head in moved.items()])
        self._told |= moved
        return len(moved)

    async def _look(self) -> None:
        try:
            await self.run_once()
        except OpsAgentError as problem:
            log.warning("The audit record's heads were not carried out: %s %s", problem.message, problem.fix)

    def _notice(self, tenant: str, head: str, now: float) -> Notice:
        return Notice(
            id=f"audit-head:{tenant}:{head.partition(':')[0]}",
            tenant=tenant,
            channel="webhook",
            address=self.url,
            body=json.dumps({"tenantId": tenant, "auditHead": head, "at": now}),
            created_at=now,
            due_at=now,
        )
