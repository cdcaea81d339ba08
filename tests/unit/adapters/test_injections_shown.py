"""Outside words in any field of what people are told: Slack and Jira make neither markup nor a mention of them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator

import pytest

from injections import INJECTIONS, is_harmless
from opsagent.adapters.jira.comment import comment
from opsagent.adapters.slack.wording import shown, whole_command
from opsagent.domain.approval import Approval
from opsagent.domain.manifest import Manifest, Proof
from opsagent.domain.message import Message, MessageKind, Question
from servers.jira import links_of, words_of, wrong
from servers.slack import parsed, words, wrong_blocks

# These are ours, never outside words: an id, a kind, or what a rule compares.
OURS = {"tenant", "run_id", "id", "digest", "status", "verified", "source", "ticket_id", "link"}


def outside(noun: type, text: str) -> dict[str, object]:
    """A value for each field of a noun that may hold outside words, whatever fields it has."""
    kinds = typing.get_type_hints(noun)
    made: dict[str, object] = {}
    for field in dataclasses.fields(noun):
        if field.name in OURS:
            continue
        if kinds[field.name] is str:
            made[field.name] = text
        elif kinds[field.name] == tuple[str, ...]:
            made[field.name] = (text, text)
    return made


def messages(text: str) -> Iterator[Message]:
    ours = {"id": "a1", "digest": "d" * 64, "expires_at": 1.9e9}
    for status in ("pending", "granted", "refused", "expired", "withdrawn"):
        question = Question(**ours, status=status, **outside(Question, text))  # type: ignore[arg-type]
        for kind in MessageKind:
            for about in (None, question):
                yield Message(
                    kind=kind,
                    tenant="acme",
                    run_id="r1",
                    at=1.8e9,
                    status="failed",
                    link="https://ops.example/runs/r1",
                    question=about,
                    **outside(Message, text),  # type: ignore[arg-type]
                )


def test_the_fields_are_found() -> None:
    assert {"title", "text", "environment", "target"} <= outside(Message, "x").keys()
    assert {"command", "reason", "why", "undo", "effects", "decided_by", "notes"} <= outside(Question, "x").keys()


@pytest.mark.parametrize("text", INJECTIONS)
def test_slack_shows_them_as_words(text: str) -> None:
    for message in messages(text):
        for repeat in (False, True):
            said = shown(message, marker="m1", buttons=True, whole=True, repeat=repeat).payload()
            assert not wrong_blocks(said["blocks"])
            assert not [one for one in parsed(said) if "<" in one or ">" in one]
            assert is_harmless(words(said)), words(said)
            assert is_harmless(str(said["text"]))


@pytest.mark.parametrize("text", INJECTIONS)
def test_the_window_shows_them_as_words(text: str) -> None:
    ours = {
        "id": "a1",
        "tenant": "acme",
        "run_id": "r1",
        "step_id": "s1",
        "step_number": 1,
        "attempt": 1,
        "digest": "d" * 64,
    }
    times = {"requested_at": 1.0, "expires_at": 2.0}
    given = outside(Approval, text) | {
        "manifest": Manifest(proof=Proof.UNKNOWN, writes=(text,), contacts=(text,), deletes=(text,))
    }
    view = whole_command(Approval(**(given | ours | times)))  # type: ignore[arg-type]
    assert not wrong_blocks(view["blocks"], 100)
    assert not [one for one in parsed(view) if "<" in one or ">" in one]
    assert is_harmless(words(view)), words(view)


@pytest.mark.parametrize("text", INJECTIONS)
def test_jira_shows_them_as_words(text: str) -> None:
    for message in messages(text):
        body = comment(message, repeat=True, note=text)
        assert not wrong(body)
        assert links_of(body) == ["https://ops.example/runs/r1"]
        assert is_harmless(words_of(body)), words_of(body)
