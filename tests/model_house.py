"""A house whose reasoner asks the scripted model, and the words by which its script knows each question."""

from __future__ import annotations

from typing import Any

from servers.model import KEY, ScriptedModel

EVALUATE = "Decide which way to go."
PLAN = "Write the plan:"
PROPOSE = "What is the one next move?"
REFLECT = "The step named last has just ended."
REVISE = "What a person or a rule refused stays refused"
SUMMARISE = "for somebody who was just woken up"

MODEL = "openai:scripted"


def asking(model: ScriptedModel, **changes: object) -> dict[str, object]:
    """The settings that ask it."""
    return {
        "model": MODEL,
        "model_base_url": model.url,
        "openai_api_key": KEY,
        "model_timeout_seconds": 20.0,
        "model_tries": 1,
    } | changes


def evaluated(mode: str = "fast", **more: object) -> dict[str, Any]:
    return {"mode": mode, "reason": "several looks are needed"} | more


def look(command: str, **more: object) -> dict[str, Any]:
    return {"name": "look", "command": command, "kind": "look", "why": "to see what it says"} | more


def change(command: str, **more: object) -> dict[str, Any]:
    return {"name": "mend", "command": command, "kind": "change", "why": "that should bring it back"} | more


def step(one: dict[str, Any]) -> dict[str, Any]:
    return {"move": "step", "step": one, "reason": ""}


def done(reason: str = "that is all", *, ok: bool = True) -> dict[str, Any]:
    return {"move": "done", "reason": reason, "ok": ok}


def planned(*steps: dict[str, Any], reason: str = "look, then mend") -> dict[str, Any]:
    return {"reason": reason, "steps": list(steps)}


def reflected(onward: str = "continue", **more: object) -> dict[str, Any]:
    return {"as_expected": onward == "continue", "next": onward, "reason": "as it should be"} | more


def summed(text: str = "It is done.", *advice: str) -> dict[str, Any]:
    return {"text": text, "recommendations": list(advice)}


def obedient(model: ScriptedModel) -> ScriptedModel:
    """What most scripts start from: everything goes on, and ends."""
    model.on(REFLECT, say=reflected())
    model.on(SUMMARISE, say=summed())
    model.on(PROPOSE, say=done())
    return model
