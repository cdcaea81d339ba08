"""One ticket: what triage concluded and from what, its alerts and signals, and what a person says of it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.domain.visible import visible
from opsagent.web.dashboard.api import segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.assessment import assessment
from opsagent.web.dashboard.widgets.form import Entry, Given, fill_in
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.words import badge, pairs, text, when

_OPEN = frozenset({"open", "escalated"})
_CHOICES = 100  # open tickets to merge into; with more at once a storm rule is what is needed
_NONE = Markup("None.")
_NO_ACTS = Markup("Nobody has done anything to this ticket yet.")
_ACTS = {
    "closed": "Closed",
    "auto_closed": "Closed by itself",
    "open": "Reopened",
    "taken": "Taken over",
    "handed_back": "Handed back",
    "merged": "Merged into another",
    "feedback": "Said what it was",
}


async def ticket(request: Request, client: Client, ticket_id: str) -> Response | None:
    """The ticket with this id."""

    async def build(visit: Visit) -> None:
        page = _TicketPage(visit, ticket_id)
        await page.refresh()
        visit.fresh.append(page.refresh)

    return await shown(request, client, "Ticket", build, place="/tickets")


class _TicketPage:
    """The parts that change."""

    def __init__(self, visit: Visit, ticket_id: str) -> None:
        self._visit = visit
        self._id = ticket_id
        self._path = f"/api/v1/tickets/{segment(ticket_id)}"
        self._head = html("", tag="section", classes="card")
        approve, operate = "approve" in visit.may, "operate" in visit.may
        with ui.element("div").classes("row"):
            self._real = self._say("It was real", "real") if approve else None
            self._noise = self._say("It was noise", "noise") if approve else None
            self._take = (
                self._do("I have it", "take", "You have it: the agent changes nothing more for it.")
                if approve
                else None
            )
            self._back = (
                self._do("Hand it back", "hand-back", "The agent goes on; everything is measured anew.")
                if approve
                else None
            )
            self._close = self._do("Close", "close", "You say that it is over.") if operate else None
            self._reopen = self._do("Reopen", "reopen", "You say that it is not over.") if operate else None
            self._merge = button("Merge …", self._join, hint="It is the same problem as another.") if operate else None
        self._triage = html("", tag="section", classes="card")
        html("Alerts", tag="h2")
        self._alerts = Rows("Alerts", _NONE)
        html("Signals", tag="h2")
        self._signals = Rows("Signals", _NONE)
        html("History", tag="h2")
        self._acts = Rows("History", _NO_ACTS)

    async def refresh(self) -> None:
        """Read it again."""
        found = await self._visit.api.get(self._path)
        self._head.set_content(str(_head(found)))
        self._triage.set_content(str(assessment(found["assessment"]) if found["assessment"] else _not_yet()))
        is_open, taken = found["status"] in _OPEN, bool(found["takenBy"])
        said = (found["feedback"] or {}).get("verdict", "")
        for made, there in (
            (self._real, True), (self._noise, True), (self._take, is_open and not taken),
            (self._back, is_open and taken), (self._close, is_open), (self._merge, is_open),
            (self._reopen, not is_open and not found["mergedInto"]),
        ):  # fmt: skip
            if made is not None:
                made.set_visibility(there)
        for made, verdict in ((self._real, "real"), (self._noise, "noise")):
            if made is not None:
                made.props["aria-pressed"] = "true" if said == verdict else "false"
        self._alerts.show([_alert(one) for one in found["alerts"]])
        self._signals.show([_signal(one) for one in reversed(found["latestSignals"])])
        self._acts.show([_act(one, self._id) for one in found["acts"]])

    def _say(self, words: str, verdict: str) -> ui.html:
        async def act() -> None:
            await self._visit.api.post(f"{self._path}/feedback", {"verdict": verdict})
            await self._visit.look()

        return button(words, act, hint="Triage learns from it; it closes nothing.")

    async def _join(self) -> None:
        """It is the same problem as another: that one goes on."""
        others: list[tuple[str, str]] = []
        for status in sorted(_OPEN):
            page = await self._visit.api.get("/api/v1/tickets", status=status, limit=_CHOICES)
            others += [(one["ticketId"], _named(one)) for one in page["tickets"]]
        others = [choice for choice in others if choice[0] != self._id]
        if not others:
            await sure("There is no other open ticket.", "Two open tickets can be merged.", "Close", kind="primary")
            return
        into: dict[str, str] = {}

        async def send(given: Given) -> None:
            into.update(await self._visit.api.post(f"{self._path}/merge", {"into": given["into"]}))

        words = (
            "Its alerts and signals move along, and what comes of them from now on. This ticket is closed for good: "
            "a merge is not taken back. Its run is cancelled if it only waits."
        )
        entry = Entry(name="into", label="The ticket that goes on", kind="choice", choices=others)
        if await fill_in("Merge this ticket", (entry,), "Merge for good", send, words=words):
            self._visit.client.open(f"/tickets/{segment(into['ticketId'])}")

    def _do(self, words: str, name: str, meaning: str) -> ui.html:
        async def act() -> None:
            if await sure(f"{words}?", meaning, words, kind="primary"):
                await self._visit.api.post(f"{self._path}/{name}")
                await self._visit.look()

        return button(words, act)


def _head(found: dict[str, Any]) -> Markup:
    said = found["feedback"]
    feedback = Markup("{} by {} {}").format(said["verdict"], text(said["by"]), when(said["at"])) if said else ""
    labels = Markup(" ").join(Markup("<code>{}={}</code>").format(text(k), text(v)) for k, v in found["labels"].items())
    merged = (
        Markup('<a href="/tickets/{}">open the ticket that goes on</a>').format(segment(found["mergedInto"]))
        if found["mergedInto"]
        else ""
    )
    run = Markup('<a href="/runs/{}">open the run</a>').format(segment(found["runId"])) if found["runId"] else ""
    return Markup('<div class="split"><h2>{}</h2><span>{} {}</span></div><p>{}</p>{}').format(
        text(found["title"]),
        badge(found["priority"]),
        badge(found["status"]),
        text(found["description"]),
        pairs(
            {
                "Merged": merged,
                "Run": run,
                "Firing": "yes" if found["firing"] else "no",
                "Why": found["reason"],
                "Environment": found["environment"],
                "Service": found["service"],
                "From": found["source"],
                "Taken by": found["takenBy"],
                "Silenced": found["silenced"],
                "A person said": feedback,
                "Labels": labels,
                "Opened": when(found["createdAt"]),
                "Closed": when(found["closedAt"]) if found["closedAt"] else "",
            }
        ),
    )


def _named(one: dict[str, Any]) -> str:
    """As a choice in a list: which one it is, also to whoever has three of the same name before them."""
    where = " · ".join(part for part in (one["service"], one["environment"]) if part)
    return visible(f"{one['title'][:80]} ({where or one['ticketId'][:8]}), since {one['createdAt'][11:16]} UTC")


def _not_yet() -> Markup:
    return Markup("<h2>Triage</h2><p class='quiet'>Nothing is concluded yet.</p>")


def _alert(one: dict[str, Any]) -> Row:
    under = " · ".join(part for part in (one["environment"], one["service"], f"{one['signals']} signals") if part)
    state = badge("open" if one["firing"] else "resolved")
    markup = line(text(one["title"] or one["name"]), text(under), state, at=when(one["lastAt"]))
    return Row(key=one["fingerprint"], markup=markup)


def _signal(one: dict[str, Any]) -> Row:
    title, words = text(one["title"] or one["name"]), text(one["description"][:300])
    markup = line(title, words, text(one["status"]), at=when(one["receivedAt"]))
    return Row(key=one["signalId"], markup=markup)


def _act(one: dict[str, Any], ticket_id: str) -> Row:
    about = one["about"]
    title = _ACTS.get(one["what"], one["what"].replace("_", " ").capitalize())
    if about.get("into") == ticket_id:
        title = "Another was merged into this"
    if one["what"] == "feedback":
        title = f"Said that it was {'real' if about['real'] == 'true' else 'noise'}"
    words = about.get("reason") or about.get("note") or ""
    under = text(" · ".join(part for part in (one["by"], words) if part))
    return Row(key=f"{one['at']} {one['what']} {one['by']}", markup=line(text(title), under, at=when(one["at"])))
