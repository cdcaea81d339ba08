"""What one run asks people, wherever that run is shown: the same cards as on the Agent Dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui
from nicegui.events import KeyEventArguments

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import say
from opsagent.web.dashboard.widgets.question import Question
from opsagent.web.dashboard.widgets.unknown import UnknownEnd


class Asks:
    """The questions of one run. One that is answered says by whom, and stays where it is."""

    def __init__(self, visit: Visit, run_id: str) -> None:
        self._visit = visit
        self._run_id = run_id
        self._cards: dict[str, Question | UnknownEnd] = {}
        self._open: list[str] = []
        self._list = ui.element("div").classes("cardlist asks").props('role="list" aria-label="Questions"')
        self._list.set_visibility(False)

    async def show(self, pending: Mapping[str, Any]) -> bool:
        """As `/api/v1/agent/pending-approvals` tells it now; whether there is a new question."""
        before = len(self._cards)
        asked = {one["approvalId"]: one for one in pending["approvals"] if one["runId"] == self._run_id}
        unknown = {one["step"]["stepId"]: one for one in pending["unknownSteps"] if one["sessionId"] == self._run_id}
        for kind, found in ((Question, asked), (UnknownEnd, unknown)):
            for key, one in found.items():
                self._put(key, one, kind)
        self._open = [*asked, *unknown]
        for key, card in self._cards.items():
            if key not in self._open:
                await card.ended()
        self._list.set_visibility(bool(self._cards))
        return len(self._cards) > before

    @property
    def waiting(self) -> bool:
        """Whether any of them still waits."""
        return bool(self._open)

    async def key(self, pressed: KeyEventArguments) -> None:
        """Where nothing else is asked on the page: `a`, `r` and `n` go to the one open question there is."""
        held = pressed.modifiers
        if not pressed.action.keydown or held.ctrl or held.alt or held.meta or len(self._open) != 1:
            return
        card = self._cards[self._open[0]]
        if isinstance(card, Question):
            try:
                await card.key(str(pressed.key))
            except Refused as refused:
                say(refused)

    def _put(self, key: str, asked: dict[str, Any], kind: type[Question | UnknownEnd]) -> None:
        if key in self._cards:
            self._cards[key].show(asked)
            return
        with self._list:
            self._cards[key] = kind(self._visit, asked, chosen=lambda: None)
