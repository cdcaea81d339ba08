"""What changed between two versions of a text."""

from __future__ import annotations

from markupsafe import Markup

from opsagent.web.dashboard.widgets.words import text

_HEAD = 2  # lines that name the two texts
_KINDS = {"+": "added", "-": "gone", "@": "place"}


def difference(diff: str) -> Markup:
    """A unified diff, a line of it a line; the sign stays, for not everybody sees the colour."""
    if not diff:
        return Markup('<p class="quiet">The two texts are equal.</p>')
    lines = Markup("").join(
        Markup('<span class="{}">{}\n</span>').format(
            "place" if number < _HEAD else _KINDS.get(line[:1], ""), text(line)
        )
        for number, line in enumerate(diff.split("\n"))
    )
    return Markup('<pre class="output diff" tabindex="0" aria-label="What changed">{}</pre>').format(lines)
