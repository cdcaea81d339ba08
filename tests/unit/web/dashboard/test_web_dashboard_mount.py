"""Which addresses are the pages', and what holds where NiceGUI is missing."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message

from opsagent.web.app import bare_app
from opsagent.web.dashboard.mount import Pages, with_pages


def test_without_the_extra_the_address_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    app = with_pages(bare_app("1"))
    app.state.streams = None
    client = TestClient(app)
    answer = client.get("/")
    assert "pip install 'opsagent[ui]'" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    invited = client.get("/invitation")
    assert "its page is not installed here" in invited.text
    assert "/api/v1/session/invitation" in invited.text
    assert client.get("/runs").json()["code"] == "no-route"
    assert client.post("/").status_code == 404


@pytest.mark.parametrize("heard", ["http.disconnect", "http.request"])
async def test_a_browser_that_left_is_no_incident_and_one_that_waits_is(heard: str) -> None:
    async def front(*_: object) -> None:
        raise RuntimeError("No response returned.")

    async def receive() -> Message:
        if heard == "http.request":
            await asyncio.Event().wait()
        return {"type": heard}

    async def nothing(*_: object) -> None:
        raise AssertionError

    pages = Pages(bare_app("1"), front, [Route("/", nothing)], nothing)
    scope = {"type": "http", "path": "/", "method": "GET", "headers": []}
    if heard == "http.disconnect":
        await pages(scope, receive, nothing)
    else:
        with pytest.raises(RuntimeError, match="No response"):
            await pages(scope, receive, nothing)
