"""Drafts: the runbooks that runs suggest; a person reads one, tries it, and merges or discards it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.editor import Editor
from opsagent.web.dashboard.widgets.filters import filters
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, pairs, text, when

PATH = "/api/v1/drafts"
_WHICH = (("open", "Open"), ("merged", "Merged"), ("dismissed", "Discarded"), ("all", "All"))
_EMPTY = Markup(
    "<strong>No draft here.</strong>A run without a runbook that was resolved suggests one. Nothing of it is found or "
    "followed until a person has merged it."
)
_VERIFIED = {"yes": "measured healthy", "no": "measured, and not healthy", "not_measurable": "nothing to measure"}


async def drafts(request: Request, client: Client, status: str = "open") -> Response | None:
    """What runs suggest."""

    async def build(visit: Visit) -> None:
        filters("/drafts", "Status", _WHICH, "status", status, {})
        rows = Rows("Drafts", _EMPTY)

        async def refresh() -> None:
            rows.show([_row(one) for one in (await visit.api.get(PATH, status=status))["drafts"]])

        await refresh()
        visit.fresh.append(refresh)

    return await shown(request, client, "Drafts", build, place="/runbooks")


async def draft(request: Request, client: Client, run_id: str) -> Response | None:
    """The draft of one run."""

    async def build(visit: Visit) -> None:
        found = await visit.api.get(f"{PATH}/{segment(run_id)}")
        html(_about(found), tag="section", classes="card")
        if found["status"] == "open" and "operate" in visit.may:
            await _decided(visit, found)
        else:
            html(prose(found["text"]), tag="section", classes="card").props('aria-label="Text"')

    return await shown(request, client, "Draft", build, place="/runbooks")


async def _decided(visit: Visit, found: dict[str, Any]) -> None:
    path = f"{PATH}/{segment(found['runId'])}"
    name = f"{found['runbookId'] or 'draft'}.md"
    editor = Editor(visit, found["text"], name, target=found["connection"], given=found["given"])

    async def merge() -> None:
        words = "From now on it is found and followed like any other. What it changes is asked about, as always."
        source = await editor.text.read()
        if await sure("Make it a runbook?", words, "Merge", kind="primary"):
            stored = await visit.api.post(f"{path}/merge", {"text": source})
            editor.text.is_kept()
            ui.navigate.to(f"/runbooks/{segment(stored['runbookId'])}")

    async def discard() -> None:
        if await sure("Discard this draft?", "It is kept, and listed no more among the open ones.", "Discard"):
            await visit.api.post(f"{path}/dismiss")
            editor.text.is_kept()
            ui.navigate.to("/drafts")

    with ui.element("div").classes("row save"):
        button("Merge", merge, kind="primary", hint="As the text stands now. Refused when the policy denies a step.")
        button("Discard", discard, kind="danger")
    await editor.begin()


def _about(found: dict[str, Any]) -> Markup:
    notes = Markup("").join(Markup("<li>{}</li>").format(text(one)) for one in found["notes"])
    decided = Markup("{} {}").format(text(found["decidedBy"]), when(found["decidedAt"])) if found["decidedBy"] else ""
    return Markup("<h2>{}</h2>{}{}").format(
        text(found["title"]),
        pairs(
            {
                "Status": _badge(found),
                "Learned from": Markup('<a href="/runs/{}">the run</a>').format(segment(found["runId"])),
                "After it": _VERIFIED.get(found["verified"], found["verified"]),
                "Worked on": found["connection"],
                "Decided": decided,
            }
        ),
        Markup("<h3>Before you merge it</h3><ul>{}</ul>").format(notes) if notes else "",
    )


def _row(one: dict[str, Any]) -> Row:
    under = text(f"{one['runbookId']} · {_VERIFIED.get(one['verified'], one['verified'])}")
    markup = line(text(one["title"]), under, _badge(one), at=when(one["createdAt"]))
    return Row(key=one["runId"], markup=markup, href=f"/drafts/{segment(one['runId'])}")


def _badge(one: dict[str, Any]) -> Markup:
    return badge({"open": "proposed", "merged": "merged"}.get(one["status"], "discarded"))
