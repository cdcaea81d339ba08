"""The lines of one conversation as they come: what was said, what it was made from, and the runs that came of it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.asks import Asks
from opsagent.web.dashboard.widgets.offer import Offer
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.timeline import Timeline
from opsagent.web.dashboard.widgets.words import badge, text, when

ENDED = frozenset({"completed", "failed", "cancelled"})
AT_ONCE = 60  # lines shown when the page opens
_EVENTS = 8  # of a run's timeline, the newest
_PAGE = 200
_SOURCES = {"runbook": "/runbooks", "run": "/runs", "ticket": "/tickets"}
_FEW = 4
_DOWN = "scrollTo({top: document.body.scrollHeight})"
_SHOW = """if (document.documentElement.dataset.reads !== "above")
  getHtmlElement(%d).scrollIntoView({block: "start"})"""


class Talk:
    """Lines only ever come; what changes is the run of a line. `mine`: its person looks, who may start what is offered.

    `path` is the conversation's in the API.
    """

    def __init__(self, visit: Visit, path: str, *, mine: bool) -> None:
        self._visit = visit
        self._path = path
        self._mine = mine
        self._first = self._last = 0
        self._shown: dict[int, ui.element] = {}
        self._runs: dict[int, _RunOfLine] = {}
        self._offers: dict[int, Offer] = {}
        with ui.element("div") as self._earlier:
            button("Show earlier lines", self._show_earlier, kind="small")
        self._earlier.set_visibility(False)
        with ui.element("div").props('role="log" aria-label="Lines"'):
            self._list = ui.element("ol").classes("log")

    async def begin(self, newest: int) -> None:
        """The newest lines; `newest` is the number of the last."""
        self._first = self._last = max(0, newest - AT_ONCE)
        self._earlier.set_visibility(self._first > 0)
        await self.refresh()
        ui.run_javascript(_DOWN)

    async def say(self, words: str) -> None:
        """Say something; the reply comes with the lines. Refused."""
        ui.run_javascript(_DOWN)
        await self._visit.api.post(f"{self._path}/messages", {"text": words})
        await self._visit.look()

    async def refresh(self) -> None:
        """The lines that have come since, and how the runs stand."""
        open_runs = [number for number, one in self._runs.items() if not one.ended]
        after = min([self._last, *(number - 1 for number in open_runs)])
        seen = self._last
        while True:
            page = await self._visit.api.get(self._path, after=after, limit=_PAGE)
            for one in page["lines"]:
                await self._put(one)
            if page["nextAfter"] is None:
                break
            after = page["nextAfter"]
        if any(one.asks_or_asked for one in self._runs.values()):
            pending = await self._visit.api.get("/api/v1/agent/pending-approvals")
            for number, run in self._runs.items():
                if await run.ask(pending):
                    seen = min(seen, number - 1)
        if first := next((number for number in sorted(self._shown) if number > seen), None):
            ui.run_javascript(_SHOW % self._shown[first].id)

    async def _put(self, one: dict[str, Any], *, place: int = -1) -> None:
        """Show a line or, of one that is shown, how its run stands."""
        number = one["number"]
        if number in self._shown:
            if number in self._runs and one["run"]:
                await self._runs[number].show(one["run"])
            return
        self._last = max(self._last, number)
        kind = one["kind"]
        with self._list, ui.element("li").classes(f"said-line {kind}") as item:
            self._shown[number] = item
            html(_said(one, self._visit.name if self._mine else "They"))
            if kind == "offer":
                if self._mine and "operate" in self._visit.may:
                    self._offers[number] = Offer(self._visit, self._path, one)
                else:
                    html("Starting it needs the role operator, and the conversation's own person.", classes="quiet")
            if one["of"] in self._offers:
                self._offers[one["of"]].started()
            if kind == "run" and one["run"]:
                self._runs[number] = _RunOfLine(self._visit, one["run"]["runId"])
        if place >= 0:
            item.move(target_index=place)
        if number in self._runs:
            await self._runs[number].begin(one["run"])

    async def _show_earlier(self) -> None:
        start = max(0, self._first - AT_ONCE)
        page = await self._visit.api.get(self._path, after=start, limit=self._first - start)
        for place, one in enumerate(page["lines"]):
            await self._put(one, place=place)
        self._first = start
        self._earlier.set_visibility(start > 0)


class _RunOfLine:
    """A run in a conversation: where it stands, what happens, what it asks."""

    def __init__(self, visit: Visit, run_id: str) -> None:
        self._visit = visit
        self._run_id = run_id
        self._before = ""
        self.ended = False
        self.asks_or_asked = False
        with ui.element("div").classes("card run-here"):
            self._status = html("", classes="stack").props('role="status"')
            self._asks = Asks(visit, run_id)
            with ui.element("details").props("open") as self._happens:
                html("What happens", tag="summary")
                self._timeline = Timeline(visit.api, f"/api/agent-ops/{segment(run_id)}/events", at_once=_EVENTS)
        self._told = False

    async def begin(self, run: dict[str, Any]) -> None:
        """As it stands when its line is first shown; the timeline of one that is over is on its own page."""
        self._told = run["status"] not in ENDED
        self._happens.set_visibility(self._told)
        if self._told:
            await self._timeline.begin()
        await self.show(run)

    async def show(self, run: dict[str, Any]) -> None:
        """As it stands now."""
        if self.ended:
            return
        self.ended = run["status"] in ENDED
        self.asks_or_asked = self.asks_or_asked or run["status"] == "awaiting_approval"
        if self._told:
            await self._timeline.refresh()
        told = str(_stands(run))
        if told != self._before:
            self._before = told
            self._status.set_content(told)

    async def ask(self, pending: dict[str, Any]) -> bool:
        """What it asks people now; whether there is a new question."""
        return self.asks_or_asked and await self._asks.show(pending)


def _stands(run: dict[str, Any]) -> Markup:
    words = run["error"] or run["result"]
    lead = Markup('<p class="lead">{}</p>').format(text(words)) if words else ""
    return Markup('<div class="split"><span>{}</span><a href="/runs/{}">Open the run</a></div>{}').format(
        badge(run["status"]), segment(run["runId"]), lead
    )


def _said(one: dict[str, Any], me: str) -> Markup:
    theirs = one["kind"] == "message"
    by = me if theirs else one["by"] or "OpsAgent"
    said = Markup('<p class="plain">{}</p>').format(text(one["text"])) if theirs else prose(one["text"])
    tokens = one["inputTokens"] + one["outputTokens"]
    return Markup('<div class="by">{} · {}{}</div><div class="bubble">{}{}</div>').format(
        text(by), when(one["at"]), f" · {tokens} tokens" if tokens else "", said, _sources(one["sources"])
    )


def _sources(found: list[dict[str, Any]]) -> Markup:
    if not found:
        return Markup("")
    links = Markup("").join(
        Markup('<li><span class="quiet">{}</span> <a href="{}/{}">{}</a></li>').format(
            one["kind"], _SOURCES[one["kind"]], segment(one["id"]), text(one["title"] or one["id"])
        )
        for one in found
    )
    return Markup('<details class="sources"{}><summary>Sources ({})</summary><ul>{}</ul></details>').format(
        Markup(" open") if len(found) <= _FEW else "", len(found), links
    )
