"""Output of a command: folded, searchable, copied with one press."""

from __future__ import annotations

from markupsafe import Markup

from opsagent.web.dashboard.widgets.words import text

_OPEN_LINES = 8  # so much is shown at once


def folded(title: str, output: str, *, whole: str = "") -> Markup:
    """Text in a fold, open while it is short; `whole` is where all of it can be had."""
    lines = output.count("\n") + 1
    link = Markup('<a class="button small" href="{}" target="_blank" rel="noopener">All of it</a>').format(whole)
    return Markup(
        '<details class="folded" {}><summary>{} <span class="quiet">{} {}</span></summary>'
        '<div class="tools"><input type="search" class="find" '
        'placeholder="Show lines with …" aria-label="Search in the output">'
        '<button type="button" class="button small" data-copy>Copy</button>{}</div>'
        '<pre class="output" tabindex="0">{}</pre></details>'
    ).format(
        Markup("open") if lines <= _OPEN_LINES else "",
        title,
        lines,
        "line" if lines == 1 else "lines",
        link if whole else "",
        text(output),
    )
