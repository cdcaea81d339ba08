"""People: who signs in, what they may; invite, give a role, keep out, end their sessions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.areas import areas, not_yours
from opsagent.web.dashboard.widgets.form import Entry, Given, fill_in
from opsagent.web.dashboard.widgets.once import show_once
from opsagent.web.dashboard.widgets.press import button, sure
from opsagent.web.dashboard.widgets.records import Deed, Json, Records
from opsagent.web.dashboard.widgets.rows import line
from opsagent.web.dashboard.widgets.words import badge, text, when

_NONE = Markup(
    "<strong>Nobody signs in by name yet.</strong>Add the people who are on call; each sets their own password."
)
ROLES = (
    ("viewer", "Viewer: sees"),
    ("operator", "Operator: and starts, stops, edits runbooks"),
    ("approver", "Approver: and decides what may run"),
    ("admin", "Admin: and people, keys, connections"),
)


async def people(request: Request, client: Client) -> Response | None:
    """The list, for admins."""

    async def build(visit: Visit) -> None:
        areas(visit, "/settings/people")
        if not_yours(visit):
            return
        page = _People(visit)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "People", build, place="/settings")


class _People:
    """The list and what can be done with each."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.element("div").classes("row"):
            button("Add a person", self._add, kind="primary")
        deeds = (
            Deed(words="Give a role", act=self._role),
            Deed(words="Invite", act=self._invite, there=_is_in, hint="A link that sets their password, once."),
            Deed(
                words="End sessions", act=self._sign_out, there=_is_in, hint="They have to sign in again, everywhere."
            ),
            Deed(words="Keep out", act=self._disable, there=_is_in, danger=True),
            Deed(words="Let in again", act=self._enable, there=lambda one: not _is_in(one)),
        )
        self._list = Records("People", _NONE, _person, deeds, key="personId")

    async def refresh(self) -> None:
        """Read it again."""
        self._list.show((await self._visit.api.get("/api/v1/people"))["people"])

    async def _add(self) -> None:
        made: Json = {}

        async def send(given: Given) -> None:
            made.update(await self._visit.api.post("/api/v1/people", {**given}))

        entries = (
            Entry(
                name="login", label="What they type to sign in", hint="An e-mail address or a short name.", needed=True
            ),
            Entry(name="name", label="Name in the record", hint="For ever. Left empty, it is what they type."),
            Entry(name="role", label="Role", kind="choice", choices=ROLES, value="approver"),
        )
        if await fill_in("Add a person", entries, "Add and invite", send):
            await self.refresh()
            await self._invite(made)

    async def _invite(self, one: Json) -> None:
        made = await self._visit.api.post(f"{_path(one)}/invitation")
        link = made["url"] or urljoin(self._visit.api.origin, made["path"])
        words = f"Send this to {one['name']} yourself. It sets their password once, within three days."
        await show_once("The invitation", words, link)
        await self.refresh()

    async def _role(self, one: Json) -> None:
        async def send(given: Given) -> None:
            await self._visit.api.put(f"{_path(one)}/role", {"role": given["role"]})

        entry = Entry(name="role", label="Role", kind="choice", choices=ROLES, value=str(one["role"]))
        words = "It holds from their next request on." + (
            " Who comes by single sign-on gets the role of their groups again at the next sign-in."
            if one["singleSignOn"]
            else ""
        )
        if await fill_in(f"What may {one['name']} do?", (entry,), "Give it", send, words=words):
            await self._tell(one, f"{one['name']} has the role now.")

    async def _sign_out(self, one: Json) -> None:
        if await sure(f"End the sessions of {one['name']}?", "They have to sign in again, everywhere.", "End them"):
            await self._visit.api.delete(f"{_path(one)}/sessions")
            await self._tell(one, "Every session is over.")

    async def _disable(self, one: Json) -> None:
        words = "Every session of theirs ends at once. Keys of that name stay: look at API keys, too."
        if await sure(f"Keep {one['name']} out?", words, "Keep out"):
            await self._visit.api.put(f"{_path(one)}/disabled", {"disabled": True})
            await self._tell(one, "Kept out, and every session is over.")

    async def _enable(self, one: Json) -> None:
        await self._visit.api.put(f"{_path(one)}/disabled", {"disabled": False})
        await self._tell(one, "May sign in again.")

    async def _tell(self, one: Json, words: str) -> None:
        await self.refresh()
        self._list.said(one, text(words))


def _is_in(one: Json) -> bool:
    return bool(one["state"] != "disabled")


def _path(one: Json) -> str:
    return f"/api/v1/people/{segment(one['personId'])}"


def _person(one: dict[str, Any]) -> Markup:
    facts = [
        text(one["login"]) if one["login"] != one["name"] else "",
        Markup("by single sign-on") if one["singleSignOn"] else "",
        Markup("last here {}").format(when(one["lastSeenAt"])) if one["lastSeenAt"] else "never here",
    ]
    state = "" if one["state"] == "active" else badge(one["state"])
    return line(
        text(one["name"]),
        Markup(" · ").join(Markup("{}").format(part) for part in facts if part),
        state,
        Markup('<span class="flag">{}</span>').format(one["role"]),
    )
