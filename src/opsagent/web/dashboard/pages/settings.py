"""Settings: what would this command get, who is told and does it arrive, and what is silenced."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.manifest import manifest
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, text, when

_NO_SILENCE = Markup(
    "<strong>Nothing is silenced.</strong>A silence or a maintenance window keeps people from being told."
)
_NO_CHANNEL = Markup(
    "<strong>Nobody is told.</strong>Set a channel up, and questions reach people where they are: see "
    "<code>docs/notifications.md</code>."
)


async def settings(request: Request, client: Client) -> Response | None:
    """What people look up and try out."""

    async def build(visit: Visit) -> None:
        await _policy(visit)
        await _channels(visit)
        html("Silences", tag="h2")
        silences = (await visit.api.get("/api/v1/silences"))["silences"]
        Rows("Silences", _NO_SILENCE).show([_silence(one) for one in silences])

    return await shown(request, client, "Settings", build, place="/settings")


async def _policy(visit: Visit) -> None:
    with ui.element("section").classes("card"):
        html("What would this command get?", tag="h2")
        targets = [one["name"] for one in (await visit.api.get("/api/v1/connections"))["connections"]]
        asked = {"command": "", "target": ""}

        with ui.element("div").classes("row"):
            words = (
                html("", tag="input")
                .props('type=text spellcheck=false placeholder="systemctl restart nginx"')
                .style("flex: 1 1 18rem")
            )
            words.props["aria-label"] = "Command"
            words.on(
                "input", lambda event: asked.update(command=str(event.args)), js_handler="(e) => emit(e.target.value)"
            )
            options = Markup("").join(Markup("<option>{}</option>").format(text(one)) for one in targets)
            where = html(Markup('<option value="">in the sandbox</option>{}').format(options), tag="select")
            where.props["aria-label"] = "Target"
            where.on(
                "change", lambda event: asked.update(target=str(event.args)), js_handler="(e) => emit(e.target.value)"
            )

            async def explain() -> None:
                if not asked["command"].strip():
                    return
                body = {"commands": [asked["command"]], "connection": asked["target"]}
                (found,) = (await visit.api.post("/api/v1/policy/explain", body))["verdicts"]
                said.set_content(str(_verdict(found)))

            button("Judge", explain, kind="primary", hint="It is judged, and not run.")
            words.on("keydown.enter", explain, args=[])
        said = html("").props('role="status"')


def _verdict(found: dict[str, Any]) -> Markup:
    return Markup("<p>{} {} <span class='quiet'>({})</span></p>{}{}").format(
        badge(found["decision"].lower()),
        text(found["reason"]),
        found["rule"],
        manifest(found["manifest"]),
        command(found["command"]),
    )


async def _channels(visit: Visit) -> None:
    html("Who is told", tag="h2")
    channels = (await visit.api.get("/api/v1/channels"))["channels"]
    if not channels:
        html(_NO_CHANNEL, classes="empty")
    for one in channels:
        _channel(visit, one)


def _channel(visit: Visit, one: dict[str, Any]) -> None:
    with ui.element("section").classes("card"):
        people = Markup("").join(
            Markup("<li>{} <span class='quiet'>{}</span></li>").format(text(who["name"]), text(who["address"]))
            for who in one["addresses"]
        )
        html(
            Markup("<h3>{}</h3><p class='quiet'>{}</p><ul>{}</ul>").format(
                text(one["name"]), text(one["about"]), people
            )
        )
        if "administer" in visit.may:
            said = html("").props('role="status"')

            async def test() -> None:
                sent = await visit.api.post(f"/api/v1/channels/{segment(one['name'])}/test")
                said.set_content(f"{len(sent['notices'])} on their way. Look whether they arrive.")

            with ui.element("div").classes("row"):
                button("Send a test", test, kind="small", label=f"Send a test by {one['name']}")


def _silence(one: dict[str, Any]) -> Row:
    until = Markup("until {}").format(when(one["endsAt"]))
    markup = line(text(", ".join(one["matchers"])), text(one["comment"]), at=until)
    return Row(key=one["silenceId"], markup=markup)
