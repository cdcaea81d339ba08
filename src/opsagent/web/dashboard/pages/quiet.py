"""Silences: what nobody is told of, and when nothing is changed; now, and at times that come again."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.areas import areas
from opsagent.web.dashboard.widgets.form import Entry, Given, fill_in, lines
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.records import Deed, Json, Records
from opsagent.web.dashboard.widgets.rows import line
from opsagent.web.dashboard.widgets.words import text, took, when

_NO_SILENCE = Markup("<strong>Nothing is silenced.</strong>What a silence fits is kept, and starts and tells nothing.")
_NO_WINDOW = Markup(
    "<strong>No maintenance windows.</strong>A window is a silence that comes again, such as each Sunday at 2."
)
_NO_FREEZE = Markup("<strong>No freeze.</strong>While one holds, no effect starts; looking and measuring go on.")
_HOURS = (
    ("1800", "30 minutes"),
    ("3600", "1 hour"),
    ("7200", "2 hours"),
    ("14400", "4 hours"),
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("259200", "3 days"),
    ("604800", "1 week"),
)
_FOR = Entry(name="duration", label="For", kind="choice", choices=_HOURS, value="7200")
_WRITTEN = 'One a line, all must fit: service=shop, alertname=~"Disk.*"'
_NAME = "[A-Za-z0-9][A-Za-z0-9_.\\-]{0,63}"


async def quiet(request: Request, client: Client) -> Response | None:
    """Three lists: silences, maintenance windows, freezes."""

    async def build(visit: Visit) -> None:
        areas(visit, "/settings/quiet")
        page = _Quiet(visit)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "Silences", build, place="/settings")


class _Quiet:
    """The lists, and what an operator may do with them."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._operates = "operate" in visit.may
        self._heading("Now", "Silence something", self._add_silence)
        end = self._deed("End it", self._end_silence)
        self._silences = Records("Silences", _NO_SILENCE, _silence, end, key="silenceId", called="comment")
        self._heading("Maintenance windows", "Add a window", self._add_window)
        deeds = self._deed("Change", self._change_window, danger=False) + self._deed("Remove", self._remove_window)
        self._windows = Records("Maintenance windows", _NO_WINDOW, _window, deeds, key="windowId")
        self._heading("Freezes", "Freeze", self._add_freeze)
        lift = self._deed("Lift it", self._lift)
        self._freezes = Records("Freezes", _NO_FREEZE, _freeze, lift, key="freezeId", called="reason")

    def _heading(self, title: str, words: str, act: Any) -> None:
        with ui.element("div").classes("split"):
            html(title, tag="h2")
            if self._operates:
                button(words, act)

    def _deed(self, words: str, act: Any, *, danger: bool = True) -> tuple[Deed, ...]:
        return (Deed(words=words, act=act, danger=danger),) if self._operates else ()

    async def refresh(self) -> None:
        """Read it again."""
        api = self._visit.api
        self._silences.show((await api.get("/api/v1/silences"))["silences"])
        self._windows.show((await api.get("/api/v1/maintenance"))["windows"])
        self._freezes.show((await api.get("/api/v1/freezes"))["freezes"])

    async def _add_silence(self) -> None:
        async def send(given: Given) -> None:
            body = {
                "matchers": lines(given["matchers"]),
                "comment": given["comment"],
                "durationSeconds": int(given["duration"]),
            }
            await self._visit.api.post("/api/v1/silences", body)

        entries = (
            Entry(name="matchers", label="What", kind="area", hint=_WRITTEN, needed=True),
            _FOR,
            Entry(name="comment", label="Why", needed=True),
        )
        words = "Alerts it fits are kept; they start no run and tell nobody. Runs that are open go on."
        if await fill_in("Silence something", entries, "Silence it", send, words=words):
            await self.refresh()

    async def _end_silence(self, one: Json) -> None:
        if await sure("End this silence?", "What still fires gets its run.", "End it", kind="primary"):
            await self._visit.api.delete(f"/api/v1/silences/{segment(one['silenceId'])}")
            await self.refresh()

    async def _add_window(self) -> None:
        await self._window({})

    async def _change_window(self, one: Json) -> None:
        await self._window(one)

    async def _window(self, one: Json) -> None:
        async def send(given: Given) -> None:
            kept = {key: one[key] for key in _KEPT if one.get(key) is not None}
            timing = {"cron": given["cron"]} if given["cron"] else {"everySeconds": one.get("everySeconds", 0)}
            body = kept | timing | {
                "timezone": given["timezone"] or "UTC",
                "durationSeconds": int(given["duration"]),
                "matchers": lines(given["matchers"]),
                "environments": lines(given["environments"]),
                "comment": given["comment"],
                "freeze": "freeze" in given,
                "enabled": "enabled" in given,
            }  # fmt: skip
            await self._visit.api.put(f"/api/v1/maintenance/{segment(one.get('name') or given['name'])}", body)

        entries = () if one else (Entry(name="name", label="Name", pattern=_NAME, needed=True),)
        title, yes = (f"Change {one['name']}", "Change it") if one else ("Add a maintenance window", "Add it")
        if await fill_in(title, (*entries, *_window_entries(one)), yes, send):
            await self.refresh()

    async def _remove_window(self, one: Json) -> None:
        if await sure(f"Remove {one['name']}?", "It no longer holds, also if it is open now.", "Remove"):
            await self._visit.api.delete(f"/api/v1/maintenance/{segment(one['name'])}")
            await self.refresh()

    async def _add_freeze(self) -> None:
        async def send(given: Given) -> None:
            body = {
                "durationSeconds": int(given["duration"]),
                "reason": given["reason"],
                "environments": lines(given["environments"]),
                "connections": lines(given["connections"]),
            }
            await self._visit.api.post("/api/v1/freezes", body)

        entries = (
            _FOR,
            Entry(name="reason", label="Why", needed=True),
            Entry(name="environments", label="Environments", kind="area", hint="One a line. Empty: all."),
            Entry(name="connections", label="Connections", kind="area", hint="One a line. Empty: all."),
        )
        words = "No effect starts meanwhile. Reads, checks and the undo of what is under way go on."
        if await fill_in("Freeze", entries, "Freeze", send, words=words):
            await self.refresh()

    async def _lift(self, one: Json) -> None:
        if await sure("Lift this freeze?", "Effects may start again at once.", "Lift it", kind="primary"):
            await self._visit.api.delete(f"/api/v1/freezes/{segment(one['freezeId'])}")
            await self.refresh()


