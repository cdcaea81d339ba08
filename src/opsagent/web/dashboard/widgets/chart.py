"""Numbers day by day as bars: plain SVG in the theme's colours, with the same as words and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDE, _HIGH, _GAP = 300, 64, 2
_LEAST = 2.0  # what is not nothing is seen


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: parts one above the other as (tone, value), and what they are in words. Without parts: nothing known."""

    date: str
    parts: tuple[tuple[str, float], ...]
    words: str


def chart(title: str, value: str, under: str, bars: Sequence[Bar], column: str) -> Markup:
    """A card with the figure, its bars (the tallest fills the height), and the table for whoever sees no bars."""
    top = max((sum(part for _, part in bar.parts) for bar in bars), default=0.0)
    known = [bar for bar in bars if bar.parts]
    said = f"{title}: {value}. {under}. " + (
        f"{len(known)} of {len(bars)} days have something to show." if known else "No day has anything to show yet."
    )
    each = _WIDE / max(1, len(bars))
    drawn = Markup("").join(_bar(bar, at * each, each - _GAP, top) for at, bar in enumerate(bars))
    svg = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}'
        '<line class="floor" x1="0" x2="{}" y1="{}" y2="{}"/></svg>'
    ).format(_WIDE, _HIGH, said, drawn, _WIDE, _HIGH, _HIGH)
    span = Markup('<span class="span" aria-hidden="true"><span>{}</span><span>{}</span></span>').format(
        bars[0].date[5:] if bars else "", bars[-1].date[5:] if bars else ""
    )
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td></tr>").format(bar.date, bar.words) for bar in reversed(known)
    )
    table = (
        Markup(
            "<details><summary>As a table</summary><table class='evidence'>"
            "<thead><tr><th>Day (UTC)</th><th>{}</th></tr>"
            "</thead><tbody>{}</tbody></table></details>"
        ).format(column, rows)
        if known
        else Markup("")
    )
    return Markup('<div class="card"><h3>{}</h3><span class="figure">{}</span><small>{}</small>{}{}{}</div>').format(
        title, value, under, svg, span, table
    )


def _bar(bar: Bar, x: float, width: float, top: float) -> Markup:
    y, drawn = float(_HIGH), []
    for tone, value in bar.parts:
        if value <= 0 or top <= 0:
            continue
        height = max(_LEAST, value / top * (_HIGH - 2))
        y -= height
        drawn.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                tone, x, max(0.0, y), width, height
            )
        )
    hint = Markup("<title>{}: {}</title>").format(bar.date, bar.words)
    ground = Markup('<rect class="ground" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(x, width, _HIGH)
    return Markup("<g>{}{}{}</g>").format(hint, ground, Markup("").join(drawn))
