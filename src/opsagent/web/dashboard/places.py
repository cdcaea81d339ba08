"""Every page with its address, given to NiceGUI; the only file that knows how NiceGUI is set up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from nicegui import Client, ui
from nicegui import app as nicegui_app
from starlette.routing import BaseRoute

from opsagent.web.dashboard.pages import (
    approvals,
    channels,
    chat,
    connections,
    coverage,
    drafts,
    editor,
    home,
    keys,
    people,
    quiet,
    run,
    runbook,
    runbooks,
    runs,
    settings,
    ticket,
    tickets,
)

RECONNECT_S = 30.0  # a phone that was in a pocket for so long goes on where it was
_PAGES: dict[str, Callable[..., Any]] = {
    "/": home.home,
    "/runs": runs.runs,
    "/runs/{run_id}": run.run,
    "/approvals": approvals.approvals,
    "/chat": chat.chat,
    "/chat/{conversation_id}": chat.talk,
    "/tickets": tickets.tickets,
    "/tickets/{ticket_id}": ticket.ticket,
    "/runbooks": runbooks.runbooks,
    "/runbooks/{runbook_id}": runbook.runbook,
    "/editor": editor.editor,
    "/drafts": drafts.drafts,
    "/drafts/{run_id}": drafts.draft,
    "/coverage": coverage.coverage,
    "/connections": connections.connections,
    "/settings": settings.settings,
    "/settings/people": people.people,
    "/settings/keys": keys.keys,
    "/settings/channels": channels.channels,
    "/settings/quiet": quiet.quiet,
}


def pages(before: list[BaseRoute]) -> tuple[FastAPI, list[BaseRoute]]:
    """An app of the pages, and the routes it answers. RuntimeError when this process has one already."""
    if nicegui_app.config.has_run_config:
        raise RuntimeError("the pages are served by another app of this process")
    for path, build in _PAGES.items():
        ui.page(path)(build)
    # A browser's socket can be checked for its origin; the long poll that would replace it cannot.
    nicegui_app.config.socket_io_js_transports = ["websocket"]
    nicegui_app.colors(primary="#0b6bcb", negative="#b3261e", positive="#1f7a3d")
    front = FastAPI(openapi_url=None, routes=before)
    ui.run_with(
        front,
        title="OpsAgent",
        favicon=Path(__file__).with_name("assets").joinpath("icon.svg").read_text(encoding="utf-8"),
        dark=None,
        language="en-US",
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_S,
        tailwind=False,
        show_welcome_message=False,
    )
    return front, list(nicegui_app.routes)


def leave() -> None:
    """The server goes down: nobody is sent anything more.

    NiceGUI ends its senders by cancelling them. Python 3.11 loses a cancellation that comes in the same moment as what
    `asyncio.wait_for` waits for; one such sender holds the end up for two seconds and is complained of, unless it has
    been told before.
    """
    for client in list(Client.instances.values()):
        client.outbox.stop()
