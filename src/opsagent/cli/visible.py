"""Outside text for the terminal: hidden characters written as escapes, white space folded, cut where wanted."""

from __future__ import annotations

from opsagent.adapters.visible import visible as escaped


def visible(text: object, *, lines: bool = False) -> str:
    """`text` with control, bidirectional and zero-width characters as escapes; `lines` keeps newlines and tabs."""
    return escaped(str(text), lines=lines)


def one_line(text: object, limit: int = 0) -> str:
    """`text` on one line, white space folded, cut to `limit` characters with an ellipsis (0: not cut)."""
    folded = visible(" ".join(str(text).split()))
    return folded if not limit or len(folded) <= limit else folded[: max(1, limit - 1)].rstrip() + "…"
