"""Which addresses are the pages', and what holds where NiceGUI is missing."""

from __future__ import annotations

import importlib.util

import pytest
from starlette.testclient import TestClient

from opsagent.web.app import bare_app
from opsagent.web.dashboard.mount import with_pages


def test_without_the_extra_the_address_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    app = with_pages(bare_app("1"))
    app.state.streams = None
    client = TestClient(app)
    answer = client.get("/")
    assert "pip install 'opsagent[ui]'" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert client.get("/runs").json()["code"] == "no-route"
    assert client.post("/").status_code == 404
