"""A list of things that something can be done with: each has its facts and its buttons, and stays where it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.rows import MOST
from opsagent.web.dashboard.widgets.write import Field

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something to do with one of them; `there` says for which it is offered."""

    words: str
    act: Callable[[Json], Awaitable[Any]]
    there: Callable[[Json], bool] = lambda _: True
    danger: bool = False
    hint: str = ""


@dataclass(slots=True, kw_only=True)
class _Shown:
    """What is on the page of one of them."""

    one: Json
    item: ui.element
    facts: ui.html
    tools: ui.element
    buttons: list[tuple[Deed, ui.html]]
    under: ui.html


class Records:
    """`key` names the field that tells them apart, `called` the one they are called by to a screen reader.

    What was not changed is not touched, so no focus is lost. `said` writes below one of them. Of more than `MOST` the
    first are shown, and a field that narrows them by what they are called.
    """

    def __init__(
        self,
        label: str,
        empty: Markup,
        markup: Callable[[Json], Markup],
        deeds: Sequence[Deed] = (),
        *,
        key: str,
        called: str = "name",
    ) -> None:
        self._markup = markup
        self._deeds = deeds
        self._key = key
        self._called = called
        self._shown: dict[str, _Shown] = {}
        self._all: Sequence[Json] = ()
        self._find = Field(f"Find in {label.lower()}", hint="Narrow them by name")
        self._find.on_change(self._narrow)
        self._more = html("", classes="quiet").props('role="status"')
        self._list = ui.element("ul").classes("rows")
        self._list.props["aria-label"] = label
        self._none = html(empty, classes="empty")
        self._none.set_visibility(False)

    def show(self, all_of_them: Sequence[Json]) -> None:
        """These and no others, in this order. On a page that was left meanwhile nothing is shown any more."""
        if self._list.is_deleted:
            return
        self._all = all_of_them
        self._none.set_visibility(not all_of_them)
        self._find.element.set_visibility(len(all_of_them) > MOST)
        words = self._find.text.strip().lower()
        fit = [one for one in all_of_them if words in str(one[self._called]).lower()]
        beyond = f"{len(fit) - MOST:,} more: narrow them by name." if len(fit) > MOST else ""
        self._more.set_content("None is called so." if all_of_them and not fit else beyond)
        self._lay(fit[:MOST])

    async def _narrow(self) -> None:
        self.show(self._all)

    def _lay(self, here: Sequence[Json]) -> None:
        self._list.set_visibility(bool(here))
        wanted = {str(one[self._key]) for one in here}
        for gone in [key for key in self._shown if key not in wanted]:
            self._shown.pop(gone).item.delete()
        for place, one in enumerate(here):
            shown = self._shown.get(str(one[self._key])) or self._made(one)
            shown.one = one
            shown.facts.set_content(str(self._markup(one)))
            for deed, made in shown.buttons:
                made.set_visibility(deed.there(one))
            shown.tools.set_visibility(any(made.visible for _, made in shown.buttons))
            if self._list.default_slot.children.index(shown.item) != place:
                shown.item.move(target_index=place)

    def said(self, one: Json, words: Markup | str) -> None:
        """Say what came of something, below the one it was about."""
        if shown := self._shown.get(str(one[self._key])):
            shown.under.set_content(str(words))
            shown.under.set_visibility(bool(words))

    def _made(self, one: Json) -> _Shown:
        with self._list, ui.element("li").classes("record") as item:
            facts = html("", classes="row-in")
            tools = ui.element("div").classes("row tools")
            under = html("", classes="under").props('role="status"')
            under.set_visibility(False)
        made = _Shown(one=one, item=item, facts=facts, tools=tools, buttons=[], under=under)
        with tools:
            made.buttons += [(deed, self._button(deed, made)) for deed in self._deeds]
        self._shown[str(one[self._key])] = made
        return made

    def _button(self, deed: Deed, made: _Shown) -> ui.html:
        async def act() -> None:
            await deed.act(made.one)

        kind = "small danger" if deed.danger else "small"
        return button(deed.words, act, kind=kind, label=f"{deed.words}: {made.one[self._called]}", hint=deed.hint)
