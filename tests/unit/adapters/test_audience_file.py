"""Who is told what, read from a file that must be understood as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsagent.adapters.audience_file import load_audiences
from opsagent.domain.audience import Audience
from opsagent.domain.message import Message, MessageKind
from opsagent.domain.priority import Priority
from opsagent.errors import PolicyUnloadable

CHANNELS = {"email", "slack"}


def written(folder: Path, text: str) -> Path:
    path = folder / "notifications.yaml"
    path.write_text(text)
    return path


def test_addresses_and_what_they_want(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "addresses:\n  mail: {channel: email, address: ops@example.com}\n  room: {channel: slack, address: C1}\n"
        "tell:\n  - {to: [mail, room], about: [asked, ended], priority: critical high, environment: [prod]}\n"
        "  - {to: [room], tenant: acme}\n",
    )
    both = {
        "kinds": frozenset({MessageKind.ASKED, MessageKind.ENDED}),
        "priorities": frozenset({Priority.CRITICAL, Priority.HIGH}),
        "environments": frozenset({"prod"}),
    }
    assert load_audiences(path, CHANNELS) == (
        Audience(channel="email", address="ops@example.com", name="mail", **both),
        Audience(channel="slack", address="C1", name="room", **both),
        Audience(channel="slack", address="C1", name="room", tenant="acme"),
    )
    assert load_audiences(None, CHANNELS) == ()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("tell:\n  - {to: [nobody]}\n", 2, "nobody has the name 'nobody'"),
        ("addresses:\n  a: {channel: pager, address: x}\n", 2, "'pager' is not set up"),
        ("addresses:\n  a: {channel: email}\n", 2, "there is no address"),
        ("addresses:\n  a: {channel: email, address: x, port: 1}\n", 2, "'port' is not known"),
        ("addresses:\n  a: {channel: email, address: x}\ntell:\n  - {to: [a], about: [reminded]}\n", 4, "'reminded'"),
        ("addresses:\n  a: {channel: email, address: x}\ntell:\n  - {to: [a], priority: [urgent]}\n", 4, "'urgent'"),
        ("people: {}\n", 1, "'people' is not known"),
        ("[]\n", 1, "mapping"),
    ],
)
def test_a_mistake_stops_the_start_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(PolicyUnloadable) as caught:
        load_audiences(written(tmp_path, text), CHANNELS)
    assert f"notifications.yaml:{line}:" in caught.value.message
    assert words in caught.value.message


def test_plans_are_told_only_to_those_who_name_them(tmp_path: Path) -> None:
    told = {"tenant": "acme", "run_id": "r", "at": 0.0, "title": "x"}
    plan, end = Message(kind=MessageKind.PLANNED, **told), Message(kind=MessageKind.ENDED, **told)
    path = written(
        tmp_path,
        "addresses: {a: {channel: email, address: x}}\ntell:\n  - {to: [a]}\n  - {to: [a], about: [planned]}\n",
    )
    all_of_it, named = load_audiences(path, CHANNELS)
    assert [one.wants(plan) for one in (all_of_it, named)] == [False, True]
    assert [one.wants(end) for one in (all_of_it, named)] == [True, False]
