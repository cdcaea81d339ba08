"""What stands around every page: the places to go, the stop button, acting or observing, what waits for a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from opsagent.web.dashboard.api import Refused
from opsagent.web.dashboard.visit import Visit, sign_in, wanted
from opsagent.web.dashboard.widgets.menu import menu
from opsagent.web.dashboard.widgets.press import button, html, sure

PLACES = (
    ("/", "Home"),
    ("/approvals", "Agent Dashboard"),
    ("/runs", "Agent Ops"),
    ("/chat", "Chat"),
    ("/tickets", "Tickets"),
    ("/runbooks", "Runbooks"),
    ("/connections", "Connections"),
    ("/settings", "Settings"),
)
ASSETS = "/assets"
_SCRIPTS = ("away", "kept", "page")  # what swallows a key comes before what hears it
Build = Callable[[Visit], Awaitable[None]]


async def shown(
    request: Request, client: Client, title: str, build: Build, *, place: str, stream: str = "/api/v1/live"
) -> Response | None:
    """A page with everything around it, for whoever is signed in; others are sent to sign in first."""
    try:
        visit = await Visit.begin(request, client)
    except Refused as refused:
        _head("")
        html(_trouble(refused))
        return None
    if visit is None:
        return RedirectResponse(sign_in(wanted(request)), status_code=303)
    visit.follow(stream)
    _head(visit.who)
    shell = _Shell(visit, title)
    shell.build(place)
    with ui.element("main").classes("page").props("id=main tabindex=-1"):
        html(title, tag="h1")
        visit.fresh.append(shell.refresh)
        with ui.element("div").classes("content") as content:
            try:
                await shell.refresh()
                await build(visit)
            except Refused as refused:
                content.clear()  # half a page has buttons for what is not there
                del visit.fresh[1:]
                html(_trouble(refused))
    return None


def _trouble(refused: Refused) -> Markup:
    words = Markup('<div class="trouble" role="alert"><p>{}</p><p>{}</p></div>')
    return words.format(refused.message, refused.fix)


def _head(who: str) -> None:
    whose = Markup('<meta name="opsagent-who" content="{}">').format(who)
    scripts = "".join(f'<script src="{ASSETS}/{name}.js"></script>' for name in _SCRIPTS)
    ui.add_head_html(
        f'<link rel="stylesheet" href="{ASSETS}/theme.css">{whose}{scripts}<meta name="theme-color" content="#101418">'
    )


class _Shell:
    """The parts of the frame that change."""

    def __init__(self, visit: Visit, title: str) -> None:
        self._visit = visit
        self._title = title
        self._paused = self._acting = False

    def build(self, place: str) -> None:
        html(Markup("Skip to the page"), tag="a", classes="skip").props('href="#main"')
        with ui.element("header").classes("top"):
            html(Markup('<span aria-hidden="true">◉</span> OpsAgent'), tag="a", classes="brand").props('href="/"')
            self._nav = html(Markup(""), tag="nav", classes="places").props('aria-label="Places"')
            self._place = place
            with ui.element("div").classes("switches"):
                self._switch = (
                    button("…", self._turn, kind="switch")
                    if "administer" in self._visit.may
                    else html("…", tag="span", classes="state")
                )
                self._stop = button("Stop", self._stop_or_go, kind="danger") if "operate" in self._visit.may else None
                html(Markup('<span aria-hidden="true">☰</span>'), tag="button", classes="button icon").props(
                    'type=button popovertarget=menu aria-label="Menu" title="Menu"'
                )
            menu(self._visit)
        self._banner = html("", classes="banner").props('role="status"')
        self._banner.set_visibility(False)

    async def refresh(self) -> None:
        """The switches as they are, and how many questions wait."""
        switches = await self._visit.api.get("/api/v1/control")
        pending = await self._visit.api.get("/api/v1/agent/pending-approvals", limit=0)
        waiting = pending["waiting"]
        self._paused, self._acting = bool(switches["paused"]), bool(switches["acting"])
        self._nav.set_content(str(_places(self._place, waiting)))
        title = f"({waiting}) " if waiting else ""
        wanted = f"{title}{self._title} · OpsAgent"
        if self._visit.client.title != wanted:
            ui.page_title(wanted)
        self._switch.set_content("Acting" if self._acting else "Observing")
        hint = (
            "It asks, and does what it is allowed." if self._acting else "It looks and suggests, and changes nothing."
        )
        if "administer" in self._visit.may:
            self._switch.props["aria-pressed"] = "true" if self._acting else "false"
            hint += " Press to only observe." if self._acting else " Press to let it act."
        self._switch.props["title"] = hint
        if self._stop is not None:
            self._stop.set_content("Go on" if self._paused else "Stop")
            self._stop.classes(replace=f"button {'primary' if self._paused else 'danger'}")
            self._stop.props["title"] = (
                "Effects may start again." if self._paused else "No new effect starts; running ones are killed."
            )
        self._banner.set_visibility(self._paused)
        if self._paused:
            who = "somebody" if "operate" in self._visit.may else "an operator"
            self._banner.set_content(f"Stopped. No effect starts until {who} presses “Go on”.")

    async def _turn(self) -> None:
        acting = not self._acting  # what is asked here; the page may learn meanwhile that somebody else has turned it
        title, words, yes = (
            (
                "Let it act?",
                "It may then change things: what the policy allows at once, everything else after a person said yes.",
                "Act",
            )
            if acting
            else ("Only observe?", "It will only look and suggest. What runs now is not ended.", "Observe")
        )
        if await sure(title, words, yes, kind="primary"):
            await self._visit.api.post("/api/v1/control/acting", {"on": acting})
            await self._visit.look()

    async def _stop_or_go(self) -> None:
        if not self._paused:
            await self._visit.api.post("/api/v1/control/pause")
        elif await sure("Go on?", "Effects may start again, beginning with what was waiting.", "Go on", kind="primary"):
            await self._visit.api.post("/api/v1/control/resume")
        await self._visit.look()


def _places(here: str, waiting: int) -> Markup:
    links = []
    for path, name in PLACES:
        count = Markup(' <span class="count" aria-label="{0} waiting">{0}</span>').format(waiting)
        links.append(
            Markup('<a href="{}"{}>{}{}</a>').format(
                path,
                Markup(' aria-current="page"') if path == here else "",
                name,
                count if waiting and path == "/approvals" else "",
            )
        )
    return Markup("").join(links)
