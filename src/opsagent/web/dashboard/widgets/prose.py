"""Markdown of runbooks and results as HTML: what is HTML in it is shown as text, and nothing is fetched for it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

from opsagent.domain.visible import visible


def prose(markdown: str) -> Markup:
    """The text with its headings, lists and code."""
    rendered = MarkdownIt("commonmark", {"html": False}).disable("image").render(visible(markdown, lines=True))
    return Markup('<div class="prose">{}</div>').format(Markup(rendered))  # noqa: S704  # it escapes; HTML is off
