"""One run: the result first, then each command with what it did, then the timeline as it happens."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.asks import Asks
from opsagent.web.dashboard.widgets.assessment import assessment
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.rows import Row, Rows
from opsagent.web.dashboard.widgets.step import step
from opsagent.web.dashboard.widgets.timeline import Timeline
from opsagent.web.dashboard.widgets.words import badge, pairs, source_sign, text, took, when

ENDED = frozenset({"completed", "failed", "cancelled"})
_TONES = {"completed": "good", "failed": "bad", "awaiting_approval": "ask", "in_progress": "busy"}
_VERIFIED = {
    "yes": "Measured healthy.",
    "no": "Measured, and not healthy.",
    "not_measurable": "Nothing to measure it by.",
}
_NOTHING_EARLIER = 2**53  # the page reads the timeline itself: the stream need only say when
_NO_STEPS = Markup("<strong>No command yet.</strong>Each one appears here before it runs.")


async def run(request: Request, client: Client, run_id: str) -> Response | None:
    """The run with this id."""
    path = f"/api/agent-ops/{segment(run_id)}"

    async def build(visit: Visit) -> None:
        page = _RunPage(visit, path, run_id)
        await page.refresh()
        page.asks.choose_first()
        await page.timeline.begin()
        visit.fresh.append(page.refresh)
        visit.fresh.append(page.timeline.refresh)

    return await shown(request, client, "Run", build, place="/runs", stream=f"{path}/events?after={_NOTHING_EARLIER}")


class _RunPage:
    """The parts that change while it runs."""

    def __init__(self, visit: Visit, path: str, run_id: str) -> None:
        self._visit = visit
        self._path = path
        self._run_id = run_id
        self._targets: dict[str, str] = {}
        self._head = html("")
        self._result = html("", tag="section", classes="card result").props('aria-label="Result"')
        self.asks = Asks(visit, run_id, keys=True)
        with ui.element("div").classes("row"):
            self._cancel = button("Cancel", self._do_cancel, kind="danger")
            self._retry = button("Run it again", self._do_retry)
            for name, href in (("Report (Markdown)", f"{path}/report"), ("JSON", f"/api/v1/agent/{segment(run_id)}")):
                html(name, tag="a", classes="button").props("download").props["href"] = href
        self._about = html("", tag="section", classes="card")
        self._triage = html("", tag="section", classes="card")
        html("Commands", tag="h2")
        self._steps = Rows("Commands", _NO_STEPS, kind="rows steps")
        html("Timeline", tag="h2")
        with ui.element("section").classes("card"):
            self.timeline = Timeline(visit.api, f"{path}/events")

    async def refresh(self) -> None:
        """Read the run and its steps again."""
        found = await self._visit.api.get(self._path)
        session = await self._visit.api.get(f"/api/v1/agent/{segment(self._run_id)}")
        if not self._targets:
            listed = (await self._visit.api.get("/api/v1/connections"))["connections"]
            self._targets = {one["connectionId"]: one["name"] for one in listed}
        if found["status"] == "awaiting_approval" or self.asks.waiting:
            await self.asks.show(await self._visit.api.get("/api/v1/agent/pending-approvals"))
        self._head.set_content(str(_head(found)))
        self._result.set_content(str(_result(found)))
        self._result.classes(replace=f"card result {_TONES.get(found['status'], '')}")
        self._about.set_content(str(_about(found, session)))
        self._triage.set_visibility(found["assessment"] is not None)
        if found["assessment"]:
            self._triage.set_content(str(assessment(found["assessment"])))
        ended, may = found["status"] in ENDED, "operate" in self._visit.may
        self._cancel.set_visibility(may and not ended)
        self._retry.set_visibility(may and ended)
        self._steps.show([Row(key=one["stepId"], markup=self._step(one)) for one in session["steps"]])

    def _step(self, shown: dict[str, Any]) -> Markup:
        return step(shown, self._run_id, target=self._targets.get(shown["connection"], shown["connection"]))

    async def _do_cancel(self) -> None:
        words = "No further step starts, and a running command is killed."
        if await sure("Cancel this run?", words, "Cancel the run"):
            await self._visit.api.post(f"{self._path}/cancel")
            await self._visit.look()

    async def _do_retry(self) -> None:
        made = await self._visit.api.post(f"{self._path}/retry")
        ui.navigate.to(f"/runs/{made['runId']}")


def _head(found: dict[str, Any]) -> Markup:
    return Markup('<div class="row">{}<span class="lead">{}</span></div>').format(
        source_sign(found["source"]), text(found["taskDescription"])
    )


def _result(found: dict[str, Any]) -> Markup:
    status, result = found["status"], found["result"]
    verified = _VERIFIED.get(found["verified"] or "", "")
    words = found["error"] or (result["summary"] if result else "")
    if not words:
        words = {
            "queued": "It waits for a worker.",
            "awaiting_approval": "It waits for a person.",
        }.get(status, "It is at work.")
    more = Markup("").join(Markup("<li>{}</li>").format(text(one)) for one in (result or {}).get("recommendations", ()))
    return Markup(
        '<div class="split"><span>{} {}</span><span class="quiet">{} {}</span></div><p class="lead">{}</p>{}'
    ).format(
        badge(status),
        verified,
        took(found["durationMs"]),
        when(found["completedAt"] or found["createdAt"]),
        text(words),
        Markup("<ul>{}</ul>").format(more) if more else "",
    )


def _about(found: dict[str, Any], session: dict[str, Any]) -> Markup:
    def link(path: str, key: str, words: str) -> Markup | str:
        return Markup('<a href="{}/{}">{}</a>').format(path, segment(key), text(words)) if key else ""

    tokens = found["inputTokens"] + found["outputTokens"]
    subtasks = Markup(" ").join(link("/runs", one, one[:8]) for one in found["subtasks"])
    return pairs(
        {
            "Started by": found["requestedBy"],
            "Mode": " → ".join(one for one in (found["mode"], found["resolvedMode"]) if one),
            "Runbook": link("/runbooks", found["runbookId"], session["runbookTitle"] or found["runbookId"]),
            "Target": found["connection"],
            "Ticket": link("/tickets", found["ticketId"], "open the ticket"),
            "Again after": link("/runs", found["retryOf"], found["retryOf"][:8]),
            "Part of": link("/runs", found["parent"], found["parent"][:8]),
            "Subtasks": subtasks,
            "Model": f"{found['model']} · {tokens} tokens" if found["model"] or tokens else "",
            "Cost": f"{session['cost']:.4f} by the prices that were set" if session["cost"] else "",
            "Risk, as the model sees it": _opinion(found["modelRisk"]),
            "Run id": found["runId"],
        }
    )


def _opinion(risk: dict[str, str] | None) -> str:
    return f"{risk['level']} (the opinion of {risk['by']}; it changes no verdict)" if risk else ""
