"""Who started a run, and everybody who wants to hear it, is told of each question and of the end: once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from house import PERSON, TENANT, House
from opsagent.adapters.slack.address import Address
from opsagent.domain.message import Message, MessageKind, message_of, of_question
from opsagent.domain.notice import Lane, Notice, ReplyTo
from opsagent.domain.run import Run, RunStatus, Source
from opsagent.domain.trigger import Trigger

REPLY = ReplyTo("webhook", "https://chat.example/reply", plans=True)
FIX = "touch {{connection.healthy}}"


@pytest.fixture
async def house(make_house, tmp_path) -> House:
    path = tmp_path / "notifications.yaml"
    path.write_text(
        "addresses: {room: {channel: webhook, address: 'https://room.example/'}}\n"
        "tell: [{to: [room], about: [asked, answered]}]\n"
    )
    made: House = await make_house(fix=FIX, notifications_file=path)
    return made


async def ask(house: House) -> Run:
    trigger = Trigger(
        tenant=TENANT, source=Source.API, text="bring it back", requested_by=PERSON.id, runbook_id="shop-down",
        connection="shop", reply_to=(REPLY,),
    )  # fmt: skip
    return await house.app.agent.submit(trigger)


async def told(house: House, address: str) -> list[tuple[Notice, Message]]:
    """Oldest first."""
    found = (await house.app.stores.notices.list(TENANT)).items
    return [(one, message_of(one.body)) for one in reversed(found) if one.address == address]


async def test_a_question_its_answer_and_the_end_are_told(house: House) -> None:
    run = await house.drive(await ask(house))
    (_, planned), (asked, message) = await told(house, REPLY.address)
    assert planned.kind is MessageKind.PLANNED
    assert "count" in planned.text
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert message.kind is MessageKind.ASKED
    assert message.question is not None
    assert (message.question.id, message.question.digest) == (question.id, question.digest)
    assert message.question.command == question.command
    assert message.question.effects == (f"writes {house.world.healthy}",)
    await house.drive(run)  # looked at again, and nobody is told twice
    assert len(await told(house, REPLY.address)) == 2
    run = await house.approve(run)
    assert run.status is RunStatus.COMPLETED
    _, _, (answered, said), (_, ended) = await told(house, REPLY.address)
    assert (said.kind, answered.follows) == (MessageKind.ANSWERED, asked.id)
    assert said.question is not None
    assert (said.question.status, said.question.decided_by, said.question.notes) == ("granted", PERSON.id, "seen")
    assert (ended.kind, ended.status, ended.verified) == (MessageKind.ENDED, "completed", "yes")
    assert ended.text
    room = [message.kind for _, message in await told(house, "https://room.example/")]
    assert room == [MessageKind.ASKED, MessageKind.ANSWERED]


async def test_a_no_is_told_as_well(house: House) -> None:
    run = await house.approve(await house.drive(await ask(house)), grant=False)
    kinds = [message.kind for _, message in await told(house, REPLY.address)]
    assert kinds == [MessageKind.PLANNED, MessageKind.ASKED, MessageKind.ANSWERED, MessageKind.ENDED]
    assert run.ended


async def test_a_question_that_nobody_need_answer_any_more_is_told_as_withdrawn(house: House) -> None:
    run = await house.drive(await house.alert())
    house.world.healthy.touch()
    run = await house.drive(run)
    messages = [message for _, message in await told(house, "https://room.example/")]
    assert [message.kind for message in messages] == [MessageKind.ASKED, MessageKind.ANSWERED]
    assert messages[1].question is not None
    assert messages[1].question.status == "withdrawn"


async def test_people_of_an_environment_hear_of_its_questions_answers_and_ends(make_house, tmp_path) -> None:
    path = tmp_path / "notifications.yaml"
    path.write_text(
        "addresses: {phone: {channel: webhook, address: 'https://phone.example/'},\n"
        "            lab: {channel: webhook, address: 'https://lab.example/'}}\n"
        "tell: [{to: [phone], environment: [production]}, {to: [lab], environment: [lab]}]\n"
    )
    house: House = await make_house(fix=FIX, notifications_file=path)
    await house.app.stores.connections.put(replace(house.world.connection(), environment="production"), PERSON.id)
    run = await house.approve(await house.drive(await ask(house)))
    assert not run.ticket_id
    messages = [message for _, message in await told(house, "https://phone.example/")]
    assert [one.kind for one in messages] == [MessageKind.ASKED, MessageKind.ANSWERED, MessageKind.ENDED]
    assert {one.environment for one in messages} == {"production"}
    assert await told(house, "https://lab.example/") == []


async def test_a_question_goes_first_and_is_told_until_it_expires(house: House) -> None:
    await house.drive(await ask(house))
    (planned, _), (asked, _) = await told(house, REPLY.address)
    (question,) = await house.app.stores.approvals.pending(TENANT)
    assert (planned.lane, planned.ends_at) == (Lane.ORDINARY, None)
    assert (asked.lane, asked.ends_at) == (Lane.URGENT, question.expires_at)


async def test_one_channel_written_in_two_ways_is_told_once(make_house) -> None:
    house: House = await make_house(fix=FIX, slack_bot_token="xoxb-1", default_slack_channel="C0001")
    where = Address(channel="C0001", url="https://hooks.slack.com/commands/1", at=house.app.clock.now()).to_text()
    trigger = Trigger(
        tenant=TENANT, source=Source.SLACK, text="bring it back", requested_by=PERSON.id, runbook_id="shop-down",
        connection="shop", reply_to=(ReplyTo("slack", where),),
    )  # fmt: skip
    await house.approve(await house.drive(await house.app.agent.submit(trigger)))
    found = (await house.app.stores.notices.list(TENANT)).items
    assert {one.address for one in found} == {where}, "the address of who asked can do more"
    kinds = sorted(message_of(one.body).kind for one in found)
    assert kinds == [MessageKind.ANSWERED, MessageKind.ASKED, MessageKind.ENDED]


async def test_an_answer_is_shown_in_the_place_of_each_reminder_that_can_be_changed(make_house) -> None:
    house: House = await make_house(fix=FIX, slack_bot_token="xoxb-1", public_url="https://ops.example")
    run, notices = await house.drive(await ask(house)), house.app.stores.notices
    (question,) = await house.app.stores.approvals.pending(TENANT)
    body = of_question(MessageKind.REMINDED, run, question, house.app.clock.now()).to_json()
    reminder = Notice(
        id="escalation e1 0 0:slack:1", tenant=TENANT, channel="slack", address="C0002", body=body,
        created_at=house.app.clock.now(), run_id=run.id,
    )  # fmt: skip
    posted = replace(reminder, id="escalation e1 0 0:webhook:1", channel="webhook", address="https://pager.example/")
    other = of_question(MessageKind.REMINDED, run, replace(question, id="another"), house.app.clock.now())
    await notices.add([reminder, posted, replace(reminder, id="escalation e2 0 0:slack:1", body=other.to_json())])
    await house.approve(run)
    (changed,) = [one for one in (await notices.list(TENANT)).items if one.follows.startswith("escalation")]
    said = message_of(changed.body)
    assert (changed.follows, changed.channel, changed.address) == (reminder.id, "slack", "C0002")
    assert (said.kind, said.link) == (MessageKind.ANSWERED, f"https://ops.example/runs/{run.id}")
    assert said.question is not None
    assert (said.question.status, said.question.decided_by) == ("granted", PERSON.id)
