"""What the chat offers: a runbook that is started, or only looked with, by a press and by nothing that is said."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.write import Choice, Field


class Offer:
    """The target, the values the runbook has none for, and two buttons. `path` is the conversation's in the API."""

    def __init__(self, visit: Visit, path: str, offered: dict[str, Any]) -> None:
        self._visit = visit
        self._path = path
        self._offered = offered
        self._form = ui.element("div").classes("row offer")
        self._show("Choose a target …", "primary")

    def started(self) -> None:
        """A run came of it: it can be started again, and does not press for it."""
        self._form.clear()
        self._show("Start it again …", "small")

    def _show(self, words: str, kind: str) -> None:
        self._fields: dict[str, Field] = {}
        self._where: Choice | None = None
        link = Markup('<a href="/runbooks/{}">Read the runbook</a>').format(segment(self._offered["runbookId"]))
        with self._form:
            self._choose = button(words, self._fill, kind=kind)
            html(link, classes="quiet")

    async def _fill(self) -> None:
        targets = (await self._visit.api.get("/api/v1/connections"))["connections"]
        try:
            runbook = await self._visit.api.get(f"/api/v1/runbooks/{segment(self._offered['runbookId'])}")
        except Refused:
            runbook = {"parameters": [], "connection": ""}
        self._choose.set_visibility(False)
        first = [("", f"as the runbook says: {runbook['connection'] or 'the sandbox'}")]
        with self._form:
            self._where = Choice("Target", [*first, *((one["name"], one["name"]) for one in targets)])
            for one in runbook["parameters"]:
                hint = one["default"] if one["default"] is not None else one["description"] or one["pattern"]
                self._fields[one["name"]] = Field(one["name"], hint=f"{one['name']}: {hint}")
            button("Start", self._start, kind="primary")
            button("Only look", self._look, hint="Its proven reads, and nothing else. Nobody is asked.")

    async def _start(self) -> None:
        await self._begin(looks=False)

    async def _look(self) -> None:
        await self._begin(looks=True)

    async def _begin(self, *, looks: bool) -> None:
        await self._visit.api.post(
            f"{self._path}/start",
            {
                "line": self._offered["number"],
                "onlyLooks": looks,
                "connection": self._where.value if self._where else "",
                "parameters": {name: field.text for name, field in self._fields.items() if field.text},
            },
        )
        await self._visit.look()
