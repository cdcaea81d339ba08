"""Markdown of runbooks and results as HTML: what is HTML in it is shown as text, and nothing is fetched for it."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

from opsagent.domain.visible import visible

_DEEPEST = 6


def prose(markdown: str) -> Markup:
    """The text with its headings, lists and code. Its headings are one level lower: the page has its own title."""
    parser = MarkdownIt("commonmark", {"html": False}).disable("image")
    tokens = parser.parse(visible(markdown, lines=True))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + 1, _DEEPEST)}"
    rendered = parser.renderer.render(tokens, parser.options, {})
    return Markup('<div class="prose">{}</div>').format(Markup(rendered))  # noqa: S704  # it escapes; HTML is off
