"""A command exactly as it would run: what came from outside is marked, what cannot be seen is written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from opsagent.domain.visible import visible


def command(shown: str, outside: Sequence[Mapping[str, Any]] = (), *, label: str = "Command") -> Markup:
    """The command as a block; `outside` are the stretches `start` to `end` with their `origin`."""
    parts, at = [], 0
    for span in sorted(outside, key=lambda one: int(one["start"])):
        start, end = max(at, int(span["start"])), int(span["end"])
        if end <= start:
            continue
        parts.append(_plain(shown[at:start]))
        parts.append(
            Markup(
                '<mark class="outside" title="From outside: {0}">{1}<span class="unseen"> (from {0})</span></mark>'
            ).format(span["origin"], _plain(shown[start:end]))
        )
        at = end
    parts.append(_plain(shown[at:]))
    legend = Markup('<p class="legend"><mark class="outside">marked</mark> came from outside</p>') if outside else ""
    return Markup('<pre class="command" tabindex="0" aria-label="{}"><code>{}</code></pre>{}').format(
        label, Markup().join(parts), legend
    )


def _plain(words: str) -> Markup:
    """The text, each character that would not be seen as a marked escape."""
    if visible(words, lines=True) == words:
        return Markup("{}").format(words)
    return Markup().join(_character(one) for one in words)


def _character(one: str) -> Markup:
    shown = visible(one, lines=True)
    if shown == one:
        return Markup("{}").format(one)
    return Markup('<mark class="hidden" title="A character that cannot be seen: U+{:04X}">{}</mark>').format(
        ord(one), shown
    )
