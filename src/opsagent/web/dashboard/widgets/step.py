"""One step of a run: the command, what it would do, who was asked, and what came of it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.folded import folded
from opsagent.web.dashboard.widgets.manifest import manifest
from opsagent.web.dashboard.widgets.words import badge, text, took, when

_MEASURE = "measure"  # the name the API gives each sample of a condition
_NEVER_RAN = (None, 126, 127)  # the last two are the shell's, for what it could not execute (POSIX 2.8.2)


def step(shown: dict[str, Any], run_id: str, *, target: str) -> Markup:
    """The step, folded once it has ended well: what went wrong, or waits, is open.

    A measurement that found it not healthy has gone well.
    """
    outcome, approval = shown["outcome"], shown["approval"]
    status = "not_healthy" if _found_unhealthy(shown) else shown["status"]
    settled = status in {"succeeded", "skipped", "undone", "not_happened", "not_healthy"}
    again = f", attempt {shown['attempt']}" if shown["attempt"] > 1 else ""
    return Markup(
        '<details class="step"{}><summary>{} <strong>{}. {}</strong> <span class="quiet">{}{}</span></summary>'
        "{}{}{}{}{}</details>"
    ).format(
        "" if settled else Markup(" open"),
        badge(status),
        shown["stepNumber"],
        text(shown["name"] or shown["phase"]),
        text(target or "sandbox"),
        again,
        command(shown["command"], shown["outside"]),
        _verdict(shown),
        _asked(approval) if approval else "",
        _outcome(outcome, run_id, shown["stepNumber"]) if outcome else "",
        Markup('<p class="quiet">To take it back: <code>{}</code></p>').format(text(shown["undo"]))
        if shown["undo"]
        else "",
    )


def _found_unhealthy(shown: dict[str, Any]) -> bool:
    """Whether this is a sample of a condition that said no; one that was stopped or never ran says nothing."""
    outcome = shown["outcome"]
    if shown["name"] != _MEASURE or shown["status"] != "failed" or not outcome or outcome["cancelled"]:
        return False
    return outcome["timedOut"] or outcome["exitCode"] not in _NEVER_RAN


def _verdict(shown: dict[str, Any]) -> Markup:
    if not shown["decision"]:
        return Markup("")
    return Markup("<p>{} {} <span class='quiet'>({})</span></p>{}").format(
        badge(shown["decision"].lower()), text(shown["reason"]), shown["rule"], manifest(shown["manifest"])
    )


def _asked(approval: dict[str, Any]) -> Markup:
    if approval["status"] == "pending":
        return Markup('<p>{} A person is asked. <a href="/approvals">Answer it</a></p>').format(badge("pending"))
    said = Markup(": “{}”").format(text(approval["notes"])) if approval["notes"] else ""
    return Markup("<p>{} {} {}{}</p>").format(
        badge(approval["status"]), text(approval["decidedBy"]), when(approval["decidedAt"]), said
    )


def _outcome(outcome: dict[str, Any], run_id: str, number: int) -> Markup:
    ending = [f"exit {outcome['exitCode']}"] if outcome["exitCode"] is not None else []
    ending += [f"signal {outcome['signal']}"] if outcome["signal"] else []
    ending += ["timed out"] if outcome["timedOut"] else []
    ending += ["cancelled"] if outcome["cancelled"] else []
    ending += [] if outcome["known"] else ["its end is not known"]
    ending += [took(outcome["durationMs"]), outcome["backend"]]
    line = Markup('<p class="quiet">{} {}</p>').format(" · ".join(one for one in ending if one), text(outcome["note"]))
    if outcome["stdout"] is None:
        return Markup('{}<p class="quiet">Your role may not look at output.</p>').format(line)
    whole = f"/api/agent-ops/{run_id}/steps/{number}/output"
    parts = [
        folded(title, outcome[name].rstrip("\n"), whole=whole if outcome["truncated"] or outcome["artifact"] else "")
        for name, title in (("stdout", "Output"), ("stderr", "Errors"))
        if outcome[name].strip()
    ]
    return Markup("{}{}").format(line, Markup("").join(parts))
