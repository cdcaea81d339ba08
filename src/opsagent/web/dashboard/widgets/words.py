"""Small words of every page: times, durations, badges, text that came from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from opsagent.domain.visible import visible

# A sign beside the colour: not everybody sees the colour.
_STATUS = {
    "queued": ("○", "quiet", "Queued"),
    "in_progress": ("◐", "busy", "Working"),
    "awaiting_approval": ("◆", "ask", "Asks"),
    "completed": ("✓", "good", "Completed"),
    "failed": ("✕", "bad", "Failed"),
    "cancelled": ("■", "quiet", "Cancelled"),
    "open": ("●", "bad", "Open"),
    "closed": ("✓", "good", "Closed"),
    "escalated": ("◆", "ask", "Needs a person"),
    "resolved": ("✓", "good", "Resolved"),
    "proposed": ("○", "quiet", "Proposed"),
    "claimed": ("◐", "busy", "Running"),
    "succeeded": ("✓", "good", "Succeeded"),
    "not_healthy": ("◇", "ask", "Not healthy"),
    "refused": ("✕", "quiet", "Refused"),
    "skipped": ("—", "quiet", "Skipped"),
    "happened": ("✓", "quiet", "Happened"),
    "not_happened": ("—", "quiet", "Did not happen"),
    "aborted": ("■", "quiet", "Given up"),
    "undone": ("↶", "ask", "Undone"),
    "unknown": ("?", "bad", "Unknown"),
    "granted": ("✓", "good", "Approved"),
    "pending": ("◆", "ask", "Waiting"),
    "expired": ("—", "quiet", "Expired"),
    "withdrawn": ("—", "quiet", "Withdrawn"),
    "allow": ("✓", "good", "Allowed"),
    "ask": ("◆", "ask", "Asks"),
    "deny": ("✕", "bad", "Denied"),
    "critical": ("▲", "bad", "Critical"),
    "high": ("▲", "ask", "High"),
    "medium": ("■", "quiet", "Medium"),
    "low": ("▼", "quiet", "Low"),
    "delivered": ("✓", "good", "Arrived"),
    "dead": ("✕", "bad", "Given up"),
    "sending": ("◐", "busy", "On its way"),
    "disabled": ("■", "bad", "Kept out"),
    "invited": ("○", "quiet", "Invited"),
    "without_password": ("○", "quiet", "No password"),
    "true_positive": ("●", "bad", "Real"),
    "false_positive": ("○", "good", "Noise"),
    "uncertain": ("?", "ask", "Uncertain"),
    "untold": ("?", "ask", "Cannot be told"),
    "merged": ("✓", "good", "Merged"),
    "discarded": ("—", "quiet", "Discarded"),
    "cover_ready": ("✓", "good", "Ready"),
    "cover_partly": ("◆", "ask", "Partly"),
    "cover_none": ("✕", "bad", "No runbook"),
    "switched_off": ("■", "quiet", "Switched off"),
}
_SOURCES = {
    "slack": ("#", "Slack"),
    "jira": ("J", "Jira"),
    "api": ("{}", "API"),
    "chat": ("“", "Chat"),
    "cli": ("$", "Command line"),
    "schedule": ("◷", "Schedule"),
    "ticket": ("!", "Ticket"),
}
_MINUTE, _HOUR = 60, 3600


def badge(status: str) -> Markup:
    """A status as a word with its sign and colour."""
    sign, tone, word = _STATUS.get(status, ("•", "quiet", status.replace("_", " ").capitalize()))
    return Markup('<span class="badge {}"><span aria-hidden="true">{}</span> {}</span>').format(tone, sign, word)


def source_sign(name: str) -> Markup:
    """Where work came from, as a sign with its name for screen readers."""
    sign, word = _SOURCES.get(name, ("•", name))
    return Markup(
        '<span class="source" title="{0}"><span aria-hidden="true">{1}</span><span class="unseen">{0}</span></span>'
    ).format(word, sign)


def when(iso: str | None, *, otherwise: str = "") -> Markup:
    """A time. The page's script makes it relative, with the exact one of the viewer's zone on hover."""
    if not iso:
        return Markup("{}").format(otherwise)
    return Markup('<time datetime="{0}" data-when>{1} UTC</time>').format(iso, iso[:16].replace("T", " "))


def took(ms: int | None) -> str:
    """A duration, in the two units that matter."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms // 1000
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE} s"
    return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"


def times(count: int) -> str:
    """How often."""
    return "once" if count == 1 else f"{count} times"


def text(words: object) -> Markup:
    """Text that may come from outside, with what cannot be seen written out."""
    return Markup("{}").format(visible(words, lines=True))


def pairs(rows: Mapping[str, Any]) -> Markup:
    """Names and values as a description list; empty values are left out."""
    shown = Markup().join(
        Markup("<dt>{}</dt><dd>{}</dd>").format(name, value if isinstance(value, Markup) else text(value))
        for name, value in rows.items()
        if value not in ("", None)
    )
    return Markup('<dl class="pairs">{}</dl>').format(shown)
