"""What triage concluded, with what it looked at."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from opsagent.web.dashboard.widgets.words import badge, text, when


def assessment(found: dict[str, Any]) -> Markup:
    """The conclusion with its evidence, the strongest first."""
    evidence = sorted(found["evidence"], key=lambda one: -abs(one["weight"]))
    items = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            _weight(one["weight"]), text(one["kind"].replace("_", " ")), text(one["text"])
        )
        for one in evidence
    )
    table = Markup(
        '<table class="evidence"><thead><tr><th scope="col">Speaks for</th><th scope="col">Looked at</th>'
        '<th scope="col">Found</th></tr></thead><tbody>{}</tbody></table>'
    ).format(items)
    return Markup("<h2>Triage</h2><p>{} {} sure, {} {}</p>{}").format(
        badge(found["classification"]),
        f"{found['confidence']:.0%}",
        "measured" if found["measured"] else "not measured",
        when(found["at"]),
        table if evidence else "",
    )


def _weight(weight: float) -> str:
    if not weight:
        return "neither"
    return f"{'real' if weight > 0 else 'noise'} ({abs(weight):.1f})"
