"""Comments, their change, links and moves, against a server that behaves like Jira."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.jira.channel import JiraChannel
from opsagent.adapters.jira.comment import comment
from opsagent.adapters.jira.config import JiraConfig
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.domain.message import Message, MessageKind, Question
from opsagent.domain.notice import Notice
from servers.jira import (
    API_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    Fault,
    Jira,
    jira,
    links_of,
    words_of,
    wrong,
)

CLOCK = SystemClock()
RUN = "0b1c2d3e-0000-4000-8000-000000000001"
QUESTION = Question(
    id="q-1",
    digest="d" * 64,
    status="pending",
    target="shop",
    command="systemctl restart shop",
    reason="it restarts a service",
    expires_at=1_800_000_000.0,
    why="it does not answer",
    undo="systemctl stop shop",
    persons=2,
    effects=("starts or stops shop.service",),
)
TEXT = st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=60)
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "[~accountid:5b1] @all",
        "{code}x{code}",
        "https://evil.example/",
        "\u202e\x1b[31m\r\n",
    ]
)


@pytest.fixture
def site() -> Iterator[Jira]:
    with jira("OPS-42", "OPS-43") as there:
        yield there


def channel(site: Jira, **changes: object) -> JiraChannel:
    values: dict[str, object] = {"site": site.url, "email": EMAIL, "api_token": API_TOKEN}
    client = OutboundClient(OutboundConfig(allow_private=True, read_timeout_s=2.0, total_timeout_s=2.0), CLOCK)
    return JiraChannel(JiraConfig(**{**values, **changes}), client, CLOCK)


def message(kind: MessageKind, **changes: object) -> Message:
    values: dict[str, object] = {
        "tenant": "acme", "run_id": RUN, "at": CLOCK.now(), "title": "The shop is down", "text": "All is well.",
        "status": "completed", "verified": "yes", "source": "jira", "link": f"https://ops.example/runs/{RUN}",
    }  # fmt: skip
    if kind in (MessageKind.ASKED, MessageKind.ANSWERED):
        values["question"] = QUESTION
    return Message(kind=kind, **{**values, **changes})


def notice(site: Jira, kind: MessageKind, *, address: str = "", told: Message | None = None, **more: object) -> Notice:
    made: dict[str, object] = {
        "id": f"{RUN}:{kind}", "tenant": "acme", "channel": "jira", "address": address or f"{site.url}/browse/OPS-42",
        "body": (told or message(kind)).to_json(), "created_at": CLOCK.now(), "run_id": RUN,
    }  # fmt: skip
    return Notice(**{**made, **more})


async def test_a_question_says_what_would_happen_and_how_it_is_answered(site: Jira) -> None:
    delivery = await channel(site).send(notice(site, MessageKind.ASKED))
    (made,) = site.issues["OPS-42"].comments
    assert (delivery.delivered, delivery.receipt) == (True, made["id"])
    (words,) = site.words("OPS-42")
    for wanted in (
        "On shop it would run:\nsystemctl restart shop", "Why: it does not answer", "starts or stops shop.service",
        "To undo it:\nsystemctl stop shop", "2 different people", "A comment here is not an answer", "2027-01-15 08:00",
        RUN, "d" * 16,
    ):  # fmt: skip
        assert wanted in words
    assert links_of(made["body"]) == [f"https://ops.example/runs/{RUN}"]
    assert {"key": "sd.public.comment", "value": {"internal": True}} in made["properties"], "customers do not see it"
    (link,) = site.issues["OPS-42"].links.values()
    assert (link["globalId"], link["object"]["status"]) == (f"opsagent:run:{RUN}", {"resolved": False})


async def test_the_answer_changes_the_question(site: Jira) -> None:
    there = channel(site)
    asked = await there.send(notice(site, MessageKind.ASKED))
    answered = replace(QUESTION, status="granted", decided_by="person:ada", notes="seen")
    told = message(MessageKind.ANSWERED, question=answered)
    for _ in range(2):  # a repeat changes it to the same
        delivery = await there.send(notice(site, MessageKind.ANSWERED, told=told), earlier=asked.receipt)
        assert (delivery.delivered, delivery.receipt) == (True, asked.receipt)
    (words,) = site.words("OPS-42")
    assert words.startswith("A person said yes.\nBy person:ada")
    assert "Note: seen" in words
    assert "not an answer" not in words
    site.issues["OPS-42"].comments.clear()  # a person deleted it
    delivery = await there.send(notice(site, MessageKind.ANSWERED, told=told), earlier=asked.receipt)
    assert delivery.delivered
    assert delivery.receipt not in ("", asked.receipt)
    assert len(site.words("OPS-42")) == 1


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("again", [{"possible_repeat": True}, {"attempts": 1}])
async def test_a_comment_that_is_there_is_found_by_its_property(
    site: Jira, shown: bool, again: dict[str, object]
) -> None:
    site.shows_properties = shown
    there = channel(site)
    first = await there.send(notice(site, MessageKind.PLANNED))
    for number in range(3):
        await there.send(notice(site, MessageKind.PLANNED, id=f"other-{number}"))
    second = await there.send(notice(site, MessageKind.PLANNED, **again))
    assert (second.delivered, second.receipt, second.once) == (True, first.receipt, True)
    assert len(site.words("OPS-42")) == 4
    third = await there.send(notice(site, MessageKind.PLANNED, possible_repeat=True, resent=True))
    assert (third.delivered, third.once) == (True, False), "a person wants it there once more"
    assert "This may be a repeat" in site.words("OPS-42")[-1]


async def test_it_is_found_on_a_later_page_and_by_a_slow_clock(site: Jira) -> None:
    site.behind = timedelta(minutes=30)
    there = channel(site)
    first = await there.send(notice(site, MessageKind.PLANNED))
    issue = site.issues["OPS-42"]
    issue.comments += [{**issue.comments[0], "id": str(20_000 + n), "properties": []} for n in range(120)]
    again = await there.send(notice(site, MessageKind.PLANNED, possible_repeat=True))
    assert again.receipt == first.receipt


async def test_an_issue_and_its_page_are_one_destination(site: Jira) -> None:
    there = channel(site)
    assert there.destination("OPS-42") == there.destination(notice(site, MessageKind.PLANNED).address) == "OPS-42"


async def test_what_is_older_than_the_notice_is_not_read(site: Jira) -> None:
    site.behind = timedelta(hours=5)
    there = channel(site)
    for number in range(3):
        await there.send(notice(site, MessageKind.PLANNED, id=f"old-{number}"))
    site.asked.clear()
    assert (await there.send(notice(site, MessageKind.PLANNED, possible_repeat=True))).delivered
    assert len([path for method, path in site.asked if method == "GET"]) == 1
    assert "This may be a repeat" in site.words("OPS-42")[-1]


async def test_an_answer_that_is_lost_makes_no_second_comment(site: Jira) -> None:
    there = channel(site)
    site.faults = [Fault(lost=True, method="POST", path="/comment")]
    lost = await there.send(notice(site, MessageKind.ENDED))
    assert (lost.delivered, lost.permanent) == (False, False)
    assert (await there.send(notice(site, MessageKind.ENDED, attempts=1))).delivered
    assert len(site.words("OPS-42")) == 1


@pytest.mark.parametrize(
    ("status", "permanent", "words"),
    [
        (400, True, "not understood"),
        (401, False, "Renew"),
        (403, True, "Add Comments"),
        (404, True, "can see it"),
        (429, False, ""),
        (500, False, ""),
        (503, False, ""),
        (302, True, ""),
    ],
)
async def test_which_answers_are_final(site: Jira, status: int, permanent: bool, words: str) -> None:
    site.faults = [Fault(status=status, headers={"Retry-After": "7"})]
    delivery = await channel(site).send(notice(site, MessageKind.PLANNED))
    assert (delivery.delivered, delivery.permanent) == (False, permanent)
    assert f"Jira answered {status}." in delivery.error
    assert words in delivery.error
    assert delivery.retry_after_s == (None if permanent else 7.0)
    assert API_TOKEN not in delivery.error


async def test_silence_and_a_closed_door_are_tried_again(site: Jira) -> None:

    held = threading.Event()
    there = channel(site)
    for fault in (Fault(closed=True), Fault(until=held)):
        site.faults = [fault]
        delivery = await there.send(notice(site, MessageKind.PLANNED))
        assert (delivery.delivered, delivery.permanent) == (False, False)
        assert delivery.error
    held.set()


async def test_an_issue_that_is_not_there_says_so(site: Jira) -> None:
    delivery = await channel(site).send(notice(site, MessageKind.PLANNED, address="OPS-404"))
    assert (delivery.delivered, delivery.permanent) == (False, True)
    assert "Issue does not exist" in delivery.error


@pytest.mark.parametrize(
    "address",
    ["", "ops-42", "OPS-42/../../myself", "https://evil.example/browse/OPS-42", "OPS-42?x=1", "OPS-0", "browse/OPS-42"],
)
async def test_an_address_that_is_no_issue_of_ours_is_final(site: Jira, address: str) -> None:
    delivery = await channel(site).send(replace(notice(site, MessageKind.PLANNED), address=address))
    assert (delivery.delivered, delivery.permanent) == (False, True)
    assert site.asked == []


MOVES = {"on_verified": "resolve", "on_completed": "Hand over", "on_failed": "Give Up"}


@pytest.mark.parametrize(
    ("status", "verified", "moves"),
    [
        ("completed", "yes", ["Resolve"]),
        ("completed", "not_measurable", ["Hand Over"]),
        ("completed", "", ["Hand Over"]),
        ("completed", "no", ["Give Up"]),
        ("failed", "no", ["Give Up"]),
        ("failed", "", ["Give Up"]),
        ("cancelled", "", []),
    ],
)
async def test_the_issue_is_moved_by_how_the_run_ended(
    site: Jira, status: str, verified: str, moves: list[str]
) -> None:
    told = message(MessageKind.ENDED, status=status, verified=verified)
    assert (await channel(site, **MOVES).send(notice(site, MessageKind.ENDED, told=told))).delivered
    assert site.issues["OPS-42"].moves == moves
    assert "All is well." in site.words("OPS-42")[0]
    assert site.issues["OPS-42"].links[f"opsagent:run:{RUN}"]["object"]["status"] == {"resolved": True}


async def test_nothing_is_moved_that_nobody_set_and_no_issue_that_is_only_told(site: Jira) -> None:
    assert (await channel(site).send(notice(site, MessageKind.ENDED))).delivered
    assert (await channel(site, **MOVES).send(notice(site, MessageKind.ENDED, address="OPS-43"))).delivered
    other = message(MessageKind.ENDED, source="api")
    assert (await channel(site, **MOVES).send(notice(site, MessageKind.ENDED, told=other, id="n-2"))).delivered
    assert [issue.moves for issue in site.issues.values()] == [[], []]


async def test_a_transition_that_is_not_there_is_said_in_the_comment(site: Jira) -> None:
    delivery = await channel(site, on_verified="Close it").send(notice(site, MessageKind.ENDED))
    assert delivery.delivered
    assert "no transition Close it" in site.words("OPS-42")[0]


@pytest.mark.parametrize("fault", [{"status": 503}, {"lost": True}])
async def test_a_move_that_failed_is_tried_again_and_the_comment_is_not(site: Jira, fault: dict[str, Any]) -> None:
    there = channel(site, **MOVES)
    site.faults = [Fault(**fault, method="POST", path="/transitions")]
    assert not (await there.send(notice(site, MessageKind.ENDED))).delivered
    assert (await there.send(notice(site, MessageKind.ENDED, attempts=1))).delivered
    assert site.issues["OPS-42"].moves == ["Resolve"]
    assert len(site.words("OPS-42")) == 1


async def test_a_move_that_is_refused_does_not_hold_up_the_message(site: Jira) -> None:
    site.faults = [Fault(status=400, method="POST", path="/transitions")]
    assert (await channel(site, **MOVES).send(notice(site, MessageKind.ENDED))).delivered
    assert site.issues["OPS-42"].moves == []


async def test_a_project_without_links_is_told_all_the_same(site: Jira) -> None:
    site.links_forbidden = True
    assert (await channel(site).send(notice(site, MessageKind.ENDED))).delivered
    assert site.issues["OPS-42"].links == {}


async def test_an_oauth_client_fetches_a_token_keeps_it_and_renews_a_refused_one(site: Jira) -> None:
    oauth = {"api_token": "", "email": "", "client_id": CLIENT_ID, "token_url": f"{site.url}/oauth/token"}
    there = channel(site, **oauth, client_secret=CLIENT_SECRET)
    for number in range(2):
        assert (await there.send(notice(site, MessageKind.ASKED, id=f"n-{number}"))).delivered
    assert len(site.tokens) == 1
    site.tokens.append("another: the first is revoked")
    assert (await there.send(notice(site, MessageKind.ASKED, id="n-3"))).delivered
    assert len(site.tokens) == 3
    wrong_one = await channel(site, **oauth, client_secret="wrong").send(notice(site, MessageKind.ASKED))
    assert (wrong_one.delivered, wrong_one.permanent) == (False, False)
    assert "jira_oauth_client_id" in wrong_one.error


async def test_a_bearer_token_logs_in(site: Jira) -> None:
    site.tokens.append("a-token-of-a-service-account")
    there = channel(site, api_token="", email="", oauth_token=site.tokens[0])
    assert (await there.send(notice(site, MessageKind.ASKED))).delivered
    refused = await channel(site, api_token="wrong").send(notice(site, MessageKind.ASKED))
    assert (refused.delivered, refused.permanent) == (False, False)


async def test_a_notice_without_a_message_is_final(site: Jira) -> None:
    delivery = await channel(site).send(notice(site, MessageKind.PLANNED, body='{"runId": "x"}'))
    assert (delivery.delivered, delivery.permanent) == (False, True)


@given(
    kind=st.sampled_from(list(MessageKind)),
    texts=st.lists(TEXT | HOSTILE, min_size=9, max_size=9),
    effects=st.lists(TEXT | HOSTILE, max_size=3),
    asked=st.booleans(),
)
def test_whatever_is_in_a_message_a_comment_is_text_and_jira_takes_it(
    kind: MessageKind, texts: list[str], effects: list[str], asked: bool
) -> None:
    title, text, target, command, why, undo, notes, by, status = texts
    question = replace(
        QUESTION, target=target, command=command, why=why, undo=undo, notes=notes, decided_by=by, status=status,
        reason=text, effects=tuple(effects),
    )  # fmt: skip
    told = message(kind, title=title, text=text, status=status, question=question if asked else None)
    body = orjson.loads(orjson.dumps(comment(told, repeat=True, note=why)))
    assert wrong(body) == ""
    assert links_of(body) == [told.link]
    assert "\u202e" not in words_of(body)
    assert "\x1b" not in words_of(body)


def test_all_that_is_long_is_cut_below_what_jira_takes() -> None:
    long = "x" * 100_000
    question = replace(
        QUESTION, command=long, undo=long, why=long, notes=long, decided_by=long, target=long, reason=long,
        effects=(long,) * 500,
    )  # fmt: skip
    for kind in MessageKind:
        body = comment(message(kind, text=long, question=question))
        assert len(words_of(body)) < 32_767
        assert wrong(body) == ""
