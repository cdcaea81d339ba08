"""Filters and paging that live in the address, so that a list can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from markupsafe import Markup

from opsagent.web.dashboard.widgets.press import html


def address(path: str, query: Mapping[str, str]) -> str:
    """A path with those of the values that are set."""
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{kept}" if kept else path


def filters(
    path: str, label: str, choices: Sequence[tuple[str, str]], name: str, chosen: str, others: Mapping[str, str]
) -> None:
    """One link for each choice `(value, word)` of the query parameter `name`; the others are kept."""
    links = [
        Markup('<a href="{}"{}>{}</a>').format(
            address(path, {**others, name: value}), Markup(' aria-current="true"') if value == chosen else "", word
        )
        for value, word in choices
    ]
    html(Markup("").join(links), tag="nav", classes="filters").props["aria-label"] = label


def paging(path: str, following: str | None, cursor: str, kept: Mapping[str, str]) -> Markup:
    """Links to the first page and to the one after this."""
    first = Markup('<a class="button" href="{}">Newest</a>').format(address(path, kept)) if cursor else ""
    older = (
        Markup('<a class="button" href="{}">Older</a>').format(address(path, {**kept, "cursor": following}))
        if following
        else ""
    )
    return (
        Markup('<nav class="row" aria-label="More">{}{}</nav>').format(first, older) if first or older else Markup("")
    )
