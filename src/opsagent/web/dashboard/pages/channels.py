"""Who is told: the ways out that are set up, who hears by each, and whether a test arrived."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.areas import areas
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.records import Deed, Json, Records
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, text, when

_LATELY = 12
_NO_CHANNEL = Markup(
    "<strong>Nobody is told.</strong>Set a channel up, and questions reach people where they are: see "
    "<code>docs/notifications.md</code>."
)
_NO_NOTICE = Markup("<strong>Nothing was sent yet.</strong>Send a test to see whether the way out works.")


async def channels(request: Request, client: Client) -> Response | None:
    """The channels, and the latest messages."""

    async def build(visit: Visit) -> None:
        areas(visit, "/settings/channels")
        page = _Channels(visit)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "Who is told", build, place="/settings")


class _Channels:
    """A test is followed until it has arrived or was given up."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._tests: dict[str, tuple[Json, list[str]]] = {}
        test = Deed(
            words="Send a test", act=self._test, there=lambda one: "administer" in visit.may and bool(one["addresses"])
        )
        self._list = Records("Channels", _NO_CHANNEL, _channel, (test,), key="name")
        html("Lately sent", tag="h2")
        self._sent = Rows("Lately sent", _NO_NOTICE)

    async def refresh(self) -> None:
        """Read it again."""
        self._list.show((await self._visit.api.get("/api/v1/channels"))["channels"])
        found = (await self._visit.api.get("/api/v1/notices", limit=_LATELY))["notices"]
        self._sent.show([_notice(one) for one in found])
        states = {one["noticeId"]: one for one in found}
        for channel, ids in self._tests.values():
            self._list.said(channel, Markup("").join(_fate(states[one]) for one in ids if one in states))

    async def _test(self, one: Json) -> None:
        sent = await self._visit.api.post(f"/api/v1/channels/{segment(one['name'])}/test")
        self._tests[one["name"]] = (one, [notice["noticeId"] for notice in sent["notices"]])
        await self.refresh()


def _channel(one: dict[str, Any]) -> Markup:
    told = Markup(", ").join(
        Markup("{} <span class='quiet'>{}</span>").format(text(who["name"]), text(who["address"]))
        for who in one["addresses"]
    )
    return Markup('<div class="what"><h3>{}</h3><p class="quiet">{}</p><p>{}</p></div>').format(
        text(one["name"]), text(one["about"]), told or "Nobody is told by it."
    )


def _fate(one: dict[str, Any]) -> Markup:
    if one["status"] == "delivered":
        words = "has arrived"
    elif one["status"] == "dead":
        words = f"was given up: {one['lastError']}"
    else:
        words = f"is on its way{': ' + one['lastError'] if one['lastError'] else ''}"
    return Markup("<p>{} to {} {}</p>").format(badge(one["status"]), text(one["address"]), text(words))


def _notice(one: dict[str, Any]) -> Row:
    under = text(" · ".join(part for part in (one["channel"], one["address"], one["lastError"]) if part))
    markup = line(text(one["title"] or one["kind"]), under, badge(one["status"]), at=when(one["createdAt"]))
    return Row(key=one["noticeId"], markup=markup, href=f"/runs/{segment(one['runId'])}" if one["runId"] else "")
