"""Apprise: addresses by name, in a thread, and never a word of them anywhere."""

from __future__ import annotations

import json
import logging

import pytest

from opsagent.adapters.notify.apprise_urls import AppriseChannel, AppriseConfig
from opsagent.adapters.notify.wording import Wording
from servers.sink import sink

SECRET = "a-token-in-the-path"
# Apprise's mail plugin looks for it where Python still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def channel(url: str) -> AppriseChannel:
    return AppriseChannel(AppriseConfig(urls={"phone": url}), Wording())


async def test_a_message_arrives_and_nothing_shows_its_address(
    notice, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with sink() as there:
        made = channel(there.url.replace("http://", "json://") + SECRET)
        delivery = await made.send(notice(address="Phone", channel="apprise"))
        assert delivery.delivered, delivery.error
        there.statuses = [500]
        failed = await made.send(notice(address="phone", possible_repeat=True))
    assert (failed.delivered, failed.permanent, failed.uncertain) == (False, False, True)
    said = json.loads(there.got[0].body)
    assert said["title"] == "[high] Approval needed: The shop is down"
    assert "systemctl restart shop" in said["message"]
    assert json.loads(there.got[1].body)["title"].startswith("[possible repeat]")
    shown = [caplog.text, *capfd.readouterr(), failed.error, repr(made._config), made.about, made.shown("phone")]
    assert not [words for words in shown if SECRET in words]
    assert made.about == "Apprise: phone"


async def test_words_from_outside_call_nobody_and_hide_no_address(notice, message) -> None:
    hostile = "@everyone <!channel> <@U1> [the runbook](https://evil.example) ada@ops.example"
    with sink() as there:
        made = channel(there.url.replace("http://", "json://"))
        assert (await made.send(notice(message(title=hostile), address="phone", channel="apprise"))).delivered
    title = json.loads(there.got[0].body)["title"]
    assert title.replace("\u200b", "").endswith(hostile)
    assert not [found for found in ("@everyone", "<!", "<@", "](") if found in title]
    assert "ada@ops.example" in title


@pytest.mark.parametrize(
    ("url", "address", "words"),
    [("json://x/y", "desk", "OPSAGENT_APPRISE_URL_DESK"), ("nonsense", "phone", "does not understand")],
)
async def test_what_is_not_set_up_is_said_and_tried_again(notice, url: str, address: str, words: str) -> None:
    delivery = await channel(url).send(notice(address=address))
    assert (delivery.delivered, delivery.permanent) == (False, False)
    assert words in delivery.error
    assert await channel(url).check(address) == delivery.error
