"""Settings: what would this command get; and the way to people, keys, channels and silences."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.areas import areas
from opsagent.web.dashboard.widgets.command import command
from opsagent.web.dashboard.widgets.manifest import manifest
from opsagent.web.dashboard.widgets.press import button, html
from opsagent.web.dashboard.widgets.words import badge, text
from opsagent.web.dashboard.widgets.write import Field

MOST_CHARS = 20_000  # of one command; what the judge takes


async def settings(request: Request, client: Client) -> Response | None:
    """The first part: the policy."""

    async def build(visit: Visit) -> None:
        areas(visit, "/settings")
        await _policy(visit)

    return await shown(request, client, "Settings", build, place="/settings")


async def _policy(visit: Visit) -> None:
    with ui.element("section").classes("card"):
        html("What would this command get?", tag="h2")
        targets = [one["name"] for one in (await visit.api.get("/api/v1/connections"))["connections"]]
        asked = {"target": ""}

        with ui.element("div").classes("row"):
            words = Field("Command", hint="systemctl restart nginx", most=MOST_CHARS)
            words.element.style("flex: 1 1 18rem")
            options = Markup("").join(Markup("<option>{}</option>").format(text(one)) for one in targets)
            where = html(Markup('<option value="">in the sandbox</option>{}').format(options), tag="select")
            where.props["aria-label"] = "Target"
            where.on(
                "change", lambda event: asked.update(target=str(event.args)), js_handler="(e) => emit(e.target.value)"
            )

            async def explain() -> None:
                if not words.text.strip():
                    return
                body = {"commands": [words.text], "connection": asked["target"]}
                (found,) = (await visit.api.post("/api/v1/policy/explain", body))["verdicts"]
                said.set_content(str(_verdict(found)))

            button("Judge", explain, kind="primary", hint="It is judged, and not run.")
            words.on_enter(explain)
        said = html("").props('role="status"')


def _verdict(found: dict[str, Any]) -> Markup:
    return Markup("<p>{} {} <span class='quiet'>({})</span></p>{}{}").format(
        badge(found["decision"].lower()),
        text(found["reason"]),
        found["rule"],
        manifest(found["manifest"]),
        command(found["command"]),
    )
