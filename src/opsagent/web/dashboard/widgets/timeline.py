"""A run's timeline as it happens: the newest lines at once, the earlier ones when they are wanted."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import Api
from opsagent.web.dashboard.widgets.folded import folded
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.words import text, when

AT_ONCE = 100
_KINDS = {"tool_call": "command", "tool_result": "outcome", "final": "end"}


class Timeline:
    """Lines only ever come; one that is shown is never touched again."""

    def __init__(self, api: Api, path: str, *, at_once: int = AT_ONCE) -> None:
        self._api = api
        self._path = path
        self._at_once = at_once
        self._first = self._last = 0
        with ui.element("div") as self._earlier:
            button("Show earlier lines", self._show_earlier, kind="small")
        self._earlier.set_visibility(False)
        self._list = ui.element("ol").classes("events").props('aria-label="Timeline"')

    async def begin(self) -> None:
        """The newest lines."""
        newest = (await self._api.get(self._path, limit=1))["lastEvent"]
        self._first = self._last = max(0, newest - self._at_once)
        await self.refresh()
        self._earlier.set_visibility(self._first > 0)

    async def refresh(self) -> None:
        """The lines that have come since."""
        while events := (await self._api.get(self._path, after=self._last, limit=AT_ONCE))["events"]:
            with self._list:
                for event in events:
                    html(_line(event), tag="li", classes=str(event["eventType"]))
            self._last = events[-1]["sequence"]
            if len(events) < AT_ONCE:
                return

    async def _show_earlier(self) -> None:
        start = max(0, self._first - AT_ONCE)
        events = (await self._api.get(self._path, after=start, limit=self._first - start))["events"]
        for place, event in enumerate(events):
            with self._list:
                html(_line(event), tag="li", classes=str(event["eventType"])).move(target_index=place)
        self._first = start
        self._earlier.set_visibility(start > 0)


def _line(event: dict[str, Any]) -> Markup:
    kind = _KINDS.get(event["eventType"], event["eventType"])
    output = folded("Output", event["toolOutput"].rstrip("\n")) if event["toolOutput"] else ""
    tool = Markup("<code>{}</code> ").format(text(event["toolName"])) if event["toolName"] else ""
    arguments = Markup(" ").join(
        Markup("<code>{}={}</code>").format(text(name), text(value[:500])) for name, value in event["toolArgs"].items()
    )
    return Markup('<div class="kind">{}<br>{}</div><div class="said">{}{} {}{}</div>').format(
        kind, when(event["createdAt"]), tool, text(event["content"]), arguments, output
    )
