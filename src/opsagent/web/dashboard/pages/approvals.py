"""Agent Dashboard: what waits for a person; what it would do first, the exact command next, a model's words last."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from nicegui.events import KeyEventArguments
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import html, say
from opsagent.web.dashboard.widgets.question import Question
from opsagent.web.dashboard.widgets.unknown import UnknownEnd

_EMPTY = Markup(
    "<strong>Nothing waits for you.</strong>When a command needs a person, it appears here by itself. "
    'What the agent did meanwhile is in <a href="/runs">Agent Ops</a>.'
)
_HELP = Markup("<kbd>j</kbd> <kbd>k</kbd> choose · <kbd>a</kbd> approve · <kbd>r</kbd> reject · <kbd>n</kbd> note")


async def approvals(request: Request, client: Client) -> Response | None:
    """Every open question, the oldest first."""

    async def build(visit: Visit) -> None:
        board = _Board(visit)
        await board.refresh()
        board.choose_first()
        visit.fresh.append(board.refresh)

    return await shown(request, client, "Agent Dashboard", build, place="/approvals")


class _Board:
    """The questions by id. One is chosen; the keys go to it, and nothing but its reader's own hand moves the choice.

    If it moved by itself when a question goes away, a key pressed in that moment would answer another one.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._cards: dict[str, Question | UnknownEnd] = {}
        self._chosen = ""
        self._help = html(_HELP, classes="quiet wide-only")
        self._none = html(_EMPTY, classes="empty")
        self._more = html("", classes="quiet")
        self._list = ui.element("div").classes("cardlist").props('role="list" aria-label="Questions"')
        self._list.style("gap: 1rem")
        ui.keyboard(on_key=self._key, repeating=False)

    async def refresh(self) -> None:
        """New questions come at the end; one that was answered says by whom, and stays where it is."""
        pending = await self._visit.api.get("/api/v1/agent/pending-approvals")
        there = set()
        for asked in pending["approvals"]:
            there.add(asked["approvalId"])
            self._put(asked["approvalId"], asked, Question)
        for asked in pending["unknownSteps"]:
            there.add(asked["step"]["stepId"])
            self._put(asked["step"]["stepId"], asked, UnknownEnd)
        for key, card in self._cards.items():
            if key not in there:
                await card.ended()
        beyond = pending["waiting"] - len(there)
        behind = f"{beyond:,} more wait behind these; each answer brings up the next."
        self._more.set_content(behind if beyond > 0 else "")
        self._none.set_visibility(not self._cards)
        self._help.set_visibility(bool(self._cards))

    def choose_first(self) -> None:
        """When the page opens, the oldest is chosen: nobody has pressed a key yet."""
        for key in self._cards:
            self._choose(key)
            return

    def _put(self, key: str, asked: dict[str, Any], kind: type[Question | UnknownEnd]) -> None:
        if key in self._cards:
            self._cards[key].show(asked)
            return
        with self._list:
            self._cards[key] = kind(self._visit, asked, chosen=lambda: self._choose(key))

    def _choose(self, key: str) -> None:
        if self._chosen == key:
            return
        if before := self._cards.get(self._chosen):
            before.choose(on=False)
        self._chosen = key
        self._cards[key].choose(on=True)

    async def _key(self, pressed: KeyEventArguments) -> None:
        keys, held = str(pressed.key), pressed.modifiers
        if not pressed.action.keydown or held.ctrl or held.alt or held.meta:
            return
        if keys in {"j", "k"} and self._cards:
            order = list(self._cards)
            at = order.index(self._chosen) if self._chosen in self._cards else -1
            following = order[max(0, min(len(order) - 1, at + (1 if keys == "j" else -1)))]
            self._choose(following)
            self._cards[following].into_view()
            return
        card = self._cards.get(self._chosen)
        if isinstance(card, Question):
            try:
                await card.key(keys)
            except Refused as refused:
                say(refused)
