"""One runbook: how it helped, its text, a dry run, its versions and what changed between them."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.difference import difference
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.prose import prose
from opsagent.web.dashboard.widgets.rehearsal import rehearsal
from opsagent.web.dashboard.widgets.words import badge, pairs, text, times, when
from opsagent.web.dashboard.widgets.write import Choice


async def runbook(request: Request, client: Client, runbook_id: str, old: str = "", new: str = "") -> Response | None:
    """The runbook with this id; `old` and `new` are versions to compare."""
    path = f"/api/v1/runbooks/{segment(runbook_id)}"

    async def build(visit: Visit) -> None:
        found = await visit.api.get(path)
        versions = (await visit.api.get(f"{path}/versions"))["versions"]
        html(_about(found), tag="section", classes="card")
        if "operate" in visit.may:
            _actions(visit, path, found)
        html(_text(found["source"]), tag="section", classes="card runbook-text").props('aria-label="Text"')
        if "operate" in visit.may:
            await _dry_run(visit, path, found)
        html("Versions", tag="h2").props("id=versions")
        await _compared(visit, path, found, versions, old[:64], new[:64])
        with ui.element("ul").classes("rows").props('aria-label="Versions"'):
            for one in versions:
                _version(visit, path, found, one)

    return await shown(request, client, "Runbook", build, place="/runbooks")


def _actions(visit: Visit, path: str, found: dict[str, Any]) -> None:
    async def switch() -> None:
        await visit.api.post(f"{path}/{'disable' if found['enabled'] else 'enable'}")
        ui.navigate.reload()

    async def remove() -> None:
        words = "It is no longer found or followed. Its versions are kept, and runs that follow it go on."
        if await sure("Delete this runbook?", words, "Delete"):
            await visit.api.delete(path)
            ui.navigate.to("/runbooks")

    with ui.element("div").classes("row"):
        edit = html("Edit", tag="a", classes="button primary")
        edit.props["href"] = f"/editor?runbook={segment(found['runbookId'])}"
        words = "Switch it off" if found["enabled"] else "Switch it on"
        button(words, switch, hint="The agent uses only what is switched on.")
        button("Delete", remove, kind="danger")


async def _dry_run(visit: Visit, path: str, found: dict[str, Any]) -> None:
    targets = [one["name"] for one in (await visit.api.get("/api/v1/connections"))["connections"]]
    with ui.element("section").classes("card").props('aria-label="Dry run"'):
        html("Dry run", tag="h2")
        html("Each command is judged as it would be, and none is run.", classes="quiet")
        with ui.element("div").classes("row"):
            first = [("", f"on {found['connection'] or 'the sandbox'}")]
            where = Choice("Target of the dry run", [*first, *((one, one) for one in targets)])

            async def rehearse() -> None:
                judged = await visit.api.post(f"{path}/dry-run", {"connection": where.value})
                said.set_content(str(rehearsal(judged)))

            button("Dry run", rehearse)
        said = html("").props('role="status"')


async def _compared(
    visit: Visit, path: str, found: dict[str, Any], versions: list[dict[str, Any]], old: str, new: str
) -> None:
    """Which two are compared is in the address, so that a change can be sent to a colleague."""
    if len(versions) < 2:
        html("There is one version yet; what changes is shown here.", classes="quiet")
        return
    names = [str(one["revision"]) for one in versions]
    form = Markup(
        '<form class="row" action="/runbooks/{}#versions"><label class="row">From {}</label>'
        '<label class="row">to {}</label><button class="button" type="submit">Compare</button></form>'
    )
    html(
        form.format(
            segment(found["runbookId"]), _select("old", names, old or names[1]), _select("new", names, new or names[0])
        )
    )
    if old or new:
        changed = await visit.api.get(f"{path}/diff", old=old, new=new)
        html(difference(changed["diff"]), tag="section").props('aria-label="Difference"')


def _select(name: str, values: list[str], chosen: str) -> Markup:
    options = Markup("").join(
        Markup('<option value="{0}"{1}>version {0}</option>').format(one, Markup(" selected") if one == chosen else "")
        for one in values
    )
    return Markup('<select name="{}">{}</select>').format(name, options)


def _version(visit: Visit, path: str, found: dict[str, Any], one: dict[str, Any]) -> None:
    present = one["version"] == found["version"]

    async def restore() -> None:
        query = {"old": str(found["revision"]), "new": str(one["revision"])}
        changed = await visit.api.get(f"{path}/diff", **query)
        words = Markup("<p>It becomes the newest version. This changes:</p>{}").format(difference(changed["diff"]))
        if await sure(f"Version {one['revision']} again?", words, "Restore", kind="primary"):
            body = {"version": str(one["revision"]), "expectedVersion": found["version"]}
            await visit.api.post(f"{path}/restore", body)
            ui.navigate.to(f"/runbooks/{segment(found['runbookId'])}")

    with ui.element("li"), ui.element("div").classes("row-in"):
        by = text(" · ".join(part for part in (one["by"], one["note"]) if part))
        sign = Markup(' <span class="flag good">present</span>') if present else ""
        what = Markup('<span class="title">Version {}{}</span><span class="under">{} · {}</span>')
        html(what.format(one["revision"], sign, by, when(one["at"])), classes="what")
        if not present and "operate" in visit.may:
            button("Restore", restore, kind="small", label=f"Restore version {one['revision']}")


def _about(found: dict[str, Any]) -> Markup:
    uses = found["uses"]
    last = (
        Markup('<a href="/runs/{}">{}</a>').format(segment(uses["lastRunId"]), when(uses["lastAt"]))
        if uses["lastRunId"]
        else ""
    )
    return Markup("<h2>{}</h2>{}").format(
        text(found["title"]),
        pairs(
            {
                "Switched on": "yes" if found["enabled"] else badge("switched_off"),
                "For": ", ".join(found["alerts"]),
                "About": found["summary"],
                "Owner": found["owner"],
                "Target": found["connection"],
                "Used": _helped(uses),
                "Last": last,
                "From": found["path"],
            }
        ),
    )


def _helped(uses: dict[str, Any]) -> str:
    if not uses["used"]:
        return "not yet"
    return (
        f"{times(uses['used'])}; measured healthy after {uses['yes']}, not healthy after {uses['no']}, "
        f"not measurable after {uses['notMeasurable']}"
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
