"""The chat page itself: what it shows and what its buttons send. The only file that knows Gradio.

Gradio's telemetry is off, its fonts are the system's, and nothing is loaded from elsewhere; the content security policy
of all pages (`web/headers.py`) holds for it as well. Texts are shown as texts: a model's Markdown could show pictures.
"""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI

from opsagent.web.dashboard.api import APP_IN_SCOPE, Api, Refused, segment

CONVERSATIONS = "/api/v1/conversations"
NEW = ""
_LOOK_EVERY_S = 2.0
_ENDED = frozenset({"completed", "failed", "cancelled"})
_HELP = (
    "Questions are answered; a task becomes a run. Words decide nothing here: a run's question is answered on the page "
    "Approvals."
)
# Every change carries the session's token, like those of the other pages: the check is the same for all of them.
_HEAD = """<script>
(() => {
  const plain = window.fetch.bind(window);
  let token;
  window.fetch = async (input, init) => {
    const method = ((init && init.method) || (input && input.method) || "GET").toUpperCase();
    if (method === "GET" || method === "HEAD") return plain(input, init);
    token ??= plain("/api/v1/session").then(answer => answer.json()).then(session => session.csrfToken);
    const headers = new Headers((init && init.headers) || (input && input.headers) || {});
    headers.set("X-CSRF-Token", await token);
    return plain(input, {...init, headers});
  };
})();
</script>"""
Shown = tuple[Any, ...]


def page(path: str, public_url: str) -> FastAPI:
    """An app with the page at `path`; `public_url` is where people reach this server, if that is known."""
    system = ["system-ui", "sans-serif"]
    front = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    gr.mount_gradio_app(
        front,
        _room(),
        path,
        root_path=f"{public_url.rstrip('/')}{path}" if public_url else None,
        theme=gr.themes.Base(font=system, font_mono=["ui-monospace", "monospace"]),
        head=_HEAD,
        footer_links=[],
        run_history=False,
        show_error=True,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
    )
    return front


def _room() -> gr.Blocks:
    room: gr.Blocks
    with gr.Blocks(title="OpsAgent: chat", analytics_enabled=False) as room:
        gr.HTML(f'<h1>Chat</h1><p>{_HELP} <a href="/approvals">Approvals</a> <a href="/">Home</a></p>')
        which = gr.Dropdown([("New conversation", NEW)], value=NEW, label="Conversation")
        lines = gr.Chatbot(
            label="Lines", render_markdown=False, allow_tags=False, feedback_options=None, buttons=[], height="60vh"
        )
        text = gr.Textbox(label="Message", placeholder="Ask, or say what should be done", max_length=10_000)
        send = gr.Button("Send", variant="primary")
        with gr.Group(visible=False) as offered:
            offer = gr.Number(visible=False, precision=0)
            target = gr.Textbox(label="Connection", max_length=200)
            with gr.Row():
                start, look = gr.Button("Start the runbook"), gr.Button("Only its looks")
        clock = gr.Timer(_LOOK_EVERY_S, active=False)
        shown = [which, lines, offered, offer, clock]
        quiet: dict[str, Any] = {"outputs": shown, "show_progress": "hidden", "api_visibility": "private"}
        room.load(_opened, None, **quiet)
        which.input(_again, [which], **quiet)
        clock.tick(_again, [which], **quiet)
        for said in (text.submit, send.click):
            said(_say, [which, text], **quiet).then(lambda: "", None, [text], api_visibility="private")
        start.click(_start, [which, offer, target], **quiet)
        look.click(_only_look, [which, offer, target], **quiet)
    return room


async def _opened(request: gr.Request) -> Shown:
    async with _asking(request) as api:
        return await _shown(api, NEW)


async def _again(which: str, request: gr.Request) -> Shown:
    async with _asking(request) as api:
        return await _shown(api, which)


async def _say(which: str, text: str, request: gr.Request) -> Shown:
    async with _asking(request) as api:
        if not text.strip():
            return await _shown(api, which)
        which = which or (await api.post(CONVERSATIONS))["conversationId"]
        await api.post(f"{CONVERSATIONS}/{segment(which)}/messages", {"text": text})
        return await _shown(api, which)


async def _start(which: str, line: float, connection: str, request: gr.Request) -> Shown:
    return await _begun(which, line, connection, request, only_looks=False)


async def _only_look(which: str, line: float, connection: str, request: gr.Request) -> Shown:
    return await _begun(which, line, connection, request, only_looks=True)


async def _begun(which: str, line: float, connection: str, request: gr.Request, *, only_looks: bool) -> Shown:
    async with _asking(request) as api:
        body = {"line": int(line), "connection": connection.strip(), "onlyLooks": only_looks}
        await api.post(f"{CONVERSATIONS}/{segment(which)}/start", body)
        return await _shown(api, which)


async def _shown(api: Api, which: str) -> Shown:
    """All the page shows of one conversation, as it is now; an offer stays until something newer is said."""
    found = (await api.get(CONVERSATIONS, limit=50))["conversations"]
    known = [(one["title"] or one["updatedAt"], one["conversationId"]) for one in found]
    told = (await api.get(f"{CONVERSATIONS}/{segment(which)}"))["lines"] if which else []
    last = told[-1] if told else {}
    offer = last.get("number", 0) if last.get("kind") == "offer" else 0
    runs = [line["run"] for line in told if line["run"]]
    return (
        gr.update(choices=[("New conversation", NEW), *known], value=which),
        [_message(line) for line in told],
        gr.update(visible=bool(offer)),
        offer,
        gr.update(active=any(run["status"] not in _ENDED for run in runs)),
    )


def _message(line: dict[str, Any]) -> dict[str, str]:
    # Gradio takes a text for HTML even where it was told not to render Markdown; a picture in it would be asked for.
    words = html.escape("\n".join(_words(line)))
    return {"role": "user" if line["kind"] == "message" else "assistant", "content": words}


def _words(line: dict[str, Any]) -> list[str]:
    run = line["run"]
    if not run:
        return [line["text"]]
    waits = [f"It asks: {one['command']} on {one['target']} (digest {one['digest'][:12]})" for one in run["waiting"]]
    waits += ["Answer it on the page Approvals."] if waits else []
    ended = [words for words in (run["result"], run["error"]) if words]
    return [line["text"], f"The run is {run['status'].replace('_', ' ')}.", *waits, *ended]


@asynccontextmanager
async def _asking(request: gr.Request) -> AsyncIterator[Api]:
    """The API as the visitor, with the visitor's rights; what it refuses is told in its words."""
    asked = request.request
    if asked is None:
        raise gr.Error("This was not sent by a page.")
    api = Api(asked.scope[APP_IN_SCOPE], asked)
    try:
        api.prove(str((await api.get("/api/v1/session"))["csrfToken"]))
        yield api
    except Refused as refused:
        raise gr.Error(f"{refused.message} {refused.fix}", print_exception=False) from refused
    finally:
        await api.close()
