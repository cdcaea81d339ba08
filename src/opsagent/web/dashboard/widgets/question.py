"""One question to people: what it would do, the exact command, and the two answers, bound to what was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.manifest import irreversible, manifest
from opsagent.web.dashboard.widgets.press import button, html, say_answered, sure, too_late
from opsagent.web.dashboard.widgets.words import badge, pairs, text, when


class Question:
    """A card with one question. It stays where it is once it is answered, and says by whom."""

    def __init__(self, visit: Visit, asked: dict[str, Any], *, chosen: Callable[[], None]) -> None:
        self._visit = visit
        self._asked = asked
        self._over = self._deciding = False
        self._sheets: list[ui.dialog] = []
        with ui.element("article").classes("card").props('role="listitem" tabindex="-1"') as self._card:
            self._card.props["aria-label"] = f"Question: {asked['command'][:100]}"
            self._card.on("pointerdown", chosen, args=[]).on("focusin", chosen, args=[])
            self._head = html(_head(asked))
            html(question(asked), classes="stack")
            self._fate = html("", classes="fate").props('role="status"')
            with ui.element("div").classes("answers") as self._answers:
                if "approve" in visit.may:
                    self._note = html("", tag="textarea", classes="note").props(
                        'rows=1 maxlength=2000 placeholder="Note (kept with your answer)"'
                    )
                    self._note.props["aria-label"] = "Note"
                    self._note.props["data-keep"] = f"note {asked['approvalId']}"
                    self._note.on("input", self._noted, args=["target.value"], js_handler="(e) => emit(e.target.value)")
                    self._words = ""
                    with ui.element("div").classes("row decide"):
                        button(Markup("Approve <kbd>a</kbd>"), self._approve, kind="primary")
                        button(Markup("Reject <kbd>r</kbd>"), self._reject, kind="danger")
                else:
                    html(
                        f"Your role ({visit.role}) does not carry approving. An approver or admin can answer this.",
                        classes="quiet",
                    )
        self.show(asked)

    def show(self, asked: dict[str, Any]) -> None:
        """What may change while it waits: who has said yes so far. An answer stays bound to what was drawn."""
        if asked["persons"] > 1 and not self._over:
            names = ", ".join(one["by"] for one in asked["grants"]) or "nobody yet"
            self._fate.set_content(str(Markup("Needs {} persons; yes from {}.").format(asked["persons"], names)))

    def choose(self, *, on: bool) -> None:
        """The keys go to this one, or no longer."""
        self._card.classes(add="chosen" if on else "", remove="" if on else "chosen")

    def into_view(self) -> None:
        """Scroll to it."""
        ui.run_javascript(f'getHtmlElement({self._card.id}).scrollIntoView({{block: "start"}})')

    async def key(self, pressed: str) -> None:
        """`a` and `r` answer; `n` is the browser's own (`assets/page.js`). Refused."""
        if "approve" not in self._visit.may:
            return
        if self._over:
            ui.notify("This one is answered. Choose another with j or k.", type="warning")
        elif pressed == "a":
            await self._approve()
        elif pressed == "r":
            await self._reject()

    async def ended(self) -> None:
        """It waits no more: say what became of it."""
        if self._over:
            return
        self._over = True
        too_late(self._sheets)
        if "approve" in self._visit.may:
            ui.run_javascript(f"written.forget(getHtmlElement({self._note.id}))")
        self._answers.set_visibility(False)
        self._card.classes("over")
        try:
            session = await self._visit.api.get(f"/api/v1/agent/{segment(self._asked['runId'])}")
        except Refused:
            session = {"steps": []}
        found = [one["approval"] for one in session["steps"] if one["approval"]]
        self._tell(next((one for one in found if one["approvalId"] == self._asked["approvalId"]), None))

    def _tell(self, said: dict[str, Any] | None) -> None:
        if said is None:
            self._fate.set_content("This question is over: it was asked anew, or its run has ended.")
            return
        by = Markup(" by {}").format(text(said["decidedBy"])) if said["decidedBy"] else ""
        note = Markup("<p>“{}”</p>").format(text(said["notes"])) if said["notes"] else ""
        link = Markup('<a href="/runs/{}">Watch the run</a>').format(self._asked["runId"])
        self._fate.set_content(
            str(Markup("<p>{}{} {} · {}</p>{}").format(badge(said["status"]), by, when(said["decidedAt"]), link, note))
        )

    def _noted(self, event: Any) -> None:
        self._words = str(event.args)[:2000]

    async def _approve(self) -> None:
        if irreversible(self._asked["manifest"]):
            words = Markup("{}{}").format(
                manifest(self._asked["manifest"]), command(self._asked["command"], self._asked["outside"])
            )
            if not await sure("This may not be taken back. Approve it?", words, "Approve", among=self._sheets):
                return
        await self._answer(approve=True)

    async def _reject(self) -> None:
        await self._answer(approve=False)

    async def _answer(self, *, approve: bool) -> None:
        if self._over:
            say_answered()
            return
        if self._deciding:
            ui.notify("Your answer is on its way.")
            return
        self._deciding = True
        try:
            await self._visit.api.post(
                f"/api/v1/agent/{segment(self._asked['sessionId'])}/approve-step",
                {"approve": approve, "digest": self._asked["digest"], "notes": self._words},
                step_number=self._asked["stepNumber"],
            )
        finally:
            self._deciding = False
        await self._visit.look()


