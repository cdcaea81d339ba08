"""Atlassian Document Format and plain text, both ways.

Sources: developer.atlassian.com/cloud/jira/platform/apis/document/structure. Text goes out in text nodes only: a
mention, a card or a link is another node, so no text can become one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from opsagent.adapters.intake.document import Value

Node = dict[str, object]
MAX_DEPTH = 60  # deeper than any editor nests; what lies below is left out
_CUT = "…"
# Inline nodes that stand for one word, and the attributes it is in.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "mention": ("text", "id"),
    "emoji": ("text", "shortName"),
    "status": ("text",),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "media": ("alt",),
    "mediaInline": ("alt",),
    "placeholder": ("text",),
}
_LISTS = {"bulletList": "- ", "orderedList": "", "taskList": "[ ] ", "decisionList": "- "}
# What stands between the parts of a node; blocks have an empty line between them.
_BETWEEN = {"listItem": "\n", "table": "\n", "tableRow": " | "} | dict.fromkeys(
    ("paragraph", "heading", "codeBlock", "taskItem", "decisionItem", "caption"), ""
)


def to_text(document: Value) -> str:
    """The words of a document, blocks parted by empty lines. InputError naming what is no node."""
    return _node(document, 0)


def _node(node: Value, depth: int) -> str:
    kind = node["type"].text()
    if depth > MAX_DEPTH:
        return _CUT
    if kind in _LEAVES:
        return _LEAVES[kind](node)
    if kind in _WORDS:
        return _attribute(node, _WORDS[kind])
    if kind in _LISTS:
        return "\n".join(_items(node, kind, depth))
    parts = _children(node, depth)
    if kind == "tableRow":
        parts = [one.replace("\n", " ") for one in parts]
    if kind in ("expand", "nestedExpand"):
        parts = [_attribute(node, ("title",)), *parts]
    return _BETWEEN.get(kind, "\n\n").join(parts)


def _children(node: Value, depth: int) -> list[str]:
    content = node["content"]
    return [] if content.missing else [_node(one, depth + 1) for one in content.list()]


def _items(node: Value, kind: str, depth: int) -> Iterator[str]:
    for number, item in enumerate(_children(node, depth), start=1):
        yield (_LISTS[kind] or f"{number}. ") + item.replace("\n", "\n  ")


def _text(node: Value) -> str:
    """The text, and where it leads if that is not what it says."""
    text = node["text"].text()
    for mark in [] if node["marks"].missing else node["marks"].list():
        if mark["type"].text() == "link":
            address = "" if mark["attrs"].missing else mark["attrs"]["href"].text()
            text = f"{text} ({address})" if address and address != text else text
    return text


def _attribute(node: Value, names: Sequence[str]) -> str:
    attributes = node["attrs"]
    if attributes.missing:
        return ""
    return next((found for name in names if (found := attributes[name].text())), "")


def _date(node: Value) -> str:
    """`timestamp` is milliseconds since the epoch, as text."""
    text = _attribute(node, ("timestamp",))
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return text


_LEAVES: Mapping[str, Callable[[Value], str]] = {
    "text": _text,
    "hardBreak": lambda _: "\n",
    "rule": lambda _: "---",
    "date": _date,
}


def document(*blocks: Node) -> Node:
    """A whole document."""
    return {"type": "doc", "version": 1, "content": list(blocks)}


def from_text(text: str) -> Node:
    """A document of this text: an empty line parts paragraphs, a line feed breaks a line; `to_text` gives it back."""
    return document(*paragraphs(text))


def paragraphs(text: str) -> list[Node]:
    """The same without the document round them."""
    return [paragraph(*_lines(part)) for part in text.split("\n\n")]


def _lines(text: str) -> Iterator[Node]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield {"type": "hardBreak"}
        if line:
            yield words(line)


def paragraph(*inline: Node) -> Node:
    """A paragraph of inline nodes."""
    return {"type": "paragraph", "content": list(inline)}


def words(text: str, *, strong: bool = False) -> Node:
    """A text node; an empty text is a dash, since Jira refuses an empty node."""
    text = text or "-"
    return {"type": "text", "text": text, "marks": [{"type": "strong"}]} if strong else {"type": "text", "text": text}


def link(text: str, address: str) -> Node:
    """A link; only for an address of our own."""
    return {"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": address}}]}


def code_block(text: str) -> Node:
    """Text as it is, line feeds included."""
    return {"type": "codeBlock", "content": [words(text)] if text else []}


def bullets(lines: Sequence[str]) -> Node:
    """A list; no line may be empty."""
    items: list[Node] = [{"type": "listItem", "content": [paragraph(words(line))]} for line in lines]
    return {"type": "bulletList", "content": items}
