"""The chat page's door, without Gradio: who is let in, and what is said where it is missing."""

from __future__ import annotations

import importlib.util

import httpx

from opsagent.web.talk.mount import with_talk


async def test_without_the_extra_the_address_says_how_to_get_it(web, monkeypatch) -> None:
    with_talk(web.app)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    answer = await web.client("viewer").get("/talk/")
    assert answer.status_code == 503
    assert "opsagent[gradio]" in answer.json()["fix"]


async def test_only_what_the_page_needs_is_reached_and_only_by_readers(web) -> None:
    with_talk(web.app)
    assert (await web.client("intake").get("/talk/")).status_code == 403
    assert (await web.client("viewer").get("/talk/gradio_api/file=/etc/passwd")).status_code == 404
    refused = await web.client("viewer").post("/talk/gradio_api/queue/join", content=b"[]")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-input")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web.app), base_url="http://t") as nobody:
        led = await nobody.get("/talk/")
        assert (led.status_code, led.headers["location"]) == (303, "/login?next=/talk/")
        assert (await nobody.get("/talk/config")).status_code == 401
