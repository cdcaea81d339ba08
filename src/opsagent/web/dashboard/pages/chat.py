"""Chat: ask what is known, look, or say what should be done; a task becomes a run that is watched in the talk."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from opsagent.web.dashboard.api import Refused, segment
from opsagent.web.dashboard.shell import shown
from opsagent.web.dashboard.visit import Visit
from opsagent.web.dashboard.widgets.filters import filters, paging
from opsagent.web.dashboard.widgets.press import button, html, sure
from opsagent.web.dashboard.widgets.rows import Row, Rows, line
from opsagent.web.dashboard.widgets.talk import Talk
from opsagent.web.dashboard.widgets.words import text, when
from opsagent.web.dashboard.widgets.write import Field

PATH = "/api/v1/conversations"
MOST_CHARS = 10_000  # of one message; docs/chat.md
_AT_ONCE = 30
_NOTHING_EARLIER = 2**31  # the page reads the lines itself: the stream need only say when
_BEFORE = "opsagent.first"  # a message that begins a conversation, kept in the tab until its page is there
_EMPTY = Markup("<strong>No conversation yet.</strong>Write below: it begins one.")
_BEGIN = Markup(
    "<strong>Ask, look, or say what should be done.</strong>“What do we know about the shop”, the name of an alert, "
    "or a runbook by its id. Your words decide nothing: what changes something is asked about, as always."
)
_WHOSE = (("", "Mine"), ("everybody", "Everybody"))


async def chat(request: Request, client: Client, whose: str = "", cursor: str = "") -> Response | None:
    """The conversations, and where a new one begins."""

    async def build(visit: Visit) -> None:
        with ui.element("div").classes("chat"):
            await _talks(visit, "", whose, cursor)
            with ui.element("section").classes("talk").props('aria-label="New conversation"'):
                html(_BEGIN, classes="empty")

                async def begin(words: str) -> None:
                    made = await visit.api.post(PATH)
                    ui.run_javascript(
                        f"sessionStorage.setItem({json.dumps(_BEFORE)}, {json.dumps(words)}); "
                        f"location.assign({json.dumps(_page(made))})"
                    )

                _Composer(begin)

    return await shown(request, client, "Chat", build, place="/chat")


async def talk(request: Request, client: Client, conversation_id: str) -> Response | None:
    """One conversation."""
    path = f"{PATH}/{segment(conversation_id)}"

    async def build(visit: Visit) -> None:
        found = (await visit.api.get(path, limit=1))["conversation"]
        with ui.element("div").classes("chat one"):
            await _talks(visit, conversation_id, "", "")
            with ui.element("section").classes("talk").props('aria-label="Conversation"'):
                await _conversation(visit, path, found)

    return await shown(request, client, "Chat", build, place="/chat", stream=f"{path}?after={_NOTHING_EARLIER}")


async def _conversation(visit: Visit, path: str, found: dict[str, Any]) -> None:
    mine = found["owner"] == visit.who
    with ui.element("div").classes("split"):
        html(text(found["title"] or "New conversation"), tag="h2")
        with ui.element("div").classes("row"):
            html("All conversations", tag="a", classes="button small back").props('href="/chat"')

            async def remove() -> None:
                if await sure(
                    "Remove this conversation?", "Its lines are deleted; its runs stay, and go on.", "Remove"
                ):
                    await visit.api.delete(path)
                    ui.navigate.to("/chat")

            button("Remove", remove, kind="small")
    spoken = Talk(visit, path, mine=mine)
    await spoken.begin(found["lines"])
    visit.fresh.append(spoken.refresh)
    if mine:
        composer = _Composer(spoken.say)
        if not found["lines"]:
            ui.timer(0, composer.begun, once=True)
    else:
        html(Markup("This conversation is of {}: you may read it.").format(text(found["owner"])), classes="quiet")


class _Composer:
    """Where a message is written; Enter sends it, and what was refused stays written."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._busy = False
        self._trouble = html("", classes="trouble").props('role="alert"')
        self._trouble.set_visibility(False)
        self._thinking = html(
            Markup('<span class="dots" aria-hidden="true"></span> It reads what is known …'), classes="quiet thinking"
        ).props('role="status"')
        self._thinking.set_visibility(False)
        with ui.element("div").classes("composer"):
            self._words = Field(
                "Message", rows=2, most=MOST_CHARS, hint="Ask, or say what should be done", keep="message"
            )
            self._words.on_enter(self._sent)
            button("Send", self._sent, kind="primary")

    async def begun(self) -> None:
        """Say what was written on the page before this one, once."""
        key = json.dumps(_BEFORE)
        kept = await ui.run_javascript(
            f"const kept = sessionStorage.getItem({key}); sessionStorage.removeItem({key}); return kept"
        )
        if kept:
            self._words.text = str(kept)
            await self._sent()

    async def _sent(self) -> None:
        words = self._words.text
        if self._busy or not words.strip():
            return
        self._busy = True
        self._trouble.set_visibility(False)
        self._thinking.set_visibility(True)
        self._words.take()
        try:
            await self._send(words)
        except Refused as refused:
            self._words.put(words)
            self._trouble.set_content(
                str(Markup("<p>{}</p><p>{}</p>").format(text(refused.message), text(refused.fix)))
            )
            self._trouble.set_visibility(True)
        finally:
            self._busy = False
            self._thinking.set_visibility(False)


async def _talks(visit: Visit, here: str, whose: str, cursor: str) -> None:
    everybody = "true" if whose == "everybody" and "administer" in visit.may else ""
    with ui.element("aside").classes("talks").props('aria-label="Conversations"'):
        html("New conversation", tag="a", classes="button wide").props('href="/chat"')
        if "administer" in visit.may and not here:
            filters("/chat", "Whose", _WHOSE, "whose", whose, {})
        rows = Rows("Conversations", _EMPTY)
        more = html("")

        async def refresh() -> None:
            page = await visit.api.get(PATH, everybody=everybody, limit=_AT_ONCE, cursor=cursor)
            rows.show([_row(one, here, everybody) for one in page["conversations"]])
            more.set_content(str(paging("/chat", page["nextCursor"], cursor, {"whose": whose})))

        await refresh()
        if not cursor:
            visit.fresh.append(refresh)


def _row(one: dict[str, Any], here: str, everybody: str) -> Row:
    title = text(one["title"] or "New conversation")
    if one["conversationId"] == here:
        title = Markup('<span class="here">{}</span>').format(title)
    under = Markup("{}{} lines").format(text(f"{one['owner']} · " if everybody else ""), one["lines"])
    return Row(
        key=one["conversationId"],
        markup=line(title, under, at=when(one["updatedAt"])),
        href=_page(one),
    )


def _page(one: dict[str, Any]) -> str:
    return f"/chat/{segment(one['conversationId'])}"
