"""The channels against a server that behaves like Slack: where each message goes, and what each failure means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from opsagent.adapters.clock import SystemClock
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from opsagent.adapters.slack.address import Address, address_of
from opsagent.adapters.slack.api import SlackApi
from opsagent.adapters.slack.channel import SlackChannel, SlackWebhookChannel
from opsagent.adapters.slack.config import SlackConfig
from opsagent.domain.message import Message, MessageKind, Question
from opsagent.domain.notice import Notice, NoticeStatus
from servers.slack import SECRET, TOKEN, FakeSlack, Fault, buttons, fake_slack, parsed, words

INJECTION = "<!channel> <@U1> <https://evil.example|safe> *b* `c` ```x``` <script> & \u202e"
CLOCK = SystemClock()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as running:
        yield running


def api(slack: FakeSlack, *, token: str = TOKEN) -> tuple[SlackConfig, SlackApi]:
    config = SlackConfig(signing_secret=SECRET, bot_token=token, api_url=f"{slack.url}/api")
    client = OutboundClient(OutboundConfig(allow_private=True), CLOCK)
    return config, SlackApi(config, client, CLOCK)


def channel(slack: FakeSlack, *, token: str = TOKEN) -> SlackChannel:
    return SlackChannel(*api(slack, token=token), CLOCK)


def question(**changes: object) -> Question:
    made: dict[str, object] = {
        "id": "approval-1", "digest": "a" * 64, "status": "pending", "target": "shop",
        "command": "systemctl restart shop", "undo": "systemctl stop shop",
        "reason": "it changes something", "expires_at": CLOCK.now() + 3600, "why": "it is down",
        "effects": ("starts or stops shop.service",),
    }  # fmt: skip
    return Question(**(made | changes))  # type: ignore[arg-type]


def message(kind: MessageKind = MessageKind.ASKED, **changes: object) -> Message:
    made: dict[str, object] = {
        "kind": kind, "tenant": "t", "run_id": "run-1", "at": CLOCK.now(), "title": "The shop is down",
        "status": "awaiting_approval", "link": "https://ops.example/runs/run-1",
        "question": None if kind is MessageKind.ENDED else question(),
    }  # fmt: skip
    return Message(**(made | changes))  # type: ignore[arg-type]


def answered() -> Message:
    return message(MessageKind.ANSWERED, question=question(status="granted", decided_by="person:ada"))


def ended(**changes: object) -> Message:
    given: dict[str, object] = {"status": "completed", "text": "all is well", "verified": "yes"}
    return message(MessageKind.ENDED, **(given | changes))


def notice(said: Message, where: Address | str, **changes: object) -> Notice:
    address = where if isinstance(where, str) else where.to_text()
    made = Notice(
        id=f"run-1:{said.kind}", tenant="t", channel="slack", address=address, body=said.to_json(),
        created_at=CLOCK.now(), run_id="run-1",
    )  # fmt: skip
    return replace(made, **changes)


def both(slack: FakeSlack) -> Address:
    return Address(channel="C0001", url=slack.reply_url(), at=CLOCK.now())


async def test_a_question_is_posted_with_buttons_and_changed_by_its_answer(slack: FakeSlack) -> None:
    where = both(slack)
    asked = await channel(slack).send(notice(message(), where))
    assert asked.delivered
    (posted,) = slack.messages()
    assert asked.receipt == f"C0001:{posted['ts']}"
    assert [one["action_id"] for one in buttons(posted)] == [
        "opsagent.approve", "opsagent.refuse", "opsagent.show", "opsagent.open",
    ]  # fmt: skip
    for seen in ("systemctl restart shop", "starts or stops shop.service", "systemctl stop shop", "it is down"):
        assert seen in words(posted)
    after = await channel(slack).send(notice(answered(), where), earlier=asked.receipt)
    assert (after.delivered, after.receipt) == (True, asked.receipt)
    (changed,) = slack.messages()
    assert changed["edited"] and "person:ada" in words(changed) and "Approved" in words(changed)
    assert [one["action_id"] for one in buttons(changed)] == ["opsagent.open"]


async def test_an_end_goes_to_the_reply_address_first(slack: FakeSlack) -> None:
    assert (await channel(slack).send(notice(ended(), both(slack)))).delivered
    assert slack.calls == ["/commands/T0001/1"]
    (said,) = slack.messages()
    assert said["text"] == "✅ Complete\nall is well"
    failed = ended(status="failed", text="the target is gone", verified="")
    assert (await channel(slack).send(notice(failed, both(slack)))).delivered
    assert slack.messages()[-1]["text"] == "❌ Agent Ops failed: the target is gone"


@pytest.mark.parametrize("end", ["old", "expired", "used"])
async def test_past_its_end_the_channel_is_told(slack: FakeSlack, end: str) -> None:
    where = both(slack)
    if end == "old":
        where = replace(where, at=where.at - 1800)
    elif end == "expired":
        slack.replies["/commands/T0001/1"].expired = True
    else:
        slack.replies["/commands/T0001/1"].uses = 5
    delivery = await channel(slack).send(notice(ended(), where))
    assert delivery.delivered and delivery.receipt
    assert slack.calls[-1] == "/api/chat.postMessage"
    assert len(slack.messages()) == 1


async def test_past_its_end_without_a_token_it_is_given_up_in_words(slack: FakeSlack) -> None:
    where = both(slack)
    slack.replies["/commands/T0001/1"].uses = 5
    delivery = await channel(slack, token="").send(notice(ended(), where))
    assert (delivery.delivered, delivery.permanent) == (False, True)
    assert "used_url" in delivery.error and "SLACK_BOT_TOKEN" in delivery.error


async def test_without_a_token_everything_goes_to_the_reply_address(slack: FakeSlack) -> None:
    where = both(slack)
    for one in (message(), answered(), ended()):
        assert (await channel(slack, token="").send(notice(one, where))).delivered
    assert [buttons(one)[0]["action_id"] for one in slack.messages()] == [
        "opsagent.approve", "opsagent.open", "opsagent.open",
    ]  # fmt: skip
    assert "opsagent.show" not in str(slack.messages())


async def test_a_channel_the_app_is_not_in_is_answered_by_the_reply_address(slack: FakeSlack) -> None:
    where = replace(both(slack), channel="C0009")
    assert (await channel(slack).send(notice(message(), where))).delivered
    assert slack.calls == ["/api/chat.postMessage", "/commands/T0001/1"]


async def test_a_plain_channel_is_an_address_too(slack: FakeSlack) -> None:
    assert (await channel(slack).send(notice(ended(), "C0001"))).delivered
    gone = await channel(slack).send(notice(ended(), "C0009"))
    assert gone.permanent and "channel_not_found" in gone.error


async def test_a_wrong_token_is_final_and_said_without_the_token(slack: FakeSlack) -> None:
    delivery = await channel(slack, token="xoxb-wrong-token").send(notice(ended(), "C0001"))
    assert delivery.permanent and "invalid_auth" in delivery.error
    assert "xoxb" not in delivery.error


async def test_a_pause_slack_asks_for_is_kept(slack: FakeSlack) -> None:
    slack.faults = [Fault(status=429, retry_after="30")]
    delivery = await channel(slack).send(notice(message(), "C0001"))
    assert (delivery.delivered, delivery.permanent, delivery.retry_after_s) == (False, False, 30.0)
    assert not delivery.uncertain
    assert not slack.messages()


@pytest.mark.parametrize("fault", [Fault(status=500, stored=True), Fault(stored=True, drop=True)])
async def test_what_may_have_arrived_is_looked_up_and_not_said_twice(slack: FakeSlack, fault: Fault) -> None:
    slack.faults = [fault]
    first = await channel(slack).send(notice(message(), "C0001"))
    assert (first.delivered, first.permanent, first.uncertain) == (False, False, True)
    again = await channel(slack).send(notice(message(), "C0001", possible_repeat=True))
    (there,) = slack.messages()
    assert (again.delivered, again.receipt, again.once) == (True, f"C0001:{there['ts']}", True)


async def test_the_ways_to_write_one_channel_are_one_destination(slack: FakeSlack) -> None:
    there = channel(slack).destination
    answer = Address(channel="C0001", url="https://hooks.slack.com/commands/1", at=5.0)
    assert there(answer.to_text()) == there("C0001") == there(" C0001 ") != there("C0002")
    assert there(replace(answer, thread="1.5").to_text()) != there("C0001"), "in a thread only few see it"
    nowhere = [Address(url=f"https://hooks.slack.com/commands/{n}").to_text() for n in range(2)]
    assert there(nowhere[0]) != there(nowhere[1])
    assert there("{broken") == "{broken"
    hook = SlackWebhookChannel(api(slack)[1], "https://hooks.slack.com/services/1").destination
    assert hook("default") == hook("https://hooks.slack.com/services/1") != hook("https://hooks.slack.com/services/2")


async def test_what_a_person_sends_again_is_sent_though_it_is_there(slack: FakeSlack) -> None:
    first = notice(message(), "C0001")
    sent = await channel(slack).send(first)
    again = replace(first, status=NoticeStatus.DELIVERED, receipt=sent.receipt).again(CLOCK.now())
    delivery = await channel(slack).send(again)
    assert (delivery.delivered, delivery.once) == (True, False)
    assert len(slack.messages()) == 2
    assert "may be a repeat" in words(slack.messages()[1])


async def test_an_end_by_the_reply_address_is_found_again_in_the_channel(slack: FakeSlack) -> None:
    where = both(slack)
    slack.faults = [Fault(status=502, stored=True)]
    assert (await channel(slack).send(notice(ended(), where))).uncertain
    assert (await channel(slack).send(notice(ended(), where, possible_repeat=True))).delivered
    assert len(slack.messages()) == 1


async def test_a_repeat_that_is_not_there_is_sent_and_one_that_cannot_be_looked_up_is_marked(slack: FakeSlack) -> None:
    await channel(slack).send(notice(message(), "C0001", possible_repeat=True))
    assert len(slack.messages()) == 1
    slack.unread.add("C0001")
    await channel(slack).send(notice(message(), "C0001", possible_repeat=True))
    assert "may be a repeat" in words(slack.messages()[1])


async def test_while_slack_asks_for_a_pause_nothing_is_sent_unlooked(slack: FakeSlack) -> None:
    slack.faults = [Fault(status=429, retry_after="5")]
    delivery = await channel(slack).send(notice(message(), "C0001", possible_repeat=True))
    assert (delivery.delivered, delivery.permanent, delivery.retry_after_s) == (False, False, 5.0)
    assert slack.calls == ["/api/conversations.history"]


async def test_an_answer_whose_question_was_deleted_is_said_anew(slack: FakeSlack) -> None:
    delivery = await channel(slack).send(notice(answered(), "C0001"), earlier="C0001:1.0")
    assert delivery.delivered and len(slack.messages()) == 1


async def test_a_long_command_is_cut_and_every_limit_is_kept(slack: FakeSlack) -> None:
    long = question(
        command="x" * 9000, undo="y" * 9000, why="w" * 9000, reason="r" * 9000, target="t" * 900,
        effects=tuple(f"writes /{n}{'z' * 900}" for n in range(200)),
    )  # fmt: skip
    said = message(title="t" * 5000, text="s" * 9000, question=long)
    assert (await channel(slack).send(notice(said, "C0001"))).delivered
    (posted,) = slack.messages()
    assert "7500 more characters" in words(posted)
    assert "and 188 more" in words(posted)


@pytest.mark.parametrize("kind", list(MessageKind))
async def test_an_injection_renders_nothing(slack: FakeSlack, kind: MessageKind) -> None:
    asked = question(
        command=INJECTION, undo=INJECTION, why=INJECTION, reason=INJECTION, target=INJECTION, effects=(INJECTION,),
        decided_by=INJECTION, notes=INJECTION,
    )  # fmt: skip
    said = message(
        kind, title=INJECTION, text=INJECTION, target=INJECTION, environment=INJECTION,
        question=None if kind is MessageKind.ENDED else asked,
    )  # fmt: skip
    assert (await channel(slack).send(notice(said, "C0001"))).delivered
    (posted,) = slack.messages()
    for text in parsed(posted):
        assert "<" not in text and ">" not in text
    assert "<!channel>" in words(posted), "it is shown as it is"
    assert "\u202e" not in str(posted)


async def test_what_is_no_message_or_no_address_is_final(slack: FakeSlack) -> None:
    for made in (notice(message(), "C0001", body="{}"), notice(message(), "{"), notice(message(), " ")):
        delivery = await channel(slack).send(made)
        assert delivery.permanent and not delivery.delivered
    assert not slack.calls


async def test_a_reply_address_elsewhere_is_never_called(slack: FakeSlack) -> None:
    where = Address(channel="C0009", url="http://127.0.0.1:1/commands/x", at=CLOCK.now())
    delivery = await channel(slack).send(notice(ended(), where))
    assert delivery.permanent and "not one of Slack's" in delivery.error


async def test_an_incoming_webhook_is_told_without_buttons(slack: FakeSlack) -> None:
    sender = SlackWebhookChannel(api(slack, token="")[1])
    address = f"{slack.url}/services/T/B/x"
    assert (await sender.send(notice(message(), address))).delivered
    assert (await sender.send(notice(ended(), address, possible_repeat=True))).delivered
    assert [one["action_id"] for one in buttons(slack.webhooks[0])] == ["opsagent.open"]
    assert "may be a repeat" in words(slack.webhooks[1])
    slack.faults = [Fault(status=404)]
    assert (await sender.send(notice(message(), address))).permanent


def test_an_address_comes_back_as_it_was_written() -> None:
    where = Address(channel="C1", thread="1.2", url="https://hooks.slack.com/commands/1", at=5.0)
    assert address_of(where.to_text()) == where
    assert address_of("C0001") == Address(channel="C0001")
    for wrong in ("", "  ", "{", "{}x", '{"a":1}', '{"at":"x"}', '{"channel":7}', "C1\n"):
        with pytest.raises(ValueError):  # noqa: PT011 - which of them, does not matter
            address_of(wrong)
