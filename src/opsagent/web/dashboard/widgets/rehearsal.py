"""What a runbook would do, step by step: judged, and not run."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.manifest import manifest
from opsagent.web.dashboard.widgets.words import badge, text


def rehearsal(found: dict[str, Any]) -> Markup:
    """Each check and step with its target and its verdict; what would need a look is open."""
    if not found["steps"]:
        return Markup('<p class="quiet">It has no command: a page for people, which nobody follows by itself.</p>')
    denied = Markup('<p class="trouble">The policy denies a step: a run would stop there.</p>')
    steps = Markup("").join(Markup("<li>{}</li>").format(_step(one)) for one in found["steps"])
    return Markup('{}<ol class="rows steps">{}</ol>').format(denied if found["denied"] else "", steps)


def _step(one: dict[str, Any]) -> Markup:
    verdict = one["verdict"]
    sign = badge(verdict["decision"].lower()) if verdict else badge("untold")
    opened = Markup(" open") if verdict is None or verdict["decision"] == "DENY" else ""
    return Markup(
        '<div class="row-in"><details{}><summary>{} <strong>{}</strong> <span class="quiet">{} · {}</span></summary>'
        "{}{}{}{}</details></div>"
    ).format(
        opened,
        sign,
        text(one["name"] or one["phase"]),
        text(one["phase"]),
        text(one["target"] or "no target yet"),
        Markup("<p>{}</p>").format(text(one["problem"])) if one["problem"] else "",
        command(one["command"]) if one["command"] else "",
        _judged(verdict) if verdict else "",
        _rest(one),
    )


def _judged(verdict: dict[str, Any]) -> Markup:
    return Markup("<p>{} <span class='quiet'>({})</span></p>{}").format(
        text(verdict["reason"]), verdict["rule"], manifest(verdict["manifest"])
    )


def _rest(one: dict[str, Any]) -> Markup:
    facts = [
        f"Only when {one['when']}." if one["when"] else "",
        f"To take it back: {one['undo']}." if one["undo"] else "",
        f"Saved before: {', '.join(one['saves'])}." if one["saves"] else "",
    ]
    return Markup("").join(Markup('<p class="quiet">{}</p>').format(text(fact)) for fact in facts if fact)
