"""The parts of Settings, as links above each of them; those that a visitor may not see are left out."""

from __future__ import annotations

from markupsafe import Markup

from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import html

_AREAS = (
    ("/settings", "Policy", "read"),
    ("/settings/people", "People", "administer"),
    ("/settings/keys", "API keys", "administer"),
    ("/settings/channels", "Who is told", "read"),
    ("/settings/quiet", "Silences", "read"),
)


def areas(visit: Visit, here: str) -> None:
    """The links, with the one we are at marked."""
    links = [
        Markup('<a href="{}"{}>{}</a>').format(path, Markup(' aria-current="page"') if path == here else "", name)
        for path, name, right in _AREAS
        if right in visit.may
    ]
    html(Markup("").join(links), tag="nav", classes="filters areas").props["aria-label"] = "Settings"


def not_yours(visit: Visit) -> bool:
    """Whether this part is an admin's and the visitor is none; then it says so."""
    if "administer" in visit.may:
        return False
    html(
        Markup("<strong>This is for admins.</strong>Ask one of them to change it, or to give you the role."),
        classes="empty",
    )
    return True
