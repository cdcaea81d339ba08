"""What a command would do, as far as it could be proven: the first thing a person who is asked should read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from opsagent.web.dashboard.widgets.words import text

# The gravest first.
_ROWS = (
    ("forbidden", "Forbidden", "bad"),
    ("deletes", "Deletes", "bad"),
    ("writes", "Writes", "ask"),
    ("services", "Services", "ask"),
    ("processes", "Processes", "ask"),
    ("executes", "Executes", "ask"),
    ("contacts", "Contacts", "ask"),
    ("sensitive", "Sensitive", "bad"),
    ("reads", "Reads", "quiet"),
)
_PROOF = {
    "read": "Proven: it only reads.",
    "effect": "Every effect is known.",
    "unknown": "Not everything it does could be proven.",
}


def manifest(found: Mapping[str, Any] | None) -> Markup:
    """The manifest as a list of what is read, written, deleted, contacted."""
    if not found:
        return Markup("")
    rows = [
        Markup('<div class="effect {}"><dt>{}</dt><dd>{}</dd></div>').format(tone, word, _paths(found[name]))
        for name, word, tone in _ROWS
        if found[name]
    ]
    if not rows:
        rows = [Markup('<div class="effect quiet"><dt>Effects</dt><dd>none that are known</dd></div>')]
    return Markup('<dl class="manifest" aria-label="What it would do">{}</dl><p class="flags">{}</p>{}').format(
        Markup().join(rows), Markup(" ").join(_flags(found)), _reasons(found["reasons"])
    )


def irreversible(found: Mapping[str, Any]) -> bool:
    """Whether a yes deserves a second look: it cannot be taken back, deletes, or may do what nobody could prove.

    Not what merely names no way back, such as a restart: nearly every step of everyday would be asked twice, and what
    is always asked twice is read not even once.
    """
    return found["reversible"] is False or bool(found["deletes"]) or found["proof"] == "unknown"


def _paths(values: list[str]) -> Markup:
    return Markup("").join(Markup("<code>{}</code> ").format(text(one)) for one in values)


def _flags(found: Mapping[str, Any]) -> list[Markup]:
    flags = [(_PROOF.get(found["proof"], found["proof"]), "bad" if found["proof"] == "unknown" else "quiet")]
    if found["privileged"]:
        flags.append(("Needs privileges.", "ask"))
    if found["reversible"] is False:
        flags.append(("Cannot be taken back.", "bad"))
    elif found["reversible"]:
        flags.append(("Can be taken back.", "good"))
    return [Markup('<span class="flag {}">{}</span>').format(tone, words) for words, tone in flags]


def _reasons(reasons: list[str]) -> Markup:
    if not reasons:
        return Markup("")
    items = Markup("").join(Markup("<li>{}</li>").format(text(one)) for one in reasons)
    return Markup('<ul class="reasons">{}</ul>').format(items)
