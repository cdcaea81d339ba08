"""Which account a text means: exact ids and whole names, one or none, never a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.domain.account import find_account
from opsagent.domain.connection import Connection


def account(name: str, number: str, region: str = "eu-central-1", called: str = "") -> Connection:
    return Connection(
        id=name,
        tenant="t",
        name=name,
        executor="aws",
        address=f"aws://{number}/{region}",
        options={"account_name": called} if called else {},
    )


ACCOUNTS = [
    account("prod", "111111111111", called="Shop Production"),
    account("prod-eu", "222222222222"),
    account("lab-ffm", "333333333333", called="lab"),
    account("lab-irl", "333333333333", "eu-west-1", called="lab"),
    Connection(id="h", tenant="t", name="web", address="ssh://web"),
]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("EC2 is stopped in 111111111111", "prod"),
        ("account 1111-1111-1111: disk full", "prod"),
        ("arn:aws:ec2:eu-west-1:222222222222:instance/i-1", "prod-eu"),
        ("please look at PROD.", "prod"),
        ("please look at prod-eu", "prod-eu"),
        ("the shop  production account is slow", "prod"),
        ("lab in eu-west-1 is down", "lab-irl"),
        ("account 333333333333 (eu-central-1)", "lab-ffm"),
        ("lab-irl is down", "lab-irl"),
        ("prod, account 111111111111", "prod"),
    ],
)
def test_an_exact_id_or_name_selects(text: str, name: str) -> None:
    found = find_account(text, ACCOUNTS)
    assert found.connection is not None, found.reason
    assert (found.connection.name, found.reason) == (name, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("move it from prod to prod-eu", "Several accounts"),
        ("lab is down", "Several accounts"),
        ("lab: eu-west-1 and eu-central-1", "Several accounts"),
        ("account 444444444444", "not registered"),
        ("prod, account 444444444444", "not registered"),
        ("prod, account 222222222222", "Several accounts"),
    ],
)
def test_what_is_not_exactly_one_selects_none_and_says_why(text: str, says: str) -> None:
    found = find_account(text, ACCOUNTS)
    assert found.connection is None
    assert says in found.reason


@pytest.mark.parametrize(
    "text", ["", "production", "prods", "preprod", "1111111111110", "x111111111111", "web is down", "laboratory"]
)
def test_what_only_looks_like_one_says_nothing(text: str) -> None:
    found = find_account(text, ACCOUNTS)
    assert (found.connection, found.reason) == (None, "")


@given(st.text())
def test_any_text_selects_a_registered_account_or_none(text: str) -> None:
    found = find_account(text, ACCOUNTS)
    assert found.connection is None or found.connection in ACCOUNTS
    assert not (found.connection and found.reason)
