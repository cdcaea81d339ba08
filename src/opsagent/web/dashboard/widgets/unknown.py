"""One effect that was started and whose end nobody knows: a person says what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.manifest import manifest
from opsagent.web.dashboard.widgets.press import button, html, sure, too_late
from opsagent.web.dashboard.widgets.words import badge, text

_ANSWERS = {
    "happened": ("It happened", "You have looked, and the effect is there. The run goes on from it."),
    "not_happened": ("It did not happen", "You have looked, and the effect is not there. It may be proposed again."),
    "aborted": ("Give up on it", "Nobody can tell. The run takes back what it can and ends."),
}


class UnknownEnd:
    """A card with the effect and the answers."""

    def __init__(self, visit: Visit, asked: dict[str, Any], *, chosen: Callable[[], None]) -> None:
        self._visit = visit
        self._asked = asked
        self._sheets: list[ui.dialog] = []
        step = asked["step"]
        with ui.element("article").classes("card").props('role="listitem" tabindex="-1"') as self._card:
            self._card.props["aria-label"] = f"Unknown end: {step['command'][:100]}"
            self._card.on("pointerdown", chosen, args=[]).on("focusin", chosen, args=[])
            html(
                Markup(
                    "<h2>Did this happen?</h2><p>{} It was started, and its end was not seen. It is never run again by "
                    "itself. Look on {} first.</p><p>{}</p>"
                ).format(
                    badge("unknown"), text(step["connection"] or "the target"), text(asked["issueDescription"][:500])
                )
            )
            html(Markup("{}{}").format(manifest(step["manifest"]), command(step["command"], step["outside"])))
            self._fate = html("", classes="fate").props('role="status"')
            with ui.element("div").classes("row decide") as self._answers:
                if "approve" in visit.may:
                    for answer in asked["answers"]:
                        self._offer(answer)

    def show(self, asked: dict[str, Any]) -> None:
        """The same question still: an answer stays bound to what was drawn."""

    def choose(self, *, on: bool) -> None:
        """The reader is here, or no longer."""
        self._card.classes(add="chosen" if on else "", remove="" if on else "chosen")

    def into_view(self) -> None:
        """Scroll to it."""
        ui.run_javascript(f'getHtmlElement({self._card.id}).scrollIntoView({{block: "start"}})')

    async def key(self, _: str) -> None:
        """No key answers this: somebody has to have looked."""
        ui.notify("This is answered by its own buttons, after a look at the target.", type="warning")

    async def ended(self) -> None:
        """Somebody has said what became of it."""
        too_late(self._sheets)
        self._answers.set_visibility(False)
        self._card.classes("over")
        link = Markup('Somebody has answered this. <a href="/runs/{}">Watch the run</a>')
        self._fate.set_content(str(link.format(self._asked["sessionId"])))

    def _offer(self, answer: str) -> None:
        name, words = _ANSWERS.get(answer, (answer, ""))

        async def say_so() -> None:
            if await sure(f"{name}?", words, name, kind="primary", among=self._sheets):
                await self._visit.api.post(
                    f"/api/v1/agent/{segment(self._asked['sessionId'])}/resolve-step",
                    {"answer": answer},
                    step_number=self._asked["stepNumber"],
                )
                await self._visit.look()

        button(name, say_so)
