"""Agent Ops: every run, newest first; the filters are in the address, so a list can be sent to a colleague."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.filters import filters, paging
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, source_sign, took, when
from opsagent.web.dashboard.widgets.words import text as words

AT_ONCE = 50
_STATUSES = (
    ("", "All"),
    ("awaiting_approval", "Asks"),
    ("in_progress", "Working"),
    ("queued", "Queued"),
    ("failed", "Failed"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
)
_SOURCES = (
    ("", "Any source"),
    ("ticket", "Ticket"),
    ("slack", "Slack"),
    ("jira", "Jira"),
    ("api", "API"),
    ("chat", "Chat"),
    ("cli", "Command line"),
    ("schedule", "Schedule"),
)
_EMPTY = Markup(
    "<strong>No runs here.</strong>A run begins with an alert, a ticket, a chat command, or "
    "<code>opsagent run “disk is filling up”</code>. Another filter, or fewer words, may show more."
)
_SEARCH = Markup(
    '<form role="search" class="row" action="/runs">{}<input type="search" name="text" value="{}" maxlength="200" '
    'placeholder="Words of the task, runbook, target, result" aria-label="Search runs" class="grow">'
    '<button class="button" type="submit">Search</button></form>'
)


async def runs(
    request: Request, client: Client, status: str = "", source: str = "", text: str = "", cursor: str = ""
) -> Response | None:
    """The list. Beyond its first page it stands still: only what is newest changes."""

    async def build(visit: Visit) -> None:
        kept = {"status": status, "source": source, "text": text[:200]}
        html(_search(kept))
        filters("/runs", "Status", _STATUSES, "status", status, kept)
        filters("/runs", "Source", _SOURCES, "source", source, kept)
        rows = Rows("Runs", _EMPTY)
        more = html("")

        async def refresh() -> None:
            page = await visit.api.get("/api/agent-ops", **kept, cursor=cursor, limit=AT_ONCE)
            rows.show([run_row(one) for one in page["runs"]])
            more.set_content(str(paging("/runs", page["nextCursor"], cursor, kept)))

        await refresh()
        if not cursor:
            visit.fresh.append(refresh)

    return await shown(request, client, "Agent Ops", build, place="/runs")


def _search(kept: dict[str, str]) -> Markup:
    """The other filters stay as they are."""
    others = Markup("").join(
        Markup('<input type="hidden" name="{}" value="{}">').format(name, value)
        for name, value in kept.items()
        if value and name != "text"
    )
    return _SEARCH.format(others, kept["text"])


def run_row(run: dict[str, Any]) -> Row:
    """One run as a line of a list."""
    mode = run["resolvedMode"] or run["mode"]
    under = " · ".join(one for one in (run["requestedBy"], mode, run["runbookId"]) if one)
    duration = Markup('<span class="at wide-only">{}</span>').format(took(run["durationMs"]))
    title = words(run["taskDescription"].strip().partition("\n")[0][:200] or "(no words)")
    markup = source_sign(run["source"]) + line(
        title, words(under), badge(run["status"]), duration, at=when(run["startedAt"] or run["createdAt"])
    )
    return Row(key=run["runId"], markup=markup, href=f"/runs/{run['runId']}")
