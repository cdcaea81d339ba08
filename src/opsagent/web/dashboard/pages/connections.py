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
from opsagent.web.dashboard.widgets.form import fill_in
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.records import Deed, Json, Records
from opsagent.web.dashboard.widgets.rows import line
from opsagent.web.dashboard.widgets.secret_form import STORE, secret_entries, secret_of
from opsagent.web.dashboard.widgets.target_form import EXECUTORS, target_entries, target_of
from opsagent.web.dashboard.widgets.words import text, when

_NONE = Markup(
    "<strong>Nothing is connected.</strong>Without a target the agent works in its sandbox only. "
    "Connect this machine, a host, a database or an API."
)
_NO_SECRETS = Markup(
    "<strong>No credentials.</strong>A host, a database or an API is opened by one; it is kept encrypted."
)
_SANDBOX = "sandbox"  # built in: the API changes and removes it never


async def connections(request: Request, client: Client) -> Response | None:
    """Both lists."""

    async def build(visit: Visit) -> None:
        page = _Connections(visit)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "Connections", build, place="/connections")


class _Connections:
    """The lists, and what may be done with each."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._secrets: list[Json] = []
        admin = "administer" in visit.may
        if admin:
            with ui.element("div").classes("row"):
                button("Connect something", self._add, kind="primary")
        test = Deed(
            words="Test it", act=self._test, there=lambda _: "operate" in visit.may,
            hint="Really connects, with each account.",
        )  # fmt: skip
        change = Deed(words="Change", act=self._change, there=lambda one: admin and one["name"] != _SANDBOX)
        remove = Deed(words="Remove", act=self._remove, there=change.there, danger=True)
        self._targets = Records("Connections", _NONE, _target, (test, change, remove), key="name")
        self._kept: Records | None = None
        if admin:
            with ui.element("div").classes("split"):
                html("Credentials", tag="h2")
                button("Add a credential", self._add_secret)
            anew = Deed(words="New value", act=self._rotate, there=lambda one: one["keeper"] == STORE)
            moved = Deed(words="Change", act=self._rotate, there=lambda one: one["keeper"] != STORE)
            drop = Deed(words="Remove", act=self._drop, danger=True)
            self._kept = Records("Credentials", _NO_SECRETS, _credential, (anew, moved, drop), key="name")

    async def refresh(self) -> None:
        """Read them again."""
        self._targets.show((await self._visit.api.get("/api/v1/connections"))["connections"])
        if self._kept is not None:
            self._secrets = (await self._visit.api.get("/api/v1/credentials"))["credentials"]
            self._kept.show(self._secrets)

    async def _test(self, one: Json) -> None:
        self._targets.said(one, "Connecting …")
        answer = await self._visit.api.post(f"{_path(one)}/test")
        self._targets.said(one, _tested(answer))

    async def _add(self) -> None:
        await self._target({})

    async def _change(self, one: Json) -> None:
        await self._target(one)

    async def _target(self, one: Json) -> None:
        async def send(given: Any) -> None:
            name = one.get("name") or given["name"]
            await self._visit.api.put(_path({"name": name}), target_of(given, one))

        title, yes = (f"Change {one['name']}", "Change it") if one else ("Connect something", "Connect it")
        words = "Approvals given for what it was do not hold for what it becomes." if one else ""
        if await fill_in(title, target_entries(one, [kept["name"] for kept in self._secrets]), yes, send, words=words):
            await self.refresh()

    async def _remove(self, one: Json) -> None:
        words = "Runs that need it are refused or fail from now on, before any effect."
        if await sure(f"Remove {one['name']}?", words, "Remove"):
            await self._visit.api.delete(_path(one))
            await self.refresh()

    async def _add_secret(self) -> None:
        await self._secret({})

    async def _rotate(self, one: Json) -> None:
        await self._secret(one)

    async def _secret(self, one: Json) -> None:
        async def send(given: Any) -> None:
            name = one.get("name") or given["name"]
            await self._visit.api.put(f"/api/v1/credentials/{segment(name)}", secret_of(given, one))

        title, yes = (f"A new value for {one['name']}", "Replace it") if one else ("Add a credential", "Keep it")
        words = "It goes in and never comes out: not here, not by the API, not on a timeline."
        if one and one["keeper"] != STORE:
            title, yes, words = (
                f"Change {one['name']}",
                "Change it",
                "Its value is kept elsewhere and read for each use.",
            )
        if await fill_in(title, secret_entries(one), yes, send, words=words):
            await self.refresh()
            if one and self._kept is not None:
                self._kept.said(one, "Replaced. What was approved with the old one is asked again.")

    async def _drop(self, one: Json) -> None:
        found = (await self._visit.api.get("/api/v1/connections"))["connections"]
        users = [use["name"] for use in found if one["name"] in (use["credential"], use["readCredential"])]
        words = f"{', '.join(users)} will not be reached any more." if users else "No connection names it."
        if await sure(f"Remove {one['name']}?", words, "Remove"):
            await self._visit.api.delete(f"/api/v1/credentials/{segment(one['name'])}")
            await self.refresh()


def _path(one: Json) -> str:
    return f"/api/v1/connections/{segment(one['name'])}"


def _target(one: dict[str, Any]) -> Markup:
    by = dict(EXECUTORS).get(one["executor"], one["executor"])
    if one["executor"] == "shell" and one["reach"] == "sandbox":
        by = "Scratch space on this machine"
    looks, changes = one["readCredential"], one["credential"]
    facts: list[Markup | str] = [
        by,
        text(one["address"]),
        text(one["environment"]),
        text(f"looks as {looks}" if looks else ""),
        text(f"changes as {changes}" if looks and changes else f"as {changes}" if changes else ""),
        *(Markup("<code>{}={}</code>").format(text(k), text(v)) for k, v in one["labels"].items()),
    ]
    under = Markup(" · ").join(Markup("{}").format(fact) for fact in facts if fact)
    changed = Markup("changed {}").format(when(one["updatedAt"])) if one["updatedAt"] else ""
    return line(text(one["name"]), under, at=changed)


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


def _credential(one: dict[str, Any]) -> Markup:
    used = (
        Markup("last used for {} {}").format(text(one["usedBy"]), when(one["usedAt"]))
        if one["usedAt"]
        else "never used"
    )
    only = f"for {', '.join(one['connections'])}" if one["connections"] else ""
    facts = (one["kind"], f"kept by {one['keeper']}", one["reference"], only, f"version {one['version']}")
    under = Markup("{} · {}").format(text(" · ".join(fact for fact in facts if fact)), used)
    return line(text(one["name"]), under, at=when(one["updatedAt"]))