_KEPT = ("startsAt", "endsAt", "connections", "labels")  # what the form does not ask for stays as it was


def _window_entries(one: Json) -> tuple[Entry, ...]:
    duration = str(one.get("durationSeconds", 7200))
    choices = _HOURS if duration in dict(_HOURS) else (*_HOURS, (duration, took(int(duration) * 1000)))
    yes = "yes"
    return (
        Entry(
            name="cron", label="Begins", value=str(one.get("cron", "")), needed=not one.get("everySeconds"),
            hint="Minute, hour, day, month, weekday. Sundays at 2: 0 2 * * SUN",
        ),
        Entry(name="timezone", label="Time zone", value=str(one.get("timezone", "")), hint="Such as Europe/Berlin."),
        Entry(name="duration", label="For", kind="choice", choices=choices, value=duration),
        Entry(
            name="matchers", label="What is silenced", kind="area", hint=_WRITTEN,
            value="\n".join(one.get("matchers", ())),
        ),
        Entry(
            name="freeze", label="Change nothing meanwhile", kind="tick", value=yes if one.get("freeze") else "",
            hint="No effect starts in these environments while it is open.",
        ),
        Entry(
            name="environments", label="Environments", kind="area", value="\n".join(one.get("environments", ())),
            hint="For the line above; one a line. Empty: all.",
        ),
        Entry(name="comment", label="Why", value=str(one.get("comment", ""))),
        Entry(name="enabled", label="It is in use", kind="tick", value=yes if one.get("enabled", True) else ""),
    )  # fmt: skip


def _silence(one: dict[str, Any]) -> Markup:
    until = Markup("ends {}").format(when(one["endsAt"]))
    begins = "" if one["active"] else Markup(" · begins {}").format(when(one["startsAt"]))
    title = Markup("<code>{}</code>").format(text(", ".join(one["matchers"])))
    return line(title, Markup("{} · by {}{}").format(text(one["comment"]), text(one["by"]), begins), at=until)


def _window(one: dict[str, Any]) -> Markup:
    timing = one["cron"] or f"every {took(one['everySeconds'] * 1000)}"
    facts = [
        f"{timing} ({one['timezone']}), for {took(one['durationSeconds'] * 1000)}",
        ", ".join(one["matchers"]),
        f"nothing is changed in {', '.join(one['environments']) or 'any environment'}" if one["freeze"] else "",
        one["comment"],
    ]
    if not one["enabled"]:
        sign, at = Markup('<span class="badge quiet">Not in use</span>'), Markup("")
    elif one["openUntil"]:
        sign, at = Markup('<span class="badge ask">Open</span>'), Markup("ends {}").format(when(one["openUntil"]))
    else:
        sign, at = Markup(""), Markup("opens {}").format(when(one["opensAt"], otherwise="never again"))
    return line(text(one["name"]), text(" · ".join(fact for fact in facts if fact)), sign, at=at)


def _freeze(one: dict[str, Any]) -> Markup:
    where = ", ".join([*one["environments"], *one["connections"]]) or "everywhere"
    under = Markup("{} · by {} · from {}").format(text(where), text(one["by"]), when(one["startsAt"]))
    return line(text(one["reason"]), under, at=Markup("ends {}").format(when(one["endsAt"])))
