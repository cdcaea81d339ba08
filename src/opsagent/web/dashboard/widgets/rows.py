"""A list that stays where it is while it is live: a row that did not change is not touched, so no focus is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from nicegui import ui

from opsagent.web.dashboard.widgets.press import html

MOST = 100  # of a list that has no pages


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of one thing, and the page that shows all of it."""

    key: str
    markup: Markup
    href: str = ""


def line(title: Markup, under: Markup | str, *signs: Markup | str, at: Markup | str = "") -> Markup:
    """A row's content: what it is, what is known of it, badges, and a time."""
    return Markup(
        '<span class="what"><span class="title">{}</span><span class="under">{}</span></span>{}'
        '<span class="at">{}</span>'
    ).format(title, under, Markup("").join(signs), at)


class Rows:
    """Rows by key, in the order given; `empty` says what to do while there is none."""

    def __init__(self, label: str, empty: Markup, *, kind: str = "rows") -> None:
        self._empty = empty
        self._shown: dict[str, tuple[ui.element, ui.html, Markup]] = {}
        self._list = ui.element("ul").classes(kind)
        self._list.props["aria-label"] = label
        self._none = html(empty, classes="empty")
        self._none.set_visibility(False)

    def show(self, rows: Sequence[Row]) -> None:
        """These and no others. On a page that was left meanwhile nothing is shown any more."""
        if self._list.is_deleted:
            return
        self._none.set_visibility(not rows)
        self._list.set_visibility(bool(rows))
        wanted = {row.key for row in rows}
        for key in [key for key in self._shown if key not in wanted]:
            self._shown.pop(key)[0].delete()
        for place, row in enumerate(rows):
            known = self._shown.get(row.key)
            if known is None:
                item, inner = self._made(row)
                self._shown[row.key] = (item, inner, row.markup)
            else:
                item, inner, before = known
                if before != row.markup:
                    inner.set_content(str(row.markup))
                    self._shown[row.key] = (item, inner, row.markup)
            if self._list.default_slot.children.index(item) != place:
                item.move(target_index=place)

    def _made(self, row: Row) -> tuple[ui.element, ui.html]:
        with self._list, ui.element("li") as item:
            inner = html(row.markup, tag="a" if row.href else "div", classes="row-in")
            if row.href:
                inner.props["href"] = row.href
        return item, inner
