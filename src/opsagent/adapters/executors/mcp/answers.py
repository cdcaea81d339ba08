"""The answer of a tool as one text."""

from __future__ import annotations

import base64
import hashlib
import json

import mcp.types as wire


def text_of(answer: wire.CallToolResult) -> str:
    """One text is that text; else what the tool gives as structure, as JSON; else everything it gave, in order.

    What is no text is shown by its type, its length and its hash.
    """
    shown = [_shown(block) for block in answer.content]
    if len(answer.content) == 1 and isinstance(answer.content[0], wire.TextContent):
        return shown[0]
    if answer.structuredContent is not None:
        return json.dumps(answer.structuredContent, ensure_ascii=False)
    return "\n".join(shown)


def cut_to(text: str, limit: int) -> tuple[str, bool]:
    """The text within so many bytes, and whether something is missing."""
    packed = text.encode(errors="replace")
    return packed[:limit].decode(errors="ignore"), len(packed) > limit


def _shown(block: wire.ContentBlock) -> str:
    if isinstance(block, wire.TextContent):
        return block.text
    if isinstance(block, wire.ImageContent | wire.AudioContent):
        return _bytes(block.mimeType, block.data)
    if isinstance(block, wire.ResourceLink):
        return f"[a link to {block.uri}]"
    held = block.resource
    return held.text if isinstance(held, wire.TextResourceContents) else _bytes(held.mimeType or "bytes", held.blob)


def _bytes(kind: str, packed: str) -> str:
    try:
        content = base64.b64decode(packed, validate=True)
    except ValueError:
        return f"[{kind} that cannot be read]"
    return f"[{kind}, {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}]"
