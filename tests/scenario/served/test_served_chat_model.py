"""The chat with a scripted model: its kinds, a role that is too small, and garbage, over the served app."""

from __future__ import annotations

import json
from pathlib import Path

from model_house import asking
from served import serve
from servers.model import scripted_model

CHAT = "/api/v1/conversations"
PROMPT = "A person writes to you in a chat"


def test_a_model_answers_and_never_lifts_a_role(tmp_path: Path) -> None:
    with scripted_model() as model, serve(tmp_path / "data", **asking(model)) as served:
        model.on(PROMPT, say={"kind": "answer", "text": "All is quiet."})
        model.on(PROMPT, "garbage please", say="no JSON at all")
        model.on(PROMPT, "mend the shop", say={"kind": "task", "text": "I will mend it.", "runbook": "no-such"})
        viewer = served.new_caller("viewer")
        talk = viewer.json_of("POST", CHAT, status=201)["conversationId"]
        replies = [
            viewer.json_of("POST", f"{CHAT}/{talk}/messages", {"text": text})["reply"]
            for text in ("how is it", "garbage please", "mend the shop")
        ]
        assert (replies[0]["text"], replies[0]["by"]) == ("All is quiet.", "model openai:scripted")
        assert "no usable answer" in replies[1]["text"]
        assert "role operator" in replies[2]["text"]
        assert viewer.get_json("/api/agent-ops")["runs"] == []
        assert "how is it" in json.dumps(model.of("mend the shop")[0].body), "it is reminded of what was said"