def question(asked: dict[str, Any]) -> Markup:
    """Everything a person needs before they answer, in the order they need it."""
    return Markup("<h3>What it would do</h3>{}<h3>The exact command</h3>{}{}{}{}{}").format(
        manifest(asked["manifest"]),
        command(asked["command"], asked["outside"]),
        way_back(asked),
        _about(asked),
        _alike(asked["alike"]),
        _why(asked),
    )


def way_back(asked: dict[str, Any]) -> Markup:
    """What would take it back, and whether a yes to it is asked once more."""
    found = asked["manifest"]
    again = irreversible(found)
    if asked["undo"]:
        return Markup("<h3>To take it back</h3>{}{}{}").format(
            command(asked["undo"], label="The command that takes it back"),
            manifest(asked["undoManifest"]),
            Markup('<p class="quiet">What it does itself may be for good: you are asked once more.</p>')
            if again
            else "",
        )
    if again:
        words = "Nothing is known to take it back: you are asked once more."
    elif found["proof"] == "read":
        words = "It only reads: there is nothing to take back."
    elif found["reversible"]:
        words = "No command is given to take it back; it can be, by hand. One yes is enough."
    else:
        words = "No command is given to take it back. It deletes nothing, and all it does is known: one yes is enough."
    return Markup('<p class="quiet">{}</p>').format(words)


def _head(asked: dict[str, Any]) -> Markup:
    return Markup('<div class="split"><h2>On {}</h2><span>{} asked {} · ends {}</span></div><p>{}</p>').format(
        text(asked["target"] or "the sandbox"),
        badge("pending"),
        when(asked["requestedAt"]),
        when(asked["expiresAt"]),
        text(asked["issueDescription"][:500]),
    )


def _about(asked: dict[str, Any]) -> Markup:
    runbook = (
        Markup('<a href="/runbooks/{}">{}</a>').format(
            asked["runbookId"], text(asked["runbookTitle"] or asked["runbookId"])
        )
        if asked["runbookId"]
        else ""
    )
    run = Markup('<a href="/runs/{0}">step {1}</a>').format(asked["runId"], asked["stepNumber"])
    four = "The one who started it cannot approve it." if asked["fourEyes"] else ""
    return pairs(
        {
            "Asked because": asked["reason"],
            "Runbook": runbook,
            "Run": run,
            "Started by": asked["startedBy"],
            "Rule": four,
        }
    )


def _alike(earlier: list[dict[str, Any]]) -> Markup:
    if not earlier:
        return Markup("")
    items = Markup("").join(
        Markup("<li>{} {} {} {}</li>").format(
            badge(one["status"]), text(one["decidedBy"]), when(one["decidedAt"]), text(one["notes"])
        )
        for one in earlier
    )
    return Markup("<details><summary>Asked before ({})</summary><ul>{}</ul></details>").format(len(earlier), items)


def _why(asked: dict[str, Any]) -> Markup:
    if not asked["why"]:
        return Markup("")
    author = asked["manifest"]["author"]
    if author:
        return Markup(
            '<div class="model"><strong>In the words of a model ({}), which may be wrong:</strong>{}</div>'
        ).format(author, text(asked["why"]))
    return Markup('<p class="quiet">{}</p>').format(text(asked["why"]))
