"""Mail by Mailtrap's API: what is posted, and what its answers mean."""

from __future__ import annotations

import json

import pytest

from opsagent.adapters.notify.mailbox import Mailbox
from opsagent.adapters.notify.mailtrap import SENDING, MailtrapChannel, MailtrapConfig
from opsagent.adapters.notify.wording import Wording
from opsagent.adapters.outbound import OutboundClient, OutboundConfig
from servers.sink import sink

SENDER = Mailbox("ops@example.org", "OpsAgent")
TOKEN = "a-mailtrap-token"


def channel(clock: object, url: str, *, inbox: str = "") -> MailtrapChannel:
    config = MailtrapConfig(token=TOKEN, sender=SENDER, inbox=inbox, url=url)
    return MailtrapChannel(config, OutboundClient(OutboundConfig(allow_private=True), clock), Wording(), clock)


async def test_a_mail_is_posted_as_mailtrap_takes_it(clock, notice) -> None:
    with sink(lambda: '{"success": true, "message_ids": ["0c7fd939"]}') as there:
        delivery = await channel(clock, f"{there.url}api/send").send(notice(possible_repeat=True))
    assert (delivery.delivered, delivery.receipt) == (True, "0c7fd939")
    (got,) = there.got
    assert (got.method, got.path, got.headers["authorization"]) == ("POST", "/api/send", f"Bearer {TOKEN}")
    sent = json.loads(got.body)
    assert sent["from"] == {"email": "ops@example.org", "name": "OpsAgent"}
    assert sent["to"] == [{"email": "ada@example.org"}]
    assert sent["subject"] == "[possible repeat] [high] Approval needed: The shop is down"
    assert "    systemctl restart shop\n" in sent["text"]
    assert "<pre" in sent["html"]
    assert sent["headers"]["Auto-Submitted"] == "auto-generated"
    assert sent["headers"]["Message-ID"].endswith("@example.org>")
    assert sent["custom_variables"] == {"notice": notice().id}


async def test_a_sandbox_inbox_has_an_address_of_its_own(clock, notice) -> None:
    with sink() as there:
        delivery = await channel(clock, f"{there.url}api/send", inbox="42").send(notice())
    assert (delivery.delivered, there.got[0].path) == (True, "/api/send/42")
    assert MailtrapConfig(token=TOKEN, sender=SENDER).address == SENDING
    assert MailtrapConfig(token=TOKEN, sender=SENDER, inbox="7").address.startswith("https://sandbox.api.mailtrap.io/")


@pytest.mark.parametrize(
    ("status", "permanent", "uncertain", "wait"),
    [(400, True, False, None), (401, False, False, None), (429, False, False, 7.0), (500, False, True, None),
     (0, False, True, None)],
)  # fmt: skip
async def test_what_an_answer_means(
    clock, notice, status: int, permanent: bool, uncertain: bool, wait: float | None
) -> None:
    with sink(lambda: '{"success": false, "errors": ["no", "never"]}') as there:
        there.statuses, there.retry_after = [status], "7"
        delivery = await channel(clock, f"{there.url}api/send").send(notice())
    assert (delivery.delivered, delivery.permanent, delivery.uncertain) == (False, permanent, uncertain)
    assert delivery.retry_after_s == wait
    assert TOKEN not in delivery.error
    assert not status or f"It answered {status}: no; never." == delivery.error


async def test_what_cannot_be_mailed_is_final(clock, notice) -> None:
    there = channel(clock, "http://127.0.0.1:9/api/send")
    for wrong in (notice(address="nobody"), notice(body="[]")):
        delivery = await there.send(wrong)
        assert (delivery.delivered, delivery.permanent) == (False, True)
    assert await there.check("nobody")
    assert await there.check("ada@example.org") == ""
