"""One runbook: its text, its steps, its versions."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, pairs, text, when


async def runbook(request: Request, client: Client, runbook_id: str) -> Response | None:
    """The runbook with this id."""
    path = f"/api/v1/runbooks/{segment(runbook_id)}"

    async def build(visit: Visit) -> None:
        found = await visit.api.get(path)
        versions = await visit.api.get(f"{path}/versions")
        html(_about(found), tag="section", classes="card")
        if "administer" in visit.may:
            _switch(visit, path, found)
        html(_text(found["source"]), tag="section", classes="card runbook-text").props('aria-label="Text"')
        html("Versions", tag="h2")
        Rows("Versions", Markup("None.")).show([_version(one) for one in versions["versions"]])

    return await shown(request, client, "Runbook", build, place="/runbooks")


def _switch(visit: Visit, path: str, found: dict[str, Any]) -> None:
    async def act() -> None:
        await visit.api.post(f"{path}/{'disable' if found['enabled'] else 'enable'}")
        ui.navigate.reload()

    with ui.element("div").classes("row"):
        button(
            "Switch it off" if found["enabled"] else "Switch it on",
            act,
            hint="The agent uses only what is switched on.",
        )


def _about(found: dict[str, Any]) -> Markup:
    uses = found["uses"]
    last = (
        Markup('<a href="/runs/{}">{}</a>').format(segment(uses["lastRunId"]), when(uses["lastAt"]))
        if uses["lastRunId"]
        else ""
    )
    state = badge("completed") if found["enabled"] else badge("cancelled")
    return Markup("<h2>{}</h2>{}").format(
        text(found["title"]),
        pairs(
            {
                "Switched on": "yes" if found["enabled"] else state,
                "For": ", ".join(found["alerts"]),
                "About": found["summary"],
                "Owner": found["owner"],
                "Target": found["connection"],
                "Used": f"{uses['used']} times; measured healthy after {uses['yes']}, not after {uses['no']}"
                if uses["used"]
                else "not yet",
                "Last": last,
                "From": found["path"],
            }
        ),
    )


def _text(source: str) -> Markup:
    """Markdown as HTML. HTML inside it is shown as text, and nothing is fetched for it."""
    body = source
    if body.startswith("---\n") and "\n---\n" in body:
        front, _, body = body[4:].partition("\n---\n")
        head = Markup("<details><summary>Front matter</summary><pre class='output'>{}</pre></details>").format(
            text(front)
        )
    else:
        head = Markup("")
    return head + prose(body)


def _version(one: dict[str, Any]) -> Row:
    by = text(" · ".join(part for part in (one["by"], one["note"]) if part))
    markup = line(text(f"Version {one['revision']}"), by, at=when(one["at"]))
    return Row(key=str(one["revision"]), markup=markup)
