"""Cards that ask, wherever they stand, and the keys that answer them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nicegui import ui
from nicegui.events import KeyEventArguments

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import say, sheet_is_open
from opsagent.web.dashboard.widgets.question import Question
from opsagent.web.dashboard.widgets.unknown import UnknownEnd

Asked = dict[str, Any]


class Cards:
    """The questions by id. One is chosen; the keys go to it, and nothing but its reader's own hand moves the choice.

    If it moved by itself when a question goes away or comes, a key pressed in that moment would answer another one.
    Without `keys` nothing is chosen: somebody writes on that page.
    """

    def __init__(self, visit: Visit, *, keys: bool = True) -> None:
        self._visit = visit
        self._keys = keys
        self._cards: dict[str, Question | UnknownEnd] = {}
        self._chosen = ""
        self.waiting: frozenset[str] = frozenset()
        self._list = ui.element("div").classes("cardlist").props('role="list" aria-label="Questions"')
        self._list.set_visibility(False)
        if keys:
            ui.keyboard(on_key=self._key, repeating=False, ignore=["input", "select", "textarea"])

    def __len__(self) -> int:
        return len(self._cards)

    async def show(self, questions: Iterable[Asked], unknown: Iterable[Asked]) -> None:
        """What is asked now. New ones come at the end; one that was answered says by whom, and stays where it is."""
        for asked in (questions := list(questions)):
            self._put(asked["approvalId"], asked, Question)
        for asked in (unknown := list(unknown)):
            self._put(asked["step"]["stepId"], asked, UnknownEnd)
        self.waiting = frozenset(
            [*(one["approvalId"] for one in questions), *(one["step"]["stepId"] for one in unknown)]
        )
        for key, card in list(self._cards.items()):
            if key not in self.waiting:
                await card.ended()
        self._list.set_visibility(bool(self._cards))

    def choose_first(self) -> None:
        """When the page opens, the oldest is chosen: nobody has pressed a key yet."""
        if self._cards:
            self._choose(next(iter(self._cards)))

    def _put(self, key: str, asked: Asked, kind: type[Question | UnknownEnd]) -> None:
        if key in self._cards:
            self._cards[key].show(asked)
            return
        with self._list:
            self._cards[key] = kind(self._visit, asked, chosen=lambda: self._choose(key))

    def _choose(self, key: str) -> None:
        if self._chosen == key or not self._keys:
            return
        if before := self._cards.get(self._chosen):
            before.choose(on=False)
        self._chosen = key
        self._cards[key].choose(on=True)

    async def _key(self, pressed: KeyEventArguments) -> None:
        keys, held = str(pressed.key), pressed.modifiers
        if not self._cards or not pressed.action.keydown or held.ctrl or held.alt or held.meta:
            return
        if sheet_is_open(self._visit.client):
            return
        if keys in {"j", "k"}:
            order = list(self._cards)
            at = order.index(self._chosen) if self._chosen in self._cards else -1
            following = order[max(0, min(len(order) - 1, at + (1 if keys == "j" else -1)))]
            self._choose(following)
            self._cards[following].into_view()
        elif keys in {"a", "r", "n"}:
            if card := self._cards.get(self._chosen):
                try:
                    await card.key(keys)
                except Refused as refused:
                    say(refused)
            else:
                ui.notify("No question is chosen. Press on the one you have read, or j.", type="warning")
