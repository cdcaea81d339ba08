"""The eleven fields of a slash command, and the name of each delivery."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.slack.config import SlackConfig
from opsagent.adapters.slack.form import SlashCommand, delivery_key, is_certificate_check, parse_command
from opsagent.errors import InputError

GIVEN = {
    "token": "gIkuvaNzQIHg97ATvDxqgjtO",
    "team_id": "T0001",
    "team_domain": "example",
    "channel_id": "C2147483705",
    "channel_name": "ops",
    "user_id": "U2147483697",
    "user_name": "ada",
    "command": "/cloud-ops",
    "text": "check the shop",
    "response_url": "https://hooks.slack.com/commands/1234/5678",
    "trigger_id": "13345224609.738474920.8088930838d88f008e0",
}


def body(**changes: str) -> bytes:
    return urlencode(GIVEN | changes).encode()


def test_all_eleven_fields_are_read() -> None:
    assert asdict(parse_command(body(api_app_id="A1", is_enterprise_install="false"))) == GIVEN


@given(st.text())
def test_the_text_comes_back_as_it_was_typed(text: str) -> None:
    try:
        raw = body(text=text)
    except UnicodeEncodeError:  # a lone surrogate cannot be sent at all
        return
    assert parse_command(raw).text == text
    spaced = b"text=" + quote_plus(text).encode() + b"&command=%2Fcloud-ops"
    assert parse_command(spaced).text == text


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused_in_words(raw: bytes) -> None:
    with contextlib.suppress(InputError):
        parse_command(raw)
    is_certificate_check(raw)


@pytest.mark.parametrize("raw", [b"text=%ff", b"\xff", b"&".join(b"a%d=1" % n for n in range(101))])
def test_what_is_no_form_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        parse_command(raw)


def test_a_field_that_comes_twice_counts_once() -> None:
    assert parse_command(b"text=first&text=second").text == "first"


def test_a_look_at_the_certificate_is_told_from_a_command() -> None:
    assert is_certificate_check(b"ssl_check=1&token=abc")
    assert not is_certificate_check(body(ssl_check="1"))
    assert not is_certificate_check(b"token=abc")


def test_the_same_delivery_has_the_same_name() -> None:
    command = parse_command(body())
    first = delivery_key(command, body(), "1")
    again = body(response_url="https://hooks.slack.com/commands/other")
    assert delivery_key(parse_command(again), again, "2") == first
    other = parse_command(body(trigger_id="another"))
    assert delivery_key(other, body(), "1")[0] != first[0]
    changed = parse_command(body(text="something else"))
    assert delivery_key(changed, b"", "1") == (first[0], delivery_key(changed, b"", "2")[1])
    assert delivery_key(changed, b"", "1")[1] != first[1]


def test_without_a_trigger_the_body_and_then_the_time_name_it() -> None:
    named = SlashCommand(response_url="https://hooks.slack.com/commands/1")
    assert delivery_key(named, b"x", "1") == delivery_key(named, b"x", "2")
    assert delivery_key(SlashCommand(), b"x", "1") != delivery_key(SlashCommand(), b"x", "2")


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://hooks.slack.com/commands/1/2", True),
        ("https://slack.com/x", True),
        ("http://hooks.slack.com/commands/1/2", False),
        ("https://hooks.slack.com:8443/commands/1", False),
        ("https://hooks.slack.com@evil.example/", False),
        ("https://x@hooks.slack.com/", False),
        ("https://hooks.slack.com.evil.example/", False),
        ("https://169.254.169.254/", False),
        ("https://hooks.slack.com/a b", True),
        ("https://hooks.slack.com/a\nb", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_slacks_own_addresses_are_answered(url: str, taken: bool) -> None:
    assert SlackConfig().is_response_url(url) is taken
