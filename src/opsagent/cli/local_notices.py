"""The local door, continued: notices and channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opsagent.bootstrap import App
from opsagent.cli.local_catalogue import checked
from opsagent.domain.identity import Principal
from opsagent.domain.notice import NoticeStatus
from opsagent.web import notices_views as views

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNotices:
    """Read through the app built here, and sent by it: no server works on this store."""

    app: App
    principal: Principal

    async def notices(
        self, *, status: str = "", run_id: str = "", channel: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """Newest first."""
        wanted = NoticeStatus(status) if status else None
        page = await self.app.telling.list(
            self.principal.tenant, status=wanted, run_id=run_id, channel=channel, limit=limit, cursor=cursor
        )
        return dict(views.notice_list(page, self.app.telling))

    async def notice(self, notice_id: str) -> Json:
        """One."""
        return dict(views.notice_detail(await self.app.telling.get(self.principal.tenant, notice_id), self.app.telling))

    async def resend(self, notice_id: str) -> Json:
        """Send one again."""
        return dict(views.notice_json(await self.app.telling.resend(self.principal, notice_id), self.app.telling))

    async def channels(self) -> Json:
        """By name."""
        return dict(views.channel_list(self.app.telling, self.principal.tenant))

    async def test_channel(self, name: str, address: str) -> Json:
        """Send a test."""
        from opsagent.web.notices import NewTest

        body = checked(NewTest, {"address": address})
        sent = await self.app.telling.test(self.principal, name, body.address)
        return dict(views.sent_json(sent, self.app.telling))

    async def push(self) -> None:
        """Send what is due."""
        await self.app.outbox.run_once()
