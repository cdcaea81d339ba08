"""The menu of every page: who is signed in, light or dark, being told by the browser, signing out."""

from __future__ import annotations

from markupsafe import Markup

from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.words import text


def menu(visit: Visit) -> None:
    """A popover: the browser opens it, closes it at Escape or a press beside it, and gives the focus back.

    What its buttons do only the browser can do: see `assets/page.js`.
    """
    words = Markup(
        '<p class="who">{}<small>{}</small></p>'
        '<button type="button" class="button wide" data-theme-switch>'
        '<span aria-hidden="true">◐</span> Light or dark</button>'
        '<button type="button" class="button wide toggle" data-notify aria-pressed="false" hidden>Tell me here</button>'
        '<p class="quiet" data-notify-words hidden></p>'
        '<button type="button" class="button wide" data-sign-out data-csrf="{}">Sign out</button>'
    ).format(text(visit.name), visit.role, visit.api.token)
    html(words, classes="menu").props('id=menu popover=auto role=group aria-label="Menu"')
