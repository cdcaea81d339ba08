"""Home: what needs me now, then how it has gone."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.pages.runs import run_row
from opsagent.web.dashboard.pages.tickets import ticket_row
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.days import how_it_went
from opsagent.web.dashboard.widgets.press import html
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, text, when

_FEW = 8
_URGENT_FIRST = ("critical", "high", "medium", "low")
_CALM = Markup(
    "<strong>Nothing needs you now.</strong>Questions, and tickets that need a person, appear here by themselves."
)
_NO_RUNS = Markup(
    "<strong>It has not worked yet.</strong>Try <code>opsagent run “disk is filling up”</code>, or point "
    "Alertmanager at <code>/api/v1/tickets/webhook/alertmanager</code>."
)


async def home(request: Request, client: Client) -> Response | None:
    """What needs a person, what is at work, and how automatic closing does."""

    async def build(visit: Visit) -> None:
        page = _Home(visit)
        await page.refresh()
        page.days.set_content(str(how_it_went(await visit.api.get("/api/v1/triage/days"))))
        visit.fresh.append(page.refresh)

    return await shown(request, client, "Home", build, place="/")


class _Home:
    """The parts that change."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        html("What needs you now", tag="h2")
        self._needs = Rows("What needs you now", _CALM)
        self._more = html("").props('role="status"')
        self._figures = html("")
        html("Lately", tag="h2")
        self._lately = Rows("Latest runs", _NO_RUNS)
        html("Day by day", tag="h2")
        self.days = html("")  # read once: what has ended is not live
        self._degraded = html("")

    async def refresh(self) -> None:
        """Read it again."""
        api = self._visit.api
        pending = await api.get("/api/v1/agent/pending-approvals", limit=_FEW)
        stuck = await self._stuck()
        latest = await api.get("/api/agent-ops", limit=_FEW)
        needs = [_unknown(one) for one in pending["unknownSteps"]]
        needs += [_question(one) for one in pending["approvals"]]
        needs += [ticket_row(one) for one in stuck[:_FEW]]
        self._needs.show(needs)
        self._more.set_content(str(_more(pending, tickets=len(stuck) > _FEW)))
        self._lately.show([run_row(one) for one in latest["runs"]])
        self._figures.set_content(str(_figures(await api.get("/api/v1/triage/quality"))))
        ready = await api.get_any("/readyz")
        self._degraded.set_content(str(_degraded(ready["degraded"])))

    async def _stuck(self) -> list[dict[str, Any]]:
        """The tickets that need a person, the most urgent first; one more than are shown, if there is one."""
        found: list[dict[str, Any]] = []
        for priority in _URGENT_FIRST:
            if len(found) <= _FEW:
                page = await self._visit.api.get(
                    "/api/v1/tickets", status="escalated", priority=priority, limit=_FEW + 1 - len(found)
                )
                found += page["tickets"]
        return found


def _more(pending: dict[str, Any], *, tickets: bool) -> Markup:
    """What did not find room."""
    asked = pending["waiting"] - len(pending["approvals"]) - len(pending["unknownSteps"])
    links = []
    if asked > 0:
        words = "1 more question waits" if asked == 1 else f"{asked} more questions wait"
        links.append(Markup('<a href="/approvals">{}</a>').format(words))
    if tickets:
        links.append(Markup('<a href="/tickets?status=escalated">All tickets that need a person</a>'))
    return Markup("<p>{}</p>").format(Markup(" · ").join(links)) if links else Markup("")


def _question(one: dict[str, Any]) -> Row:
    markup = line(
        Markup("<code>{}</code>").format(text(one["command"][:200])),
        text(f"on {one['target'] or 'the sandbox'} · {one['issueDescription'][:200]}"),
        badge("awaiting_approval"),
        at=when(one["requestedAt"]),
    )
    return Row(key=one["approvalId"], markup=markup, href="/approvals")


def _unknown(one: dict[str, Any]) -> Row:
    title = Markup("Did this happen? <code>{}</code>").format(text(one["step"]["command"][:200]))
    markup = line(title, text(one["issueDescription"][:200]), badge("unknown"))
    return Row(key=one["step"]["stepId"], markup=markup, href="/approvals")


def _figures(quality: dict[str, Any]) -> Markup:
    cards = [
        _figure(
            "Closed by itself", str(quality["closed"]["total"]), f"in {quality['days']} days; mode {quality['mode']}"
        ),
        _figure("Of those wrong", _share(quality["closed"]), "as people said"),
        _figure("Would have closed", str(quality["shadow"]["total"]), f"wrong: {_share(quality['shadow'])}"),
    ]
    return Markup('<section class="cards" aria-label="How it goes">{}</section>').format(Markup("").join(cards))


def _figure(name: str, value: str, under: str) -> Markup:
    return Markup(
        '<div class="card"><span class="quiet">{}</span><span class="figure">{}</span><small>{}</small></div>'
    ).format(name, value, under)


def _share(rate: dict[str, Any]) -> str:
    return "not known" if rate["rate"] is None else f"{rate['rate']:.0%}"


def _degraded(parts: list[dict[str, str]]) -> Markup:
    if not parts:
        return Markup("")
    items = Markup("").join(
        Markup("<li><strong>{}</strong>: {}</li>").format(one["part"], text(one["why"])) for one in parts
    )
    return Markup(
        '<details class="card"><summary>{} parts do not work as they should</summary><ul>{}</ul></details>'
    ).format(len(parts), items)
