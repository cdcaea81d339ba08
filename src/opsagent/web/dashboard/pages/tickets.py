"""Tickets: one line for each problem, the newest first."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.filters import address, filters, paging
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, text, when

_AT_ONCE = 50
_STATUSES = (
    ("", "All"),
    ("open", "Open"),
    ("escalated", "Needs a person"),
    ("resolved", "Resolved"),
    ("closed", "Closed"),
)
_EMPTY = Markup(
    "<strong>No tickets here.</strong>Point Alertmanager at "
    "<code>/api/v1/tickets/webhook/alertmanager</code> of this server, and each problem becomes a ticket."
)


async def tickets(request: Request, client: Client, status: str = "", cursor: str = "") -> Response | None:
    """The list. Beyond its first page it stands still."""

    async def build(visit: Visit) -> None:
        filters("/tickets", "Status", _STATUSES, "status", status, {})
        rows = Rows("Tickets", _EMPTY)
        more = html("")

        async def refresh() -> None:
            page = await visit.api.get("/api/v1/tickets", status=status, cursor=cursor, limit=_AT_ONCE)
            rows.show([ticket_row(one) for one in page["tickets"]])
            more.set_content(str(paging("/tickets", page["nextCursor"], cursor, {"status": status})))

        await refresh()
        if not cursor:
            visit.fresh.append(refresh)

    return await shown(request, client, "Tickets", build, place="/tickets")


def ticket_row(ticket: dict[str, Any]) -> Row:
    """One ticket as a line of a list."""
    found = ticket["assessment"]
    facts = [
        "firing" if ticket["firing"] else "not firing",
        f"{ticket['members']} alerts" if ticket["members"] > 1 else "",
        ticket["environment"],
        ticket["service"],
        f"taken by {ticket['takenBy']}" if ticket["takenBy"] else "",
        "silenced" if ticket["silenced"] else "",
        ticket["reason"],
    ]
    markup = line(
        text(ticket["title"][:200]),
        text(" · ".join(one for one in facts if one)),
        badge(ticket["priority"]),
        badge(found["classification"]) if found else "",
        badge(ticket["status"]),
        at=when(ticket["createdAt"]),
    )
    return Row(key=ticket["ticketId"], markup=markup, href=address(f"/tickets/{ticket['ticketId']}", {}))
