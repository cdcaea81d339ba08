"""`opsagent chat` in a terminal without a server: asked, offered, remembered, listed and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def known(opsagent: Any, machine: Path) -> Any:
    assert machine
    return opsagent


def test_one_message_is_answered_with_its_conversation(known: Any) -> None:
    said = known("chat", "xyzzy plugh", "--json")
    assert said.code == 0
    assert said.json["reply"]["kind"] == "answer"
    assert "No model is set up" in said.json["reply"]["text"]
    talk = said.json["conversationId"]
    listed = known("chat", "--list", "--json").json["conversations"]
    assert [one["conversationId"] for one in listed] == [talk]
    assert known("chat", "--forget", talk).code == 0
    assert known("chat", "--list", "--json").json["conversations"] == []
    assert "You have no conversations" in known("chat", "--list").out


def test_a_talk_goes_on_offers_and_starts_nothing_by_words(known: Any) -> None:
    said = known("chat", typed="/start\nmarker-gone\nyes, do it\n/quit\n")
    assert said.code == 0
    assert "Nothing was offered yet" in said.err
    assert "Runbook marker-gone is for this" in said.out
    assert known("runs", "--json").json["runs"] == []
    (one,) = known("chat", "--list", "--json").json["conversations"]
    again = known("chat", "--conversation", one["conversationId"], typed="/quit\n")
    assert "> marker-gone" in again.out


def test_json_takes_one_message(known: Any) -> None:
    said = known("chat", "--json")
    assert (said.code, "--json takes one message" in said.out + said.err) == (2, True)


def test_nothing_spent_is_said_in_words(known: Any) -> None:
    assert known("spending", "--json").json == {"days": []}
    assert "No model was asked in the last 7 days." in known("spending", "--days", "7").out
