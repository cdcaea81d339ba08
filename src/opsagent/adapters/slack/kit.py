"""The pieces of Block Kit we use; text from outside only goes where Slack does not read it as markup.

`rich_text` elements and `plain_text` are shown as they are: no mention, link or format is made of them. Limits are
Slack's: 3000 characters a text object, 150 a header, 75 a button, 2000 a button's value, 50 blocks a message, 100 a
modal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from opsagent.domain.visible import one_line, visible

Block = dict[str, Any]
TEXT_CHARS = 2900  # below 3000: what Slack counts may differ from what we do
MESSAGE_BLOCKS = 50
MODAL_BLOCKS = 100
_HEADER_CHARS = 150
_BUTTON_CHARS = 75


def escaped(text: str) -> str:
    """For the few texts Slack parses (a message's `text`): no link, mention or channel can be formed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain(text: str, limit: int = TEXT_CHARS) -> Block:
    """A text object that is not parsed."""
    return {"type": "plain_text", "text": cut(text, limit) or "-", "emoji": False}


def header(text: str, marker: str) -> Block:
    """The head of a message. `marker` finds it again: Slack gives it back when the channel is read."""
    return {"type": "header", "block_id": marker, "text": {**plain(text, _HEADER_CHARS), "emoji": True}}


def context(texts: Sequence[str]) -> Block:
    """Small print."""
    return {"type": "context", "elements": [plain(text, 500) for text in texts[:10]]}


def rich(*elements: Block) -> Block:
    """A block of literal text."""
    return {"type": "rich_text", "elements": list(elements)}


def line(label: str, value: str, limit: int = 500) -> Block:
    """A line with a bold label."""
    elements = [{"type": "text", "text": f"{label}: ", "style": {"bold": True}}] if label else []
    return {"type": "rich_text_section", "elements": [*elements, _literal(one_line(value, limit) + "\n")]}


def paragraph(text: str) -> Block:
    """Text with its line ends."""
    return {"type": "rich_text_section", "elements": [_literal(visible(text, lines=True)[:TEXT_CHARS] + "\n")]}


def bullets(texts: Sequence[str]) -> Block:
    """A list."""
    items = [{"type": "rich_text_section", "elements": [_literal(one_line(text, 300))]} for text in texts]
    return {"type": "rich_text_list", "style": "bullet", "elements": items}


def code(text: str) -> Block:
    """Text as it would run, hidden characters shown as escapes."""
    return {"type": "rich_text_preformatted", "elements": [_literal(text)]}


def button(text: str, action: str, *, value: str = "", style: str = "", url: str = "") -> Block:
    """A button; a click comes back with `action` and `value`, or opens `url`."""
    made: Block = {"type": "button", "action_id": action, "text": plain(text, _BUTTON_CHARS)}
    given = {"value": value, "style": style, "url": url}
    return made | {name: one for name, one in given.items() if one}


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the cut shown."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def pieces(text: str, size: int = TEXT_CHARS) -> Iterator[str]:
    """The visible text in pieces of at most `size` characters, broken at line ends where there are any."""
    shown = visible(text, lines=True)
    while len(shown) > size:
        at = shown.rfind("\n", 0, size) + 1 or size
        yield shown[:at]
        shown = shown[at:]
    yield shown


def _literal(text: str) -> Block:
    return {"type": "text", "text": text or "-"}
