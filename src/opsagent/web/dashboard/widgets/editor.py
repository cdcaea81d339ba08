"""Where a runbook is written: it is read while somebody types, and tried before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.rehearsal import rehearsal
from opsagent.web.dashboard.widgets.words import text
from opsagent.web.dashboard.widgets.write import Choice, labelled

_PAUSE_S = 0.4  # a check after each pause in typing of about so long
_MOST_CHARS = 262_144  # of a runbook; docs/runbooks.md


class Editor:
    """A text, what is found in it, and its dry run. `name` is what findings call it; `given` the values to try with.

    `over` is the version it is begun from.
    """

    def __init__(
        self,
        visit: Visit,
        source: str,
        name: str,
        *,
        over: str = "",
        target: str = "",
        given: Mapping[str, str] | None = None,
    ) -> None:
        self._visit = visit
        self._name = name
        self._target = target
        self._turn = 0
        self._understood = ""
        with ui.element("div").classes("editing"):
            self.text = labelled(
                "Text",
                text=source,
                rows=26,
                classes="editor",
                most=_MOST_CHARS,
                pause_s=_PAUSE_S,
                keep="text",
                over=over,
            )
            self.text.on_change(self.check)
            with ui.element("section").classes("card findings").props('aria-label="Findings"'):
                html("Findings", tag="h2")
                self._said = html("", classes="stack").props('role="status"')
                self._places = ui.element("ul").classes("places-in")
        with ui.element("section").classes("card").props('aria-label="Dry run"'):
            html("Dry run", tag="h2")
            html("Each command is judged as it would be, and none is run.", classes="quiet")
            with ui.element("div").classes("row") as self._form:
                self._where = Choice("Target of the dry run", [("", "as the runbook says")])
                self._values = labelled(
                    "Values, one a line: name=value",
                    text="\n".join(f"{key}={value}" for key, value in (given or {}).items()),
                    rows=2,
                )
                button("Dry run", self._rehearse)
            self._rehearsed = html("").props('role="status"')

    async def begin(self) -> None:
        """Read the text as it is, and which targets there are."""
        targets = [one["name"] for one in (await self._visit.api.get("/api/v1/connections"))["connections"]]
        options = [("", "as the runbook says"), *((one, one) for one in targets)]
        self._where.offer(options, self._target if self._target in targets else "")
        await self.check()

    async def check(self) -> None:
        """What the text is understood as, or where it is wrong. Of several at once the last one counts."""
        self._turn += 1
        turn = self._turn
        try:
            found = await self._visit.api.post("/api/v1/runbooks/check", {"text": self.text.text, "path": self._name})
        except Refused as refused:
            if turn == self._turn:
                self._understood = ""
                line = refused.extra.get("line", 0)
                self._show(
                    Markup('<p class="flag bad">Cannot be stored as it is.</p>'),
                    [{"line": line, "message": refused.message, "fix": refused.fix}],
                )
            return
        if turn == self._turn:
            self._understood = found["runbookId"]
            self._show(_understood(found), found["remarks"])

    def _show(self, said: Markup, places: list[dict[str, Any]]) -> None:
        self._said.set_content(str(said))
        self._places.clear()
        self._places.set_visibility(bool(places))
        with self._places:
            for one in places:
                with ui.element("li"):
                    self._place(one)

    def _place(self, one: dict[str, Any]) -> None:
        where = f"{self._name}:{one['line']}"
        message = one["message"].removeprefix(f"{where}: ")
        if one["line"]:

            async def go() -> None:
                self.text.to_line(int(one["line"]))

            button(where, go, kind="small", label=f"Go to line {one['line']}")
        html(Markup("<p>{}</p><p class='quiet'>{}</p>").format(text(message), text(one["fix"])))

    async def _rehearse(self) -> None:
        source = await self.text.read()
        await self.check()
        if not self._understood:
            self._rehearsed.set_content("Mend the finding first.")
            return
        body = {"text": source, "connection": self._where.value, "parameters": pairs_in(await self._values.read())}
        found = await self._visit.api.post(f"/api/v1/runbooks/{segment(self._understood)}/dry-run", body)
        self._rehearsed.set_content(str(rehearsal(found)))


def _understood(found: dict[str, Any]) -> Markup:
    steps = ", ".join(one["name"] or one["phase"] for one in found["stepList"])
    kind = "can be followed" if found["executable"] else "a page for people, which is never followed by itself"
    return Markup('<p class="flag good">Understood</p><p><strong>{}</strong> ({}): {}. {} {}</p>').format(
        text(found["title"]),
        text(found["runbookId"]),
        kind,
        text(f"Steps: {steps}." if steps else "It has no step."),
        text(f"For: {', '.join(found['alerts'])}." if found["alerts"] else ""),
    )


def pairs_in(lines: str) -> dict[str, str]:
    """The values of lines of the form name=value; what is no such line is left out."""
    parts = [line.partition("=") for line in lines.splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in parts if name.strip()}
