"""The three proofs a request from Jira may carry."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsagent.adapters.jira.config import JiraConfig, JiraIntakeConfig
from opsagent.adapters.jira.verification import is_from_jira

SECRET = "It's a Secret to Everybody"
SECRETS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_the_example_that_is_documented() -> None:
    # developer.atlassian.com/cloud/jira/platform/webhooks: the secret and the body of the test values there
    header = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert is_from_jira({"X-Hub-Signature": header}, b"Hello World!", SECRET)
    assert not is_from_jira({"X-Hub-Signature": header}, b"Hello World?", SECRET)


@given(body=st.binary(max_size=200), other=st.binary(max_size=200), secret=SECRETS, wrong=SECRETS)
def test_a_signature_is_right_iff_the_secret_and_the_body_are(
    body: bytes, other: bytes, secret: str, wrong: str
) -> None:
    assert is_from_jira({"x-hub-signature": signed(secret, body)}, body, secret)
    assert is_from_jira({"X-Hub-Signature": signed(wrong, body)}, body, secret) is (wrong == secret)
    assert is_from_jira({"X-Hub-Signature": signed(secret, other)}, body, secret) is (other == body)


@given(secret=SECRETS, given_=SECRETS)
def test_a_token_in_either_header_is_the_secret(secret: str, given_: str) -> None:
    same = given_ == secret
    assert is_from_jira({"X-Automation-Webhook-Token": given_}, b"{}", secret) is same
    assert is_from_jira({"Authorization": f"Bearer {given_}"}, b"{}", secret) is same


@given(text=st.text(max_size=80))
def test_nonsense_proves_nothing(text: str) -> None:
    for header in ("X-Hub-Signature", "X-Automation-Webhook-Token", "Authorization"):
        assert not is_from_jira({header: text}, b"{}", "a secret of ours that is long")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature": signed("", b"{}")},
        {"X-Automation-Webhook-Token": ""},
        {"Authorization": "Bearer "},
        {"Authorization": ""},
    ],
)
def test_an_empty_secret_proves_nothing(headers: dict[str, str]) -> None:
    assert not is_from_jira(headers, b"{}", "")


def test_a_wrong_signature_is_not_made_good_by_a_token() -> None:
    headers = {"X-Hub-Signature": signed("another", b"{}"), "X-Automation-Webhook-Token": SECRET}
    assert not is_from_jira(headers, b"{}", SECRET)
    assert not is_from_jira({"X-Hub-Signature": signed(SECRET, b"{}").replace("256", "1")}, b"{}", SECRET)


def test_no_secret_shows() -> None:
    shown = repr(JiraIntakeConfig(secret="hush-1")) + repr(
        JiraConfig(site="https://x", api_token="hush-2", oauth_token="hush-3", client_secret="hush-4")
    )
    assert "hush" not in shown
