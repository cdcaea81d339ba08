"""Slack's signature: true if and only if signed with the same secret, over the same bytes, lately."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.slack.signature import is_signed, sign

# Slack's own example ("Verifying requests from Slack").
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = "1531420618"
NOW = 1531420618.0
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
times = st.integers(min_value=0, max_value=10**11)


def test_the_documented_example_verifies() -> None:
    assert sign(SECRET, TIMESTAMP, BODY) == SIGNATURE
    assert is_signed(SECRET, TIMESTAMP, SIGNATURE, BODY, NOW)


@given(st.binary(max_size=500), secrets, secrets, times)
def test_true_if_and_only_if_it_was_the_same_secret(body: bytes, secret: str, other: str, at: int) -> None:
    signature = sign(secret, str(at), body)
    assert is_signed(secret, str(at), signature, body, float(at))
    assert is_signed(other, str(at), signature, body, float(at)) is (other == secret)


def test_ten_thousand_mutated_bodies_are_refused() -> None:
    chance = random.Random(4)  # noqa: S311 - repeatable on purpose
    tried = 0
    while tried < 10_000:
        body = bytearray(BODY)
        for _ in range(chance.randint(1, 3)):
            where = chance.randrange(len(body))
            match chance.randrange(3):
                case 0:
                    body[where] ^= 1 << chance.randrange(8)
                case 1:
                    del body[where]
                case _:
                    body.insert(where, chance.randrange(256))
        if bytes(body) == BODY:
            continue
        tried += 1
        assert not is_signed(SECRET, TIMESTAMP, SIGNATURE, bytes(body), NOW)


@pytest.mark.parametrize(("late", "fine"), [(300, True), (-300, True), (300.5, False), (-301, False), (1e9, False)])
def test_old_and_future_requests_are_refused(late: float, fine: bool) -> None:
    assert is_signed(SECRET, TIMESTAMP, SIGNATURE, BODY, NOW + late) is fine


def test_without_a_secret_nothing_is_signed() -> None:
    assert not is_signed("", TIMESTAMP, sign("", TIMESTAMP, BODY), BODY, NOW)


@pytest.mark.parametrize(
    "signature",
    ["", "v0=", SIGNATURE.upper(), SIGNATURE[3:], SIGNATURE + " ", "v1" + SIGNATURE[2:], "é", "\ud800", SIGNATURE[:-1]],
)
def test_other_signatures_are_refused(signature: str) -> None:
    assert not is_signed(SECRET, TIMESTAMP, signature, BODY, NOW)


@pytest.mark.parametrize("timestamp", ["", "+1531420618", "1531420618.0", "١٥٣١", "9" * 400, " 1531420618", "nan"])
def test_what_is_no_time_is_refused(timestamp: str) -> None:
    assert not is_signed(SECRET, timestamp, sign(SECRET, timestamp, BODY), BODY, NOW)
