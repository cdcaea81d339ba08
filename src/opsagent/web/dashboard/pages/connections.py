"""Connections and credentials: what the agent can reach, whether it works, and what each secret was last used for."""

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
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import pairs, text, when

_NONE = Markup(
    "<strong>Nothing is connected.</strong>Without a target the agent works in its sandbox only. "
    "<code>opsagent connections add NAME --reach host</code> lets it look at this machine."
)
_NO_SECRETS = Markup("<strong>No credentials.</strong><code>opsagent credentials add NAME</code> keeps one, encrypted.")


async def connections(request: Request, client: Client) -> Response | None:
    """Both lists."""

    async def build(visit: Visit) -> None:
        listed = (await visit.api.get("/api/v1/connections"))["connections"]
        if not listed:
            html(_NONE, classes="empty")
        for one in listed:
            _card(visit, one)
        if "administer" in visit.may:
            html("Credentials", tag="h2")
            kept = (await visit.api.get("/api/v1/credentials"))["credentials"]
            Rows("Credentials", _NO_SECRETS).show([_credential(one) for one in kept])

    return await shown(request, client, "Connections", build, place="/connections")


def _card(visit: Visit, one: dict[str, Any]) -> None:
    with ui.element("section").classes("card"):
        labels = Markup(" ").join(
            Markup("<code>{}={}</code>").format(text(k), text(v)) for k, v in one["labels"].items()
        )
        html(
            Markup("<h2>{}</h2>{}").format(
                text(one["name"]),
                pairs(
                    {
                        "By": one["executor"],
                        "Reach": one["reach"],
                        "Address": one["address"],
                        "Environment": one["environment"],
                        "Labels": labels,
                        "Account for looking": one["readCredential"],
                        "Account for changing": one["credential"],
                        "Changed": when(one["updatedAt"]),
                    }
                ),
            )
        )
        if "operate" in visit.may:
            said = html("").props('role="status"')

            async def test() -> None:
                said.set_content(str(_tested(await visit.api.post(f"/api/v1/connections/{segment(one['name'])}/test"))))

            with ui.element("div").classes("row"):
                button(
                    "Test it",
                    test,
                    kind="small",
                    label=f"Test {one['name']}",
                    hint="Really connects, with each account.",
                )


def _tested(answer: dict[str, Any]) -> Markup:
    return Markup("").join(
        Markup('<p><span class="flag {}">{}</span> {} {}</p>').format(
            "good" if one["ok"] else "bad",
            "works" if one["ok"] else "does not work",
            text(one["text"]),
            text(one["fix"]),
        )
        for one in answer["results"]
    )


def _credential(one: dict[str, Any]) -> Row:
    used = (
        Markup("last used for {} {}").format(text(one["usedBy"]), when(one["usedAt"]))
        if one["usedAt"]
        else "never used"
    )
    facts = Markup("{} · kept by {} · {}").format(text(one["kind"]), text(one["keeper"]), used)
    markup = line(text(one["name"]), facts, at=when(one["updatedAt"]))
    return Row(key=one["credentialId"], markup=markup)
