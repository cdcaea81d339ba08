"""API keys: make one for a program or a person, shown once; revoke it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.pages.people import ROLES
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.areas import areas, not_yours
from opsagent.web.dashboard.widgets.form import Entry, Given, fill_in
from opsagent.web.dashboard.widgets.once import show_once
from opsagent.web.dashboard.widgets.press import button, sure
from opsagent.web.dashboard.widgets.records import Deed, Json, Records
from opsagent.web.dashboard.widgets.rows import line
from opsagent.web.dashboard.widgets.words import text, when

_NONE = Markup("<strong>No keys.</strong>A program that calls the API needs one.")
_KINDS = (("service", "A program: never decides an approval"), ("person", "A person"))
_ROLES = (("intake", "Intake: hands in alerts and tasks, sees nothing"), *ROLES)
_NAME = "[A-Za-z0-9][A-Za-z0-9 ._@+\\-]{0,63}"


async def keys(request: Request, client: Client) -> Response | None:
    """The list, for admins."""

    async def build(visit: Visit) -> None:
        areas(visit, "/settings/keys")
        if not_yours(visit):
            return
        page = _Keys(visit)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "API keys", build, place="/settings")


class _Keys:
    """Those that work first, then the revoked ones."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        with ui.element("div").classes("row"):
            button("Make a key", self._make, kind="primary")
        revoke = Deed(words="Revoke", act=self._revoke, there=lambda one: one["revokedAt"] is None, danger=True)
        self._list = Records("API keys", _NONE, _key, (revoke,), key="keyId")

    async def refresh(self) -> None:
        """Read it again."""
        found = (await self._visit.api.get("/api/v1/keys"))["keys"]
        self._list.show(sorted(found, key=lambda one: one["revokedAt"] is not None))

    async def _make(self) -> None:
        made: Json = {}

        async def send(given: Given) -> None:
            made.update(await self._visit.api.post("/api/v1/keys", {**given}))

        entries = (
            Entry(
                name="name",
                label="Name",
                pattern=_NAME,
                needed=True,
                hint="Who or what holds it; it stands in the record.",
            ),
            Entry(name="kind", label="For", kind="choice", choices=_KINDS),
            Entry(name="role", label="Role", kind="choice", choices=_ROLES, value="intake"),
        )
        if await fill_in("Make a key", entries, "Make it", send):
            await self.refresh()
            await show_once(
                "The new key", f"This is the key of {made['name']}. It is shown now and never again.", made["secret"]
            )

    async def _revoke(self, one: Json) -> None:
        words = "It stops working at once, here and within seconds in every other process. It cannot be taken back."
        if await sure(f"Revoke the key of {one['name']}?", words, "Revoke"):
            await self._visit.api.delete(f"/api/v1/keys/{segment(one['keyId'])}")
            await self.refresh()


def _key(one: dict[str, Any]) -> Markup:
    gone = one["revokedAt"]
    return line(
        text(one["name"]),
        Markup("{} · made {}").format("a person" if one["kind"] == "person" else "a program", when(one["createdAt"])),
        Markup('<span class="flag">{}</span>').format(one["role"]),
        Markup('<span class="badge quiet">Revoked {}</span>').format(when(gone)) if gone else "",
    )
